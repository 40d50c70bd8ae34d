// Shared by the tests of the front end: compiling a text, and running entry points in the reference interpreter.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "frontend/compile.h"
#include "ir/interpret.h"

namespace tarn::test {

// The module of a program without mistakes, verified; fails the test otherwise.
Module compile(const std::string& text, const FrontendOptions& options = {});
// The same with its `grad` ops expanded.
Module compile_expanded(const std::string& text);
std::string read_file(const std::string& path);  // relative to the repository

using Values = std::map<std::string, std::vector<double>>;

// Runs @name in the interpreter: arguments by name from `values`; results go back there, so that steps can follow.
void run(const Module& module, const std::string& name, Values& values);

}  // namespace tarn::test
