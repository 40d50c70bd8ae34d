// Elementwise choice between two tensors.
#include "ir/op_file.h"

#include <fmt/format.h>

namespace tarn {

static Result<Type> select_type(const ShapeArgs& args) {
  const Type &condition = args.inputs[0], &then = args.inputs[1], &otherwise = args.inputs[2];
  if (condition.dtype != DType::Bool) return Error{fmt::format("condition is {}, not bool", condition.text()), "C1", 0};
  if (then != otherwise) return Error{fmt::format("choices differ: {} and {}", then.text(), otherwise.text()), "C2", 2};
  if (condition.shape != then.shape) {
    return Error{fmt::format("condition is {}, but the choices are {}", condition.text(), then.text()), "C3", 0};
  }
  return then;
}

extern const OpDef op_select;
const OpDef op_select{
    .name = "select",
    .summary = "elementwise choice",
    .doc =
        "result[i] = condition[i] ? x[i] : y[i]; the gradient goes to the chosen one only.\n"
        "(C1) the condition is bool.\n"
        "(C2) x and y have one type.\n"
        "(C3) the condition has their shape.",
    .source = "https://openxla.org/stablehlo/spec#select",
    .arity = 3,
    .attrs = {},
    .shape = select_type,
    .vjp = [](const VjpArgs& a) -> Gradients {
      ValueId zero = a.b.constant_like(a.cotangent, 0.0);
      Gradients grads(3);
      if (a.needs[1]) grads[1] = a.b.select(a.inputs[0], a.cotangent, zero);
      if (a.needs[2]) grads[2] = a.b.select(a.inputs[0], zero, a.cotangent);
      return grads;
    },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return x[0] != 0 ? x[1] : x[2]; },
                        .lower = lower_as<ScalarOp::Select>},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = {{.inputs = {{{DType::Bool, {3, 5}}, 0, 1}, {{DType::F32, {3, 5}}}, {{DType::F32, {3, 5}}}}},
                {.inputs = {{{DType::Bool, {}}, 0, 1}, {{DType::F32, {}}}, {{DType::F32, {}}}}},
                {.inputs = {{{DType::Bool, {0, 4}}, 0, 1}, {{DType::F32, {0, 4}}}, {{DType::F32, {0, 4}}}}},
                {.inputs = {{{DType::Bool, {17}}, 0, 1}, {{DType::I32, {17}}, -9, 9}, {{DType::I32, {17}}, -9, 9}}}},
};

}  // namespace tarn
