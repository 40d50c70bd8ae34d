// One element of a value -> scalar code, and loops where the op of the value combines many; a function for each form.
#include <fmt/format.h>

#include <algorithm>

#include "codegen/kernel/kernel_lowering.h"
#include "ir/accumulation.h"
#include "ir/base/check.h"
#include "ir/contract_spec.h"
#include "ir/view_map.h"

namespace tarn {

static std::string key_of(ValueId value, const Indices& indices) {
  std::string key = fmt::format("{}", value.index);
  for (const IndexExpression& index : indices) {
    key += fmt::format("|{}/{}", index.offset, index.divisor);
    for (const IndexExpression::Term& term : index.terms) key += fmt::format(",{}*{}", term.variable, term.coefficient);
    for (const auto& loaded : index.loaded) key += fmt::format(",%{}*{}", loaded.scalar, loaded.coefficient);
  }
  return key;
}

// (sum of coefficients[d] * indices[d] + offset) / divisor, as an expression of loop variables.
static IndexExpression compose(const AffineIndex& map, const Indices& indices) {
  std::map<VariableIndex, int64_t> coefficients;
  IndexExpression result{{}, map.offset, map.divisor, {}};
  for (size_t d = 0; d < map.coefficients.size(); ++d) {
    if (map.coefficients[d] == 0) continue;
    TARN_CHECK(indices[d].divisor == 1, "an index with a divisor cannot be composed");
    result.offset += map.coefficients[d] * indices[d].offset;
    for (const auto& term : indices[d].terms) coefficients[term.variable] += map.coefficients[d] * term.coefficient;
    for (const auto& loaded : indices[d].loaded) {
      result.loaded.push_back({loaded.scalar, map.coefficients[d] * loaded.coefficient});
    }
  }
  for (auto [variable, coefficient] : coefficients) {
    if (coefficient != 0) result.terms.push_back({variable, coefficient});
  }
  return result;
}

Scalar KernelLowering::index_scalar(const IndexExpression& index) {
  TARN_CHECK(index.divisor == 1, "an index with a divisor has no value");
  Scalar sum = constant(static_cast<double>(index.offset), DType::I32);
  bool is_first = index.offset == 0;
  for (const auto& term : index.terms) {
    Scalar part = read_index(term.variable);
    if (term.coefficient != 1) {
      part = apply(ScalarOp::Mul, {part, constant(static_cast<double>(term.coefficient), DType::I32)});
    }
    sum = is_first ? part : apply(ScalarOp::Add, {sum, part});
    is_first = false;
  }
  for (const auto& loaded : index.loaded) {
    Scalar part = cast(scalar_of(loaded.scalar), DType::I32);
    part = apply(ScalarOp::Mul, {part, constant(static_cast<double>(loaded.coefficient), DType::I32)});
    sum = apply(ScalarOp::Add, {sum, part});
  }
  return sum;
}

ScalarIndex KernelLowering::evaluate(ValueId value, const Indices& indices) {
  std::string key = key_of(value, indices);
  for (const Scope& scope : scopes_) {
    if (auto found = scope.computed.find(key); found != scope.computed.end()) return found->second;
  }
  ScalarIndex result = element_of(compute(value, indices), func_.type(value).dtype);
  scopes_[scalar_depth_[result]].computed[key] = result;
  return result;
}

ScalarIndex KernelLowering::compute(ValueId value, const Indices& indices) {
  // Nothing reads an element of an empty tensor: the loop around never runs, but a load might be placed outside it.
  if (func_.type(value).elements() == 0) return constant(0, func_.type(value).dtype).id;
  if (defining_[value.index] < 0) return load(value, indices, false);
  const Op& op = func_.ops[static_cast<size_t>(defining_[value.index])];
  return std::visit([&](const auto& form) { return compute_form(form, op, indices); }, op.def->body);
}

ScalarIndex KernelLowering::load(ValueId argument, const Indices& indices, bool guarded) {
  BufferIndex buffer = buffer_of_.at(argument.index);
  size_t depth = depth_of(indices);
  DType dtype = kernel_.buffers[buffer].type.dtype;
  ScalarIndex result = add_scalar(computed_dtype(dtype), depth);
  if (is_half(dtype)) set_number_of(result, dtype);
  scopes_[depth].block.push_back({Load{result, {buffer, indices, guarded}}});
  return result;
}

ScalarIndex KernelLowering::compute_form(const Elementwise& form, const Op& op, const Indices& indices) {
  std::vector<Scalar> operands;
  for (ValueId operand : op.operands) operands.push_back(scalar_of(evaluate(operand, indices)));
  return form.lower(*this, operands, func_.type(op.result()).dtype).id;
}

ScalarIndex KernelLowering::compute_form(const Generate& form, const Op& op, const Indices& indices) {
  std::vector<Scalar> scalars, positions;
  for (ValueId operand : op.operands) scalars.push_back(scalar_of(evaluate(operand, {})));
  const Type& type = func_.type(op.result());
  // Flat kernels hold splats only, whose lowering reads no position.
  for (size_t d = 0; !flat_ && d < indices.size(); ++d) positions.push_back(index_scalar(indices[d]));
  return form.lower(*this, positions, type.shape, scalars, op.attrs, type.dtype).id;
}

ScalarIndex KernelLowering::compute_form(const View&, const Op& op, const Indices& indices) {
  ValueId operand = op.operands[0];
  if (flat_) return evaluate(operand, {});  // a scalar, repeated
  std::optional<std::vector<AffineIndex>> map = view_map(func_, op);
  TARN_CHECK(map, "`{}` has no index map inside a kernel", func_.name_of(op.result()));
  Indices mapped;
  for (const AffineIndex& index : *map) mapped.push_back(compose(index, indices));
  if (!leaves_range(*map, func_.type(op.result()).shape, func_.type(operand).shape)) return evaluate(operand, mapped);
  TARN_CHECK(defining_[operand.index] < 0, "a view reads outside `{}`, which is no buffer", func_.name_of(operand));
  return load(operand, mapped, true);
}

ScalarIndex KernelLowering::compute_form(const Reduce& form, const Op& op, const Indices& indices) {
  const std::vector<int64_t>& axes = attr_ints(op.attrs, "axes");
  const Shape& shape = func_.type(op.operands[0]).shape;
  std::vector<int64_t> extents;
  for (int64_t axis : axes) extents.push_back(shape[static_cast<size_t>(axis)]);
  return accumulate(form.kind, op, indices, extents, [&](const auto& variables, DType) {
    Indices inner;
    size_t kept = 0, reduced = 0;
    for (size_t d = 0; d < shape.size(); ++d) {
      bool is_reduced = std::find(axes.begin(), axes.end(), static_cast<int64_t>(d)) != axes.end();
      inner.push_back(is_reduced ? plain(variables[reduced++]) : indices[kept++]);
    }
    return scalar_of(evaluate(op.operands[0], inner));
  });
}

// The loop sums in the dtype that the op names; what it adds is brought into that dtype, and the sum out of it.
ScalarIndex KernelLowering::accumulate(ReduceKind kind, const Op& op, const Indices& indices,
                                       const std::vector<int64_t>& extents, const Term& term) {
  DType dtype = func_.type(op.result()).dtype;
  DType wide = accumulation(op.attrs, dtype);
  ScalarIndex sum = reduce(kind, indices, extents, wide, [&](const auto& variables) {
    Scalar added = term(variables, wide);
    return kind == ReduceKind::ArgMax ? added.id : cast(added, wide).id;
  });
  bool is_picked = kind == ReduceKind::Max || kind == ReduceKind::Min;
  if (is_picked && is_half(dtype)) set_number_of(sum, dtype);
  return cast(scalar_of(sum), dtype).id;
}

ScalarIndex KernelLowering::compute_form(const Contract&, const Op& op, const Indices& indices) {
  ContractSpec spec = *parse_contract_spec(attr_string(op.attrs, "spec"));
  std::map<char, IndexExpression> index_of;
  for (size_t d = 0; d < spec.result.size(); ++d) index_of[spec.result[d]] = indices[d];
  std::string contracted;
  std::vector<int64_t> extents;
  for (size_t d = 0; d < spec.lhs.size(); ++d) {
    if (index_of.contains(spec.lhs[d])) continue;
    contracted += spec.lhs[d];
    extents.push_back(func_.type(op.operands[0]).shape[d]);
  }
  return accumulate(ReduceKind::Sum, op, indices, extents, [&](const auto& variables, DType wide) {
    for (size_t d = 0; d < contracted.size(); ++d) index_of[contracted[d]] = plain(variables[d]);
    Indices lhs, rhs;
    for (char label : spec.lhs) lhs.push_back(index_of.at(label));
    for (char label : spec.rhs) rhs.push_back(index_of.at(label));
    Scalar a = scalar_of(evaluate(op.operands[0], lhs));
    Scalar b = scalar_of(evaluate(op.operands[1], rhs));
    return apply(ScalarOp::Mul, {cast(a, wide), cast(b, wide)});
  });
}

Indices KernelLowering::shared_of(const Op& op, const Indices& indices) {
  return {indices.begin(), indices.begin() + attr_int(op.attrs, "shared")};
}

Scalar KernelLowering::loaded_index(ValueId indices, const Indices& at) {
  Scalar position = scalar_of(evaluate(indices, at));
  return position.dtype == DType::U8 ? cast(position, DType::I32) : position;
}

// An index outside of x reads element 0 in its place, and the result is zero.
ScalarIndex KernelLowering::compute_form(const Gather&, const Op& op, const Indices& indices) {
  ValueId x = op.operands[0];
  auto axis = static_cast<size_t>(attr_int(op.attrs, "axis"));
  int64_t size = func_.type(x).shape[axis];
  DType dtype = func_.type(x).dtype;
  if (size == 0) return constant(0, dtype).id;
  Indices at = shared_of(op, indices);
  auto own = indices.begin() + static_cast<std::ptrdiff_t>(axis);
  auto behind = own + func_.type(op.operands[1]).rank() - static_cast<std::ptrdiff_t>(at.size());
  at.insert(at.end(), own, behind);
  Scalar position = loaded_index(op.operands[1], at);
  Scalar zero = constant(0, position.dtype);
  Scalar is_inside =
      apply(ScalarOp::And, {apply(ScalarOp::Ge, {position, zero}),
                            apply(ScalarOp::Lt, {position, constant(static_cast<double>(size), position.dtype)})});
  Scalar safe = apply(ScalarOp::Select, {is_inside, position, zero});
  Indices mapped(indices.begin(), own);
  mapped.push_back({{}, 0, 1, {{safe.id, 1}}});
  mapped.insert(mapped.end(), behind, indices.end());
  return apply(ScalarOp::Select, {is_inside, scalar_of(evaluate(x, mapped)), constant(0, dtype)}).id;
}

// A sum over all updates of those whose index is that of the result: no order of stores, and whatever reads the
// result is its epilogue.
ScalarIndex KernelLowering::compute_form(const Scatter&, const Op& op, const Indices& indices) {
  auto axis = static_cast<size_t>(attr_int(op.attrs, "axis"));
  Indices shared = shared_of(op, indices);
  const Shape& whole = func_.type(op.operands[0]).shape;
  Shape extents(whole.begin() + static_cast<std::ptrdiff_t>(shared.size()), whole.end());
  DType dtype = func_.type(op.result()).dtype;
  return accumulate(ReduceKind::Sum, op, indices, extents, [&](const auto& variables, DType) {
    Indices summed, at = shared;
    for (VariableIndex variable : variables) summed.push_back(plain(variable));
    at.insert(at.end(), summed.begin(), summed.end());
    Scalar position = loaded_index(op.operands[0], at);
    Scalar wanted = cast(index_scalar(indices[axis]), position.dtype);
    Scalar is_here = apply(ScalarOp::Eq, {position, wanted});
    Indices from(indices.begin(), indices.begin() + static_cast<std::ptrdiff_t>(axis));
    from.insert(from.end(), summed.begin(), summed.end());
    from.insert(from.end(), indices.begin() + static_cast<std::ptrdiff_t>(axis) + 1, indices.end());
    return apply(ScalarOp::Select, {is_here, scalar_of(evaluate(op.operands[1], from)), constant(0, dtype)});
  });
}

ScalarIndex KernelLowering::refuse(const Op& op) const {
  TARN_CHECK(false, "`{}` inside kernel @{}", op.def->name, func_.name);
  return 0;
}

}  // namespace tarn
