// A tensor whose elements are all one number.
#include "ir/op_file.h"

#include <fmt/format.h>

namespace tarn {

static bool is_value_of(double value, DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return value == 0 || value == 1;
    case DType::U8:
      return value >= 0 && value <= 255 && value == std::floor(value);
    case DType::I32:
      return value >= -0x1p31 && value < 0x1p31 && value == std::floor(value);
    case DType::I64:
      return value >= -0x1p63 && value < 0x1p63 && value == std::floor(value);
    case DType::F32:
    case DType::F64:
    case DType::F16:
    case DType::BF16:
      return true;
  }
  return false;
}

static Result<Type> constant_type(const ShapeArgs& args) {
  Result<Type> type = declared_type(args.attrs);
  double value = attr_float(args.attrs, "value");
  if (type && !is_value_of(value, type->dtype)) {
    return Error{fmt::format("{} is no value of {}", float_text(value), dtype_name(type->dtype)), "C3"};
  }
  return type;
}

extern const OpDef op_constant;
const OpDef op_constant{
    .name = "constant",
    .summary = "a tensor of one number",
    .doc =
        "result[i] = value\n"
        "(C1) the dtype exists.\n"
        "(C2) no size is negative.\n"
        "(C3) the value is one of the dtype: 0 or 1 for bool, integral and in range for integers.",
    .source = "https://openxla.org/stablehlo/spec#constant",
    .arity = 0,
    .attrs = {{"dtype", AttrKind::String, "of the result"},
              {"shape", AttrKind::Ints, "of the result"},
              {"value", AttrKind::Float, "of every element"}},
    .shape = constant_type,
    .vjp = no_gradient,
    .body = Generate{
        .eval = [](std::span<const int64_t>, const Shape&, std::span<const double>,
                   const Attrs& attrs) { return attr_float(attrs, "value"); },
        .lower = [](ScalarEmitter& e, std::span<const Scalar>, const Shape&, std::span<const Scalar>,
                    const Attrs& attrs, DType dtype) { return e.constant(attr_float(attrs, "value"), dtype); },
        .is_uniform = true,
    },
    .may_diverge = false,
    // The value itself is rounded to f32.
    .tolerance = {.forward_f32 = kOneRounding, .grad_f64 = kGradientF64},
    .samples = {{.inputs = {}, .attrs = {{"dtype", "f32"}, {"shape", Shape{3, 5}}, {"value", 0.1}}},
                {.inputs = {}, .attrs = {{"dtype", "f64"}, {"shape", Shape{}}, {"value", -2.5}}},
                {.inputs = {}, .attrs = {{"dtype", "f32"}, {"shape", Shape{0, 4}}, {"value", 1.0}}},
                {.inputs = {}, .attrs = {{"dtype", "i32"}, {"shape", Shape{7}}, {"value", -3.0}}},
                {.inputs = {}, .attrs = {{"dtype", "f16"}, {"shape", Shape{9}}, {"value", 0.1}}},
                {.inputs = {}, .attrs = {{"dtype", "bf16"}, {"shape", Shape{9}}, {"value", 0.1}}},
                {.inputs = {}, .attrs = {{"dtype", "bool"}, {"shape", Shape{2}}, {"value", 1.0}}}},
};

}  // namespace tarn
