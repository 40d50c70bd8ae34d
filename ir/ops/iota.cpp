// A tensor that counts along one of its axes.
#include "ir/op_file.h"

#include <fmt/format.h>

namespace tarn {

static Result<Type> iota_type(const ShapeArgs& args) {
  Result<Type> type = declared_type(args.attrs);
  if (!type) return type;
  if (type->dtype == DType::Bool) return Error{"bool cannot count", "C3"};
  int64_t axis = attr_int(args.attrs, "axis");
  if (axis < 0 || axis >= type->rank()) return Error{fmt::format("{} has no dimension {}", type->text(), axis), "C4"};
  return type;
}

extern const OpDef op_iota;
const OpDef op_iota{
    .name = "iota",
    .summary = "a tensor that counts along one axis",
    .doc =
        "result[i] = i[axis]\n"
        "(C1) the dtype exists.\n"
        "(C2) no size is negative.\n"
        "(C3) the dtype is a number.\n"
        "(C4) axis is one of the dimensions of shape.",
    .source = "https://openxla.org/stablehlo/spec#iota",
    .arity = 0,
    .attrs = {{"axis", AttrKind::Int, "along which it counts"},
              {"dtype", AttrKind::String, "of the result"},
              {"shape", AttrKind::Ints, "of the result"}},
    .shape = iota_type,
    .vjp = no_gradient,
    .body = Generate{
        .eval = [](std::span<const int64_t> index, const Shape&, std::span<const double>,
                   const Attrs& attrs) { return static_cast<double>(index[attr_int(attrs, "axis")]); },
        .lower = [](ScalarEmitter& e, std::span<const Scalar> index, const Shape&, std::span<const Scalar>,
                    const Attrs& attrs, DType dtype) { return e.cast(index[attr_int(attrs, "axis")], dtype); },
    },
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = {{.inputs = {}, .attrs = {{"axis", int64_t{1}}, {"dtype", "f32"}, {"shape", Shape{3, 5}}}},
                {.inputs = {}, .attrs = {{"axis", int64_t{0}}, {"dtype", "i32"}, {"shape", Shape{17}}}},
                {.inputs = {}, .attrs = {{"axis", int64_t{0}}, {"dtype", "f64"}, {"shape", Shape{0, 4}}}},
                {.inputs = {}, .attrs = {{"axis", int64_t{2}}, {"dtype", "i64"}, {"shape", Shape{2, 1, 3}}}},
                {.inputs = {}, .attrs = {{"axis", int64_t{0}}, {"dtype", "f16"}, {"shape", Shape{33}}}}},
};

}  // namespace tarn
