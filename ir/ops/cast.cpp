// Elementwise conversion to another dtype.
#include "ir/op_file.h"

#include <fmt/format.h>

namespace tarn {

static Result<Type> cast_type(const ShapeArgs& args) {
  std::optional<DType> dtype = dtype_from_name(attr_string(args.attrs, "dtype"));
  if (!dtype) return Error{fmt::format("there is no dtype `{}`", attr_string(args.attrs, "dtype")), "C1"};
  return Type{*dtype, args.inputs[0].shape};
}

extern const OpDef op_cast;
const OpDef op_cast{
    .name = "cast",
    .summary = "elementwise conversion to another dtype",
    .doc =
        "result[i] = x[i] as dtype.  Float to integer truncates, to the nearest integer of the dtype where it is out "
        "of "
        "range (u8: to the low 8 bits of an i32), NaN to 0; integers wrap around; to bool: x[i] != 0; to a "
        "narrower float rounds to nearest, half to even.\n"
        "(C1) the dtype exists.",
    .source = "https://openxla.org/stablehlo/spec#convert",
    .arity = 1,
    .attrs = {{"dtype", AttrKind::String, "of the result"}},
    .shape = cast_type,
    // Asked for only between floats; the cotangent goes back to the dtype it came from.
    .vjp = [](const VjpArgs& a) -> Gradients { return {a.b.cast(a.cotangent, a.b.type(a.inputs[0]).dtype)}; },
    .body = Elementwise{
        // The interpreter itself brings every result into its dtype.
        .eval = [](std::span<const double> x) -> double { return x[0]; },
        .lower =
            [](ScalarEmitter& e, std::span<const Scalar> x, DType dtype) {
              if (dtype != DType::Bool) return e.cast(x[0], dtype);
              return x[0].dtype == DType::Bool ? x[0] : e.apply(ScalarOp::Ne, {x[0], e.constant(0, x[0].dtype)});
            },
    },
    .may_diverge = true,
    .tolerance = {.forward_f32 = kOneRounding, .grad_f64 = kGradientF64},
    .samples = {{.inputs = {{{DType::F32, {3, 5}}}}, .attrs = {{"dtype", "f64"}}},
                {.inputs = {{{DType::F64, {}}}}, .attrs = {{"dtype", "f32"}}},
                {.inputs = {{{DType::F32, {0, 4}}}}, .attrs = {{"dtype", "f64"}}},
                {.inputs = {{{DType::F32, {17}}, -9, 9}}, .attrs = {{"dtype", "i32"}}},
                {.inputs = {{{DType::I32, {17}}, -1, 1}}, .attrs = {{"dtype", "bool"}}},
                {.inputs = {{{DType::Bool, {17}}, 0, 1}}, .attrs = {{"dtype", "f32"}}},
                {.inputs = {{{DType::U8, {33}}, 0, 255}}, .attrs = {{"dtype", "f32"}}},
                {.inputs = {{{DType::F32, {3, 17}}}}, .attrs = {{"dtype", "f16"}}},
                {.inputs = {{{DType::F64, {35}}}}, .attrs = {{"dtype", "f16"}}},
                {.inputs = {{{DType::F32, {35}}}}, .attrs = {{"dtype", "bf16"}}},
                {.inputs = {{{DType::F16, {35}}}}, .attrs = {{"dtype", "f32"}}},
                {.inputs = {{{DType::BF16, {9}}}}, .attrs = {{"dtype", "f64"}}},
                {.inputs = {{{DType::F16, {9}}}}, .attrs = {{"dtype", "bf16"}}},
                {.inputs = {{{DType::I32, {17}}, -3000, 3000}}, .attrs = {{"dtype", "f16"}}},
                {.inputs = {{{DType::F16, {17}}, -9, 9}}, .attrs = {{"dtype", "i64"}}},
                {.inputs = {{{DType::Bool, {17}}, 0, 1}}, .attrs = {{"dtype", "bf16"}}}},
};

}  // namespace tarn
