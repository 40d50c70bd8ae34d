// Evaluates the ops that a changed argument reaches, in order, over values that are put back afterwards.
#include "driver/loss_function.h"

#include <algorithm>
#include <utility>

namespace tarn {

Result<LossFunction> LossFunction::make(const Module& module, const Func& func, std::vector<Tensor> args) {
  LossFunction made(module, func);
  for (size_t i = 0; i < args.size(); ++i) made.values_[func.args[i].value.index] = std::move(args[i]);
  for (const Op& op : func.ops) {
    Result<std::vector<Tensor>> results = interpret_op(module, func, op, made.values_, kAllDigits);
    if (!results) return results.error();
    for (size_t r = 0; r < op.results.size(); ++r) made.values_[op.results[r].index] = std::move((*results)[r]);
  }
  return made;
}

Result<double> LossFunction::at(size_t position, Tensor changed) {
  std::vector<std::pair<uint32_t, Tensor>> replaced;
  std::vector<bool> is_changed(values_.size(), false);
  auto replace = [&](ValueId value, Tensor with) {
    is_changed[value.index] = true;
    replaced.emplace_back(value.index, std::exchange(values_[value.index], std::move(with)));
  };
  replace(func_.args[position].value, std::move(changed));
  std::optional<Error> failure;
  for (const Op& op : func_.ops) {
    bool is_reached =
        std::any_of(op.operands.begin(), op.operands.end(), [&](ValueId operand) { return is_changed[operand.index]; });
    if (!is_reached) continue;
    Result<std::vector<Tensor>> results = interpret_op(module_, func_, op, values_, kAllDigits);
    if (!results) {
      failure = results.error();
      break;
    }
    for (size_t r = 0; r < op.results.size(); ++r) replace(op.results[r], std::move((*results)[r]));
  }
  double loss = failure ? 0 : values_[func_.results[0].value.index].data[0];
  for (auto& [index, tensor] : replaced) values_[index] = std::move(tensor);
  if (failure) return *failure;
  return loss;
}

}  // namespace tarn
