// The same elements in row-major order under another shape.
#include "ir/op_file.h"

#include <fmt/format.h>

namespace tarn {

static Result<Type> reshape_type(const ShapeArgs& args) {
  const Shape& shape = attr_ints(args.attrs, "shape");
  if (checked_element_count(shape) != checked_element_count(args.inputs[0].shape)) {
    return Error{fmt::format("{} has not as many elements as {}", args.inputs[0].text(), shape_text(shape)), "C1", 0};
  }
  return Type{args.inputs[0].dtype, shape};
}

static Attrs reshape_of_stack(const Attrs& attrs, int64_t length) {
  Attrs made = attrs;
  made["shape"] = with_front(length, attr_ints(attrs, "shape"));
  return made;
}

extern const OpDef op_reshape;
const OpDef op_reshape{
    .name = "reshape",
    .summary = "the same elements under another shape",
    .doc =
        "result has the elements of x in row-major order.\n"
        "(C1) shape has as many elements as x.",
    .source = "https://openxla.org/stablehlo/spec#reshape",
    .arity = 1,
    .attrs = {{"shape", AttrKind::Ints, "of the result"}},
    .shape = reshape_type,
    .vjp = [](const VjpArgs& a) -> Gradients { return {a.b.reshape(a.cotangent, a.b.type(a.inputs[0]).shape)}; },
    .body = View{.map = [](const Attrs&, const Shape&, const Shape&) -> std::optional<std::vector<AffineIndex>> {
                   return std::nullopt;
                 },
                 .of_stack = reshape_of_stack},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = {{.inputs = {{{DType::F32, {3, 5}}}}, .attrs = {{"shape", Shape{15}}}},
                {.inputs = {{{DType::F32, {}}}}, .attrs = {{"shape", Shape{1, 1}}}},
                {.inputs = {{{DType::F32, {0, 4}}}}, .attrs = {{"shape", Shape{2, 0}}}},
                {.inputs = {{{DType::F32, {2, 3, 4}}}}, .attrs = {{"shape", Shape{6, 2, 2}}}}},
};

}  // namespace tarn
