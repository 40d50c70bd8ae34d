// Slices of a tensor at indices that another tensor holds: the rows of an embedding table.
#include "ir/op_file.h"

#include <fmt/format.h>

#include <algorithm>

namespace tarn {

static Result<Type> gather_type(const ShapeArgs& args) {
  const Type &x = args.inputs[0], &indices = args.inputs[1];
  if (!is_integer(indices.dtype)) return Error{fmt::format("indices are {}, not integers", indices.text()), "C1", 1};
  int64_t axis = attr_int(args.attrs, "axis");
  if (axis < 0 || axis >= x.rank()) return Error{fmt::format("{} has no dimension {}", x.text(), axis), "C2", 0};
  int64_t shared = attr_int(args.attrs, "shared");
  bool fits = shared >= 0 && shared <= axis && shared <= indices.rank() &&
              std::equal(x.shape.begin(), x.shape.begin() + shared, indices.shape.begin());
  if (!fits) {
    return Error{
        fmt::format("{} and indices {} do not share {} dimensions before {}", x.text(), indices.text(), shared, axis),
        "C3", 1};
  }
  Type result{x.dtype, x.shape};
  auto place = result.shape.begin() + axis;
  place = result.shape.erase(place);
  result.shape.insert(place, indices.shape.begin() + shared, indices.shape.end());
  return result;
}

// Each element's cotangent is added where the element was read.
static Gradients gather_vjp(const VjpArgs& a) {
  int64_t axis = attr_int(a.op.attrs, "axis");
  int64_t size = a.b.type(a.inputs[0]).shape[static_cast<size_t>(axis)];
  Attrs attrs = {{"axis", axis}, {"shared", attr_int(a.op.attrs, "shared")}, {"size", size}};
  return {a.b.op("scatter_add", {a.inputs[1], a.cotangent}, std::move(attrs)), std::nullopt};
}

// Indices are drawn from [-1, greatest]: some of them outside.
static Sample gather_sample(Type x, Shape indices, int64_t axis, double greatest, DType dtype = DType::I32,
                            int64_t shared = 0) {
  return {{SampleInput{std::move(x)}, SampleInput{Type{dtype, std::move(indices)}, -1, greatest}},
          {{"axis", axis}, {"shared", shared}},
          {}};
}

extern const OpDef op_gather;
const OpDef op_gather{
    .name = "gather",
    .summary = "slices of a tensor at given indices along one axis",
    .doc =
        "result[s.., o.., i.., n..] = x[s.., o.., indices[s.., i..], n..], where s.. are the first `shared` "
        "dimensions, "
        "o.. those of x from there to axis and n.. those behind; 0 where an index is below 0 or not below the size of "
        "axis.\n"
        "(C1) indices are integers.\n"
        "(C2) axis is one of the dimensions of x.\n"
        "(C3) x and indices have the same first `shared` dimensions, all before axis.",
    .source = "https://numpy.org/doc/stable/reference/generated/numpy.take.html",
    .arity = 2,
    .attrs = {{"axis", AttrKind::Int, "the dimension of x that is indexed"},
              {"shared", AttrKind::Int, "how many first dimensions of x and of the indices go together"}},
    .shape = gather_type,
    .vjp = &gather_vjp,
    .body = Gather{},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = {gather_sample({DType::F32, {5, 3}}, {4}, 0, 5), gather_sample({DType::F32, {7}}, {}, 0, 6),
                gather_sample({DType::F32, {2, 5, 3}}, {2, 3}, 1, 4, DType::I64),
                gather_sample({DType::F32, {17, 33}}, {2, 1, 3}, 0, 17),
                gather_sample({DType::F32, {3, 5}}, {17}, 1, 5), gather_sample({DType::F32, {4, 3}}, {0}, 0, 3),
                gather_sample({DType::I32, {4, 3}}, {6}, 0, 3), gather_sample({DType::F32, {0, 3}}, {2}, 0, 1),
                gather_sample({DType::F32, {3, 5}}, {3, 4}, 1, 5, DType::I32, 1),
                gather_sample({DType::F32, {2, 3, 5, 2}}, {2, 7}, 2, 5, DType::I32, 1),
                gather_sample({DType::F32, {2, 3, 5}}, {2, 3}, 2, 4, DType::I64, 2),
                gather_sample({DType::BF16, {17, 9}}, {2, 3}, 0, 17)},
};

}  // namespace tarn
