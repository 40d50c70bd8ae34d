// Functions that the language has beyond its library: the ops of the IR, reductions, reshapes, gradients.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/term.h"

namespace tarn {

class Evaluator;

enum class ArgKind : uint8_t { Value, Static, Axes };

struct BuiltinParam {
  const char* name;
  ArgKind kind = ArgKind::Value;
  bool is_optional = false;
};

struct BuiltinCall {
  const Builtin* builtin;
  std::vector<std::optional<Term>> args;  // by parameter
  std::vector<Term> rest;                 // further positional arguments of a variadic
  const ast::Expr* statics = nullptr;     // `reshape[..]`: the Bracket expression
  FramePtr statics_frame = nullptr;
  FramePtr frame = nullptr;
  Span span;
};

struct Builtin {
  const char* name;
  std::vector<BuiltinParam> params;
  Term (*run)(Evaluator& e, BuiltinCall& call);
  const char* summary;
  bool is_variadic = false;   // further positional arguments go to `rest`
  bool has_statics = false;   // takes `[..]`
  bool needs_statics = true;  // and not without
};

void add_window_builtins(std::vector<Builtin>& table);  // builtins_window.cpp

void add_fill_builtins(std::vector<Builtin>& table);  // builtins_fill.cpp
// The dimensions that `[B, 16]` of a call such as normal[B, 16](0, 1) asks for; nullopt where one is wrong.
std::optional<std::vector<Axis>> axes_in_brackets(Evaluator& e, const BuiltinCall& call);

bool is_unsupported(const Builtin& builtin);  // of the design, but still to come
const Builtin* find_builtin(std::string_view name);
const std::vector<Builtin>& all_builtins();
void add_numeric_builtins(std::vector<Builtin>& table);   // builtins_numeric.cpp
void add_gradient_builtins(std::vector<Builtin>& table);  // builtins_gradient.cpp
void add_random_builtins(std::vector<Builtin>& table);    // builtins_random.cpp
void add_index_builtins(std::vector<Builtin>& table);     // builtins_index.cpp
void add_join_builtins(std::vector<Builtin>& table);      // builtins_join.cpp

// Whether a path such as "fc1.w" fits a glob such as "fc*.w"; `*` stands for any letters, `?` for one.
bool matches_glob(std::string_view path, std::string_view glob);

}  // namespace tarn
