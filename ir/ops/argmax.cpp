// Where the greatest element over some axes is.
#include "ir/op_file.h"

namespace tarn {

static Result<Type> argmax_type(const ShapeArgs& args) {
  Result<Type> type = reduced_non_empty(args);
  if (!type) return type;
  return Type{DType::I32, type->shape};
}

extern const OpDef op_argmax;
const OpDef op_argmax{
    .name = "argmax",
    .summary = "place of the greatest element over axes",
    .doc =
        "result[j] = the number, in row-major order over the axes, of the first element that is greatest (NaN counts "
        "as "
        "greatest), as i32.\n"
        "(C1) axes are ascending dimensions of x.\n"
        "(C2) the dtype is a number.\n"
        "(C3) no reduced dimension is empty.",
    .source = "https://numpy.org/doc/stable/reference/generated/numpy.argmax.html",
    .arity = 1,
    .attrs = {{"axes", AttrKind::Ints, "the dimensions that are searched and leave the shape"}},
    .shape = argmax_type,
    .vjp = nullptr,
    .body = Reduce{ReduceKind::ArgMax},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kNoGradientCheck},
    .samples = {{.inputs = {{{DType::F32, {3, 5}}}}, .attrs = {{"axes", std::vector<int64_t>{1}}}},
                {.inputs = {{{DType::F32, {33}}}}, .attrs = {{"axes", std::vector<int64_t>{0}}}},
                {.inputs = {{{DType::F32, {0, 4}}}}, .attrs = {{"axes", std::vector<int64_t>{1}}}},
                {.inputs = {{{DType::F32, {2, 7, 3}}}}, .attrs = {{"axes", std::vector<int64_t>{1}}}},
                {.inputs = {{{DType::I32, {4, 6}}, 0, 3}}, .attrs = {{"axes", std::vector<int64_t>{0}}}},
                {.inputs = {{{DType::I32, {4, 3, 6}}, 0, 3}}, .attrs = {{"axes", std::vector<int64_t>{0, 2}}}},
                {.inputs = {{{DType::F32, {3, 17, 5}}}}, .attrs = {{"axes", std::vector<int64_t>{1, 2}}}},
                {.inputs = {{{DType::F32, {33, 2, 3}}}}, .attrs = {{"axes", std::vector<int64_t>{1, 2}}}}},
};

}  // namespace tarn
