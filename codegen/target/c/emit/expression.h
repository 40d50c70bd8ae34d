// The closed set of scalar operations (ir/scalar.h states their meaning) as expressions of C.
//
// How a scalar is held: Bool as `bool`, U8 as `uint8_t`, I32 and I64 as `uint32_t` and `uint64_t`, so that their
// arithmetic wraps; where the sign matters a cast says so.
#pragma once

#include <span>
#include <string>

#include "ir/op_forms.h"
#include "ir/scalar.h"

namespace tarn::c_source {

// How tightly the operator at the top of an expression binds.
enum class Binding : uint8_t { Loose, Sum, Product, Unary, Primary };

struct Expression {
  std::string text;
  Binding binding = Binding::Primary;
  bool is_literal = false;  // of a number

  // In parentheses where it binds less tightly.
  std::string as(Binding least) const { return binding >= least ? text : "(" + text + ")"; }
};

std::string_view scalar_type(DType dtype);  // "float", "uint32_t"
std::string_view memory_type(DType dtype);  // "tarn_f32": an element of the arena

Expression literal(double value, DType dtype);

// `from`: the dtype of the last operand.  An operand may be used more than once where needs_names(op, from).
Expression apply(ScalarOp op, std::span<const Expression> x, DType from, DType to);
bool needs_names(ScalarOp op, DType from);

// The sum, product, ... of two values of a reduction other than ArgMax.
Expression combine(ReduceKind kind, const Expression& sum, const Expression& value, DType dtype);
Expression identity(ReduceKind kind, DType dtype);

}  // namespace tarn::c_source
