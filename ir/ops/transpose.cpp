// Permutes the dimensions of a tensor.
#include "ir/op_file.h"

#include <fmt/format.h>

namespace tarn {

static Result<Type> transpose_type(const ShapeArgs& args) {
  const Type& x = args.inputs[0];
  const std::vector<int64_t>& perm = attr_ints(args.attrs, "perm");
  std::vector<bool> seen(x.shape.size(), false);
  Type result{x.dtype, {}};
  for (int64_t from : perm) {
    if (from < 0 || from >= x.rank() || seen[from]) break;
    seen[from] = true;
    result.shape.push_back(x.shape[from]);
  }
  if (result.shape.size() == perm.size() && result.rank() == x.rank()) return result;
  return Error{fmt::format("perm {} does not permute the dimensions of {}", shape_text(perm), x.text()), "C1"};
}

static std::optional<std::vector<AffineIndex>> transpose_map(const Attrs& attrs, const Shape& operand, const Shape&) {
  std::vector<AffineIndex> map(operand.size(), {std::vector<int64_t>(operand.size(), 0)});
  const std::vector<int64_t>& perm = attr_ints(attrs, "perm");
  for (size_t d = 0; d < perm.size(); ++d) map[perm[d]].coefficients[d] = 1;
  return map;
}

static Attrs transpose_of_stack(const Attrs& attrs, int64_t) {
  Attrs made = attrs;
  made["perm"] = with_front(0, one_further(attr_ints(attrs, "perm")));
  return made;
}

extern const OpDef op_transpose;
const OpDef op_transpose{
    .name = "transpose",
    .summary = "permutation of dimensions",
    .doc =
        "dimension d of the result is dimension perm[d] of x.\n"
        "(C1) perm is a permutation of the dimensions of x.",
    .source = "https://openxla.org/stablehlo/spec#transpose",
    .arity = 1,
    .attrs = {{"perm", AttrKind::Ints, "which dimension of x each dimension of the result is"}},
    .shape = transpose_type,
    .vjp = [](const VjpArgs& a) -> Gradients {
      const std::vector<int64_t>& perm = attr_ints(a.op.attrs, "perm");
      std::vector<int64_t> inverse(perm.size());
      for (size_t d = 0; d < perm.size(); ++d) inverse[perm[d]] = static_cast<int64_t>(d);
      return {a.b.op("transpose", {a.cotangent}, {{"perm", std::move(inverse)}})};
    },
    .body = View{transpose_map, transpose_of_stack},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = {{.inputs = {{{DType::F32, {3, 5}}}}, .attrs = {{"perm", Shape{1, 0}}}},
                {.inputs = {{{DType::F32, {}}}}, .attrs = {{"perm", Shape{}}}},
                {.inputs = {{{DType::F32, {0, 4}}}}, .attrs = {{"perm", Shape{1, 0}}}},
                {.inputs = {{{DType::F32, {2, 3, 5}}}}, .attrs = {{"perm", Shape{2, 0, 1}}}}},
};

}  // namespace tarn
