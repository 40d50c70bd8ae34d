// Names of other libraries -> how it is written here: for those who look for `Conv2d` or `zeros_like`.
#pragma once

#include <string>
#include <vector>

#include "ir/base/diagnostic.h"

namespace tarn {

// "`conv[F, k = 3]` of images" for `conv2d`, `Conv2d` or `conv_2d`; empty for names that are not known elsewhere
// either.
std::string foreign_name_help(const std::string& name);

// There is no `name`: the nearest of `candidates`, or what another library's name is called here.
std::string no_such_name(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace tarn
