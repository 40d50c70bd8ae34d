// The `data` block: its format, where its files are, and which fields make which inputs.
#pragma once

#include <string_view>
#include <vector>

#include "frontend/session.h"

namespace tarn {

class Evaluator;

// The record's attributes: `format` and the block's keys.  Reports unknown, missing and wrong ones.
Attrs data_attrs(Evaluator& evaluator, const ast::Decl& data);

// The names that the block's format gives to bytes of its files; they name inputs of the step.
std::vector<std::string_view> byte_sources_of(const ast::Decl& data);

}  // namespace tarn
