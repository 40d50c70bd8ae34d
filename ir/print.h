// The tensor IR as text; ir/parse.h reads it back: print(parse(print(m))) == print(m).  Grammar: docs/ir.md.
#pragma once

#include <string>

#include "ir/graph.h"

namespace tarn {

struct PrintOptions {
  bool locations = false;  // append loc("file":line:column, "path") to each op
};

std::string print(const Module& module, const PrintOptions& options = {});
std::string print(const Func& func, const PrintOptions& options = {});
// One op without its line end: "%z = add %x, %y : f32[3]".
std::string print(const Func& func, const Op& op, const PrintOptions& options = {});

}  // namespace tarn
