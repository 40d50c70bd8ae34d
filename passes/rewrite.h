// Rebuilds a function op by op.  A pass walks the old ops in order and for each one copies it, or emits other ops and
// says which new value takes the place of the old one.  The old function stays as it was until the new one replaces it.
#pragma once

#include <vector>

#include "ir/builder.h"
#include "ir/graph.h"

namespace tarn {

// True while autodiff has not expanded every `grad` of the function.  Until then no two values may be made one: what
// flows to a target is not what flows to its equal.
bool holds_gradient(const Func& func);

class Rewriter {
 public:
  // Starts the new function with the name, kind and arguments of `old`, which must outlive the rewriter.
  explicit Rewriter(const Func& old);

  const Func& old() const { return old_; }
  Func& func() { return new_; }
  Builder& builder() { return builder_; }

  // Call before handling each old op: what is emitted from here on has its location.
  void at(const Op& op);
  // The new value that stands for an old one that was handled before.
  ValueId mapped(ValueId old) const { return map_[old.index]; }
  std::vector<ValueId> mapped(const std::vector<ValueId>& old) const;

  // Copies the op with mapped operands; results keep their names.
  void copy(const Op& op);
  // `value` stands for `old` from now on.  Where it was emitted since at(), it also takes over the name.
  void replace(ValueId old, ValueId value);

  // What was emitted so far keeps the name it has, also where it takes the place of an old value.
  void keep_new_names() { values_before_ = new_.values.size(); }

  // The new function, with the old one's results.
  Func finish();

 private:
  const Func& old_;
  Func new_;
  Builder builder_;
  std::vector<ValueId> map_;
  size_t values_before_ = 0;  // of the new function, at the last at()
};

}  // namespace tarn
