// Names of the scalar operations.
#include "ir/scalar.h"

namespace tarn {

struct ScalarOpInfo {
  std::string_view name;
  int arity;
};
static constexpr ScalarOpInfo kScalarOps[] = {
    {"add", 2},   {"sub", 2},   {"mul", 2},         {"div", 2},        {"neg", 1},    {"abs", 1},
    {"min", 2},   {"max", 2},   {"fma", 3},         {"sqrt", 1},       {"exp", 1},    {"log", 1},
    {"log1p", 1}, {"tanh", 1},  {"erf", 1},         {"sin", 1},        {"cos", 1},    {"pow", 2},
    {"floor", 1}, {"round", 1}, {"round_f16", 1},   {"round_bf16", 1}, {"eq", 2},     {"ne", 2},
    {"lt", 2},    {"le", 2},    {"gt", 2},          {"ge", 2},         {"and", 2},    {"or", 2},
    {"xor", 2},   {"not", 1},   {"shift_right", 2}, {"mul_high", 2},   {"select", 3}, {"cast", 1},
};
static_assert(std::size(kScalarOps) == static_cast<size_t>(ScalarOp::Cast) + 1);

std::string_view scalar_op_name(ScalarOp op) {
  return kScalarOps[static_cast<size_t>(op)].name;
}
int scalar_op_arity(ScalarOp op) {
  return kScalarOps[static_cast<size_t>(op)].arity;
}

}  // namespace tarn
