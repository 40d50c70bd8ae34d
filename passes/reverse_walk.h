// The reverse walk of autodiff over one function: cotangents flow from seeds back to what they were computed from.
#pragma once

#include <optional>
#include <vector>

#include "ir/base/result.h"
#include "ir/builder.h"
#include "ir/graph.h"
#include "ir/op_def.h"

namespace tarn {

// Marks what is a float and computed from marked values, through loops too.  `depends`: one entry for each value.
void mark_dependents(const Module& module, const Func& func, std::vector<bool>& depends);

class ReverseWalk {
 public:
  // d loss / d value, of the value's type; invalid: 1, where the value is the loss.
  struct Seed {
    ValueId value;
    ValueId cotangent;
  };

  // Bodies that the walk passes get more results, and new bodies are added to the module.
  ReverseWalk(Module& module, Builder& builder, std::vector<Seed> seeds, std::vector<ValueId> targets)
      : module_(module), b_(builder), func_(builder.func()), seeds_(std::move(seeds)), targets_(std::move(targets)) {}

  // Emits the ops that compute the targets' gradients.  Error: the first op on the path that has no gradient.
  std::optional<Error> run();

  // After run(): the whole gradient of a target, or nullopt where it is structurally zero.
  std::optional<ValueId> gradient_of(ValueId target);

 private:
  void add_cotangent(ValueId value, ValueId contribution);
  void name_gradient(ValueId primal, ValueId gradient);
  std::optional<Error> step_back(size_t index);
  Result<Gradients> gradients_of(size_t index, const std::vector<bool>& needs);

  Module& module_;
  Builder& b_;
  Func& func_;
  std::vector<Seed> seeds_;
  std::vector<ValueId> targets_;
  std::vector<bool> depends_;        // of the values that were there before
  std::vector<ValueId> cotangents_;  // of the values that were there before; invalid: none yet
  std::vector<bool> named_;          // values that carry a gradient's name
};

}  // namespace tarn
