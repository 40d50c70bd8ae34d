// The reference page of all ops, made from their records: docs/ops.md.
#pragma once

#include <string>

namespace tarn {

std::string ops_document();

}  // namespace tarn
