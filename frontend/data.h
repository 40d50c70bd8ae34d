// The `data` block: its format, where its files are, and which fields make which inputs.
#pragma once

#include <optional>

#include "frontend/session.h"

namespace tarn {

class Evaluator;

// The record's attributes: format, train, test, valid, header, separator.  Reports unknown keys and wrong values.
Attrs data_attrs(Evaluator& evaluator, const ast::Decl& data);

}  // namespace tarn
