// Slices of a tensor at indices that another tensor holds: the rows of an embedding table.
#include "ir/op_file.h"

#include <fmt/format.h>

namespace tarn {

static Result<Type> gather_type(const ShapeArgs& args) {
  const Type &x = args.inputs[0], &indices = args.inputs[1];
  if (!is_integer(indices.dtype)) return Error{fmt::format("indices are {}, not integers", indices.text()), "C1", 1};
  int64_t axis = attr_int(args.attrs, "axis");
  if (axis < 0 || axis >= x.rank()) return Error{fmt::format("{} has no dimension {}", x.text(), axis), "C2", 0};
  Type result{x.dtype, x.shape};
  auto place = result.shape.begin() + axis;
  place = result.shape.erase(place);
  result.shape.insert(place, indices.shape.begin(), indices.shape.end());
  return result;
}

// Each element's cotangent is added where the element was read.
static Gradients gather_vjp(const VjpArgs& a) {
  int64_t axis = attr_int(a.op.attrs, "axis");
  int64_t size = a.b.type(a.inputs[0]).shape[static_cast<size_t>(axis)];
  return {a.b.op("scatter_add", {a.inputs[1], a.cotangent}, {{"axis", axis}, {"size", size}}), std::nullopt};
}

// Indices are drawn from [-1, greatest]: some of them outside.
static Sample gather_sample(Type x, Shape indices, int64_t axis, double greatest, DType dtype = DType::I32) {
  return {
      {SampleInput{std::move(x)}, SampleInput{Type{dtype, std::move(indices)}, -1, greatest}}, {{"axis", axis}}, {}};
}

extern const OpDef op_gather;
const OpDef op_gather{
    .name = "gather",
    .summary = "slices of a tensor at given indices along one axis",
    .doc =
        "result[o.., i.., n..] = x[o.., indices[i..], n..], where o.. are the dimensions of x before axis and n.. "
        "those "
        "behind; 0 where an index is below 0 or not below the size of axis.\n"
        "(C1) indices are integers.\n"
        "(C2) axis is one of the dimensions of x.",
    .source = "https://numpy.org/doc/stable/reference/generated/numpy.take.html",
    .arity = 2,
    .attrs = {{"axis", AttrKind::Int, "the dimension of x that is indexed"}},
    .shape = gather_type,
    .vjp = &gather_vjp,
    .body = Gather{},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = {gather_sample({DType::F32, {5, 3}}, {4}, 0, 5), gather_sample({DType::F32, {7}}, {}, 0, 6),
                gather_sample({DType::F32, {2, 5, 3}}, {2, 3}, 1, 4, DType::I64),
                gather_sample({DType::F32, {17, 33}}, {2, 1, 3}, 0, 17),
                gather_sample({DType::F32, {3, 5}}, {17}, 1, 5), gather_sample({DType::F32, {4, 3}}, {0}, 0, 3),
                gather_sample({DType::I32, {4, 3}}, {6}, 0, 3), gather_sample({DType::F32, {0, 3}}, {2}, 0, 1)},
};

}  // namespace tarn
