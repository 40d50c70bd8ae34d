// What an expression stands for while the program is elaborated: a number known now, a tensor of the IR, a layer, ...
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "frontend/ast.h"
#include "ir/graph.h"

namespace tarn {

struct Frame;
struct Builtin;
using FramePtr = Frame*;  // the Session owns all frames: values in them refer back to them

// One dimension of a tensor, with what is known about where it comes from.
struct Axis {
  int64_t size = 0;
  std::string name;       // as the last signature that it passed named it: "B", "In"; may be empty
  uint32_t identity = 0;  // equal for dimensions that are the same one, as x and sum(x, over = 0) share; 0: none
  // Batch dimensions: index i belongs to row (i / inner) % B, so a merged B*T has inner = T.  0: not a batch dimension.
  int64_t inner = 0;
  bool stretches = false;  // size 1 from `keep = true`: fits any size
  Span origin;             // where its size was written
  std::string factors;     // "16*5*5", where it was merged from several
  std::string label;       // the letter that einsum gave it: another name

  bool is_batch() const { return inner > 0; }
};

enum class TermKind : uint8_t {
  Error,    // already reported; whatever uses it is silently an error too
  Integer,  // known now
  Real,     // known now
  Bool,     // known now
  Text,
  List,  // static
  Tuple,
  Tensor,    // a value of the function being built; scalars of f64 that adapt to their surroundings are `weak`
  Callable,  // a declaration or builtin, perhaps with its static arguments or an instance path
  Closure,   // an expression that draws initial values, evaluated for each parameter
  Columns,   // the `cols` of a CSV data block
};

Shape shape_of(const std::vector<Axis>& axes);

struct Term {
  TermKind kind = TermKind::Error;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<Term> items;
  bool from_batch = false;  // Integer that counts rows of the batch at compile time
  bool is_dimension = false;
  Span origin;

  // Tensor
  const Func* owner = nullptr;
  ValueId value;
  DType dtype = DType::F32;
  std::vector<Axis> axes;
  int64_t classes = 0;  // labels 0..classes-1; 0: plain numbers
  bool weak = false;

  // Callable and Closure
  const ast::Decl* decl = nullptr;
  const Builtin* builtin = nullptr;
  const ast::Expr* expr = nullptr;
  FramePtr frame = nullptr;  // Closure: where to evaluate; Callable: its static arguments, bound
  std::string instance;      // path of a `use` instance

  bool is_error() const { return kind == TermKind::Error; }
  bool is_tensor() const { return kind == TermKind::Tensor; }
  bool is_number() const { return kind == TermKind::Integer || kind == TermKind::Real; }
  bool is_literal() const { return is_number() || kind == TermKind::Bool; }
  bool is_scalar() const { return is_literal() || (is_tensor() && axes.empty()); }
  bool is_runtime_scalar() const { return is_tensor() && weak; }
  bool is_zero() const { return is_literal() && number() == 0; }
  double number() const { return kind == TermKind::Real ? real : static_cast<double>(integer); }
  Shape shape() const { return shape_of(axes); }
};

Term integer_term(int64_t value, Span origin = {});
Term real_term(double value);
Term bool_term(bool value);
Term text_term(std::string text);

// As messages show it: "f32[B,784]", "class[10][B]", "3", "a layer".
std::string describe(const Term& term);
std::string axis_text(const Axis& axis);

}  // namespace tarn
