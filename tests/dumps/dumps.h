// From every dump of a model the compiler goes on to what it makes of the model.
#pragma once

#include <string>

namespace tarn {

// Compiles a model of the repository, dumps it after each pass, and goes on from each dump: every one must lead to the
// very same text, and be read back as it was printed.
void check_dumps(const std::string& model, int opt_level);

}  // namespace tarn
