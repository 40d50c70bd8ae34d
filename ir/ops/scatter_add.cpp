// Sums of slices by the index that another tensor gives each of them: the gradient of an embedding table.
#include "ir/op_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/accumulation.h"

namespace tarn {

static Result<Type> scatter_type(const ShapeArgs& args) {
  const Type &indices = args.inputs[0], &updates = args.inputs[1];
  int64_t axis = attr_int(args.attrs, "axis"), size = attr_int(args.attrs, "size");
  if (!is_integer(indices.dtype)) return Error{fmt::format("indices are {}, not integers", indices.text()), "C1", 0};
  if (updates.dtype == DType::Bool) return Error{fmt::format("updates are {}, not numbers", updates.text()), "C2", 1};
  int64_t shared = attr_int(args.attrs, "shared");
  auto own = indices.shape.begin() + std::clamp<int64_t>(shared, 0, indices.rank());
  bool shares = shared >= 0 && shared <= std::min(axis, std::min(indices.rank(), updates.rank())) &&
                std::equal(indices.shape.begin(), own, updates.shape.begin());
  if (axis >= 0 && !shares) {
    return Error{fmt::format("indices {} and updates {} do not share {} dimensions before {}", indices.text(),
                             updates.text(), shared, axis),
                 "C5", 1};
  }
  bool fits = axis >= 0 && axis + (indices.shape.end() - own) <= updates.rank() &&
              std::equal(own, indices.shape.end(), updates.shape.begin() + axis);
  if (!fits) {
    return Error{fmt::format("updates {} do not have the dimensions of indices {} from {} on", updates.text(),
                             indices.text(), axis),
                 "C3", 1};
  }
  if (size < 0) return Error{fmt::format("size is {}", size), "C4"};
  if (std::optional<Error> error = accumulation_error(args.attrs, updates.dtype, "C6")) return *error;
  Type result{updates.dtype, updates.shape};
  auto first = result.shape.begin() + axis;
  first = result.shape.erase(first, first + (indices.shape.end() - own));
  result.shape.insert(first, size);
  return result;
}

// Each update was added at one place, so it gets the cotangent from there.
static Gradients scatter_vjp(const VjpArgs& a) {
  Attrs attrs = {{"axis", attr_int(a.op.attrs, "axis")}, {"shared", attr_int(a.op.attrs, "shared")}};
  return {std::nullopt, a.b.op("gather", {a.cotangent, a.inputs[0]}, std::move(attrs))};
}

static Sample scatter_sample(Shape indices, Type updates, int64_t axis, int64_t size, DType dtype = DType::I32,
                             int64_t shared = 0, Attrs attrs = {}) {
  attrs.insert({{"axis", axis}, {"shared", shared}, {"size", size}});
  return {
      {SampleInput{Type{dtype, std::move(indices)}, -1, static_cast<double>(size)}, SampleInput{std::move(updates)}},
      std::move(attrs),
      {}};
}

extern const OpDef op_scatter_add;
const OpDef op_scatter_add{
    .name = "scatter_add",
    .summary = "sums of slices by given indices along one axis",
    .doc =
        "result[s.., o.., v, n..] = sum of updates[s.., o.., i.., n..] over all i.. with indices[s.., i..] == v, in "
        "row-major order of i.. on every target; s.. are the first `shared` dimensions, o.. those from there to axis; "
        "updates whose index is outside of 0..size are left out.\n"
        "(C1) indices are integers.\n"
        "(C2) updates are numbers.\n"
        "(C3) updates have the dimensions of indices behind the shared ones from axis on.\n"
        "(C4) size >= 0.\n"
        "(C5) indices and updates have the same first `shared` dimensions, all before axis.\n"
        "(C6) accumulate is a wider dtype of its kind than that of the updates.",
    .source = "https://openxla.org/stablehlo/spec#scatter",
    .arity = 2,
    .attrs = {kAccumulateAttr,
              {"axis", AttrKind::Int, "the dimension of the result that is indexed"},
              {"shared", AttrKind::Int, "how many first dimensions of the indices and of the updates go together"},
              {"size", AttrKind::Int, "its size"}},
    .shape = scatter_type,
    .vjp = &scatter_vjp,
    .body = Scatter{},
    .may_diverge = true,
    // At most 17 terms of size 2 for one place, one rounding each: as contract's.
    .tolerance = {.forward_f32 = 4e-6, .grad_f64 = kGradientF64},
    .samples = {scatter_sample({4}, {DType::F32, {4, 3}}, 0, 5), scatter_sample({}, {DType::F32, {}}, 0, 3),
                scatter_sample({2, 3}, {DType::F32, {2, 2, 3, 5}}, 1, 4, DType::I64),
                scatter_sample({17}, {DType::F32, {17, 33}}, 0, 3), scatter_sample({5}, {DType::F32, {3, 5}}, 1, 17),
                scatter_sample({0}, {DType::F32, {0, 3}}, 0, 2), scatter_sample({6}, {DType::I32, {6, 2}}, 0, 3),
                scatter_sample({4}, {DType::F32, {4, 2}}, 0, 0),
                scatter_sample({3, 4}, {DType::F32, {3, 4}}, 1, 5, DType::I32, 1),
                scatter_sample({2, 7}, {DType::F32, {2, 3, 7, 2}}, 2, 5, DType::I64, 1),
                scatter_sample({33}, {DType::F32, {33, 5}}, 0, 3, DType::I32, 0, {{"accumulate", "f64"}}),
                scatter_sample({17}, {DType::F16, {17, 9}}, 0, 3)},
};

}  // namespace tarn
