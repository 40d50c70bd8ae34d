// A function of the tensor IR with one scalar result, evaluated again and again where one argument changes.
#pragma once

#include <vector>

#include "ir/interpret.h"

namespace tarn {

// Differences of 16-bit floats would be those of their steps.
inline constexpr InterpretOptions kAllDigits{.round_half = false};

// Keeps every value of the first evaluation and computes anew only what the changed argument reaches.
class LossFunction {
 public:
  // `module` and `func` must outlive this.  Errors: as interpret().
  static Result<LossFunction> make(const Module& module, const Func& func, std::vector<Tensor> args);

  // The loss where argument `position` is `changed` and all others are as given to make().
  Result<double> at(size_t position, Tensor changed);

 private:
  LossFunction(const Module& module, const Func& func) : module_(module), func_(func), values_(func.values.size()) {}

  const Module& module_;
  const Func& func_;
  std::vector<Tensor> values_;  // of each ValueId, for the arguments given to make()
};

}  // namespace tarn
