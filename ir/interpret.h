// The meaning of the tensor IR: evaluates any function in f64 by plain loops, form by form.
//
// Shares no code with the lowering to kernels, so that a disagreement between the two is a bug in one of them.
// Every value is held in f64.  Integers are truncated and wrapped to their dtype after each op (i64 is exact up to
// 2^53), bool is 0 or 1, f32 keeps its f64 digits unless round_f32 asks for f32 arithmetic.  f16 and bf16 are rounded to
// nearest after each op, as they are defined by what 16 bits hold.
#pragma once

#include <vector>

#include "ir/base/result.h"
#include "ir/graph.h"
#include "ir/op_def.h"

namespace tarn {

struct Tensor {
  Type type;
  std::vector<double> data;  // row-major; type.elements() numbers
};

struct InterpretOptions {
  // Round f32 values to f32 after each op and after each step of a sum: measures what f32 arithmetic itself loses.
  bool round_f32 = false;
  // False: f16 and bf16 keep their f64 digits too, so that differences of nearby points are slopes.
  bool round_half = true;
};

// The results of `func` on `args`, one tensor for each argument of that very type.  `module` must have passed verify().
// Errors: wrong arguments; a `grad` that autodiff has not expanded; calls nested deeper than 100.
Result<std::vector<Tensor>> interpret(const Module& module, const Func& func, std::vector<Tensor> args,
                                      const InterpretOptions& options = {});

// The results of one op of `func`.  `values`: indexed by ValueId; the operands of the op are read.  Errors: as above.
Result<std::vector<Tensor>> interpret_op(const Module& module, const Func& func, const Op& op,
                                         const std::vector<Tensor>& values, const InterpretOptions& options = {});

// One op with one result of type `type`, whatever its form but Call, Scan and Gradient.
Tensor evaluate(const OpDef& def, const Attrs& attrs, const Type& type, const std::vector<const Tensor*>& operands,
                const InterpretOptions& options = {});

// One element of an elementwise op: operands of dtype `from` (where they differ, the last one's), the result brought into
// `to`.  A float that becomes an integer is cut off, and is the nearest number of that dtype where it is out of range.
double element_of(const Elementwise& form, std::span<const double> x, DType from, DType to,
                  const InterpretOptions& options = {});

// A number brought into a dtype: truncated and wrapped for integers (NaN and infinity: 0), 0 or 1 for bool.
double to_dtype(double value, DType dtype, const InterpretOptions& options = {});

}  // namespace tarn
