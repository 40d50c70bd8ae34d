// Shape rules that several ops share, and the one entry that applies an op's rule.
// A rule returns the label of the violated constraint as `C1`, ...; result_type puts the op's name before it.
#pragma once

#include <span>
#include <vector>

#include "ir/op_def.h"

namespace tarn {

// The type of `def` on these operands: arity, attributes, the op's own rule, and that the size fits into int64.
// Errors: op.arity, op.attrs, op.size, or `<op>.C<n>` from the op's doc.
Result<Type> result_type(const OpDef& def, std::span<const Type> inputs, const Attrs& attrs);

// Every attribute of the record is there with its kind, unless it is optional, and no other; nullopt if so.
std::optional<Error> attrs_error(const OpDef& def, const Attrs& attrs);

// Elementwise rules.  C1: the operands have one type.  C2: its dtype is of the kind named.
Result<Type> same_numbers(const ShapeArgs& args);  // integers or floats
Result<Type> same_floats(const ShapeArgs& args);
Result<Type> same_integers(const ShapeArgs& args);
Result<Type> same_bools(const ShapeArgs& args);
// C1: the operands have one type.  The result is bool of that shape.
Result<Type> comparison(const ShapeArgs& args);
// The operand's type, whatever it is.
Result<Type> same_as_input(const ShapeArgs& args);

// Reductions.  C1: axes are sorted, unique and in range.  C2: the dtype is a number.
Result<Type> reduced(const ShapeArgs& args);
// The same, and C3: attribute `accumulate` is a wider dtype (ir/accumulation.h).
Result<Type> accumulated(const ShapeArgs& args);
// As reduced, and C3: no reduced dimension is empty, for there is no greatest of nothing.
Result<Type> reduced_non_empty(const ShapeArgs& args);

// The axes of a shape of this rank that are not in `axes`, ascending.
std::vector<int64_t> other_axes(int64_t rank, const std::vector<int64_t>& axes);

// Reads attributes `dtype` and `shape`.  C1: the dtype exists.  C2: no size is negative.
Result<Type> declared_type(const Attrs& attrs);

// Vjp rules that several ops share.
Gradients no_gradient(const VjpArgs& args);  // structurally zero for every input

// For View::of_stack: the numbers that dimensions have behind a new dimension 0, and a list with an entry for it.
std::vector<int64_t> one_further(std::vector<int64_t> dimensions);
std::vector<int64_t> with_front(int64_t first, std::vector<int64_t> rest);

}  // namespace tarn
