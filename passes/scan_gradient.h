// The state of scan_gradients(): one scan, whose body is differentiated and then parted into a forward and a backward
// body.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ir/builder.h"
#include "ir/op_def.h"
#include "ir/scan.h"

namespace tarn {

class ScanGradient {
 public:
  ScanGradient(Module& module, Builder& builder, size_t index, const std::vector<ValueId>& cotangents,
               const std::vector<bool>& needs)
      : module_(module),
        b_(builder),
        index_(index),
        op_(builder.func().ops[index]),
        parts_(op_),
        body_(*module.find(parts_.body)),
        cotangents_(cotangents),
        needs_(needs) {}

  Result<Gradients> run();

 private:
  // --- step 1: the body's own reverse walk, appended to the body ---

  std::optional<Error> differentiate();
  // Carries that reach a result of the scan that has a cotangent.  Others have none either, not even zeros: 0 times the
  // infinite slope of what nothing reads would be NaN.
  std::vector<bool> carries_with_cotangents() const;
  ValueId constant_cotangent(size_t i) const;

  // --- step 2: what is the same in each run, and what of the forward body is computed again ---

  void find_invariants();
  bool is_forward(ValueId value) const;
  const Op& op_of(ValueId value) const { return body_.ops[static_cast<size_t>(defining_[value.index])]; }
  bool is_computed_again(ValueId value) const;
  bool is_carry_arg(ValueId value) const;
  // The value's stack in the outer function: an operand, or one more result of the forward scan.
  ValueId residual(ValueId value);

  // --- step 3: sums over time ---

  // The stack of a value of the differentiated body in the outer function; before the backward scan is emitted, asks
  // for it.
  ValueId stack_of(ValueId value, bool is_emitted);
  bool is_stacked(ValueId value) const;

  // A product of two things that both change over time: its spec with a label for time.
  std::optional<std::string> product_over_time(const Op& op) const;

  // Asks for the stacks that products need, so that sums of the same values are taken after the loop as well.
  void collect_products(ValueId value);

  // The sum of the value over all runs, as a value of the outer function: linear ops (sums, views, products with a
  // constant) change places with the sum.  Not `is_emitted`: asks for what that will need of the backward scan.
  ValueId sum_over_time(ValueId value, bool is_emitted);

  // Whether some part of the value is summed after the loop; else the whole is accumulated within.
  bool holds_sum(ValueId value) const;
  ValueId outer_op(const Op& like, ValueId value, std::vector<ValueId> operands, Attrs attrs);
  ValueId accumulated(ValueId value, bool is_emitted);

  // --- step 4: the backward body ---

  void build_backward();

  // Marks the op that makes the value, or the argument it becomes.
  void demand(ValueId value);
  void make_arguments(Builder& builder);
  void make_results(Builder& builder);
  std::vector<ValueId> mapped(const std::vector<ValueId>& values) const;
  std::string unique_name() const;

  // --- step 5: the backward scan, and what is left to do after it ---

  Gradients emit();

  // The forward body again, with the residuals as further results.
  void restore_body();

  struct Carry {
    size_t position;  // among the forward scan's carries
    ValueId value;    // the argument: the cotangent of the next carry
    ValueId next;     // the cotangent of the carry
  };

  Module& module_;
  Builder& b_;
  size_t index_;
  Op op_;
  ScanParts parts_;
  Func& body_;
  const std::vector<ValueId>& cotangents_;
  const std::vector<bool>& needs_;

  // Values here are of the differentiated body, unless they are called outside, stack or sum.
  size_t forward_ops_ = 0;
  size_t forward_args_ = 0;
  std::vector<Carry> carries_;
  std::vector<ValueId> arg_cotangents_;  // of the body's arguments, where there is one
  std::vector<int> defining_;
  std::vector<bool> invariant_;         // the same in each run
  std::map<ValueId, ValueId> outside_;  // sequences and constants by what stands for them in the body
  std::map<ValueId, ValueId> stacked_;  // outputs of the backward scan
  std::map<ValueId, ValueId> accumulated_;
  std::set<size_t> needed_ops_;
  std::map<ValueId, ValueId> sequences_, constants_;  // that the backward body reads
  Func backward_;
  std::vector<ValueId> sums_;          // arguments of the backward body that accumulate
  std::map<ValueId, ValueId> mapped_;  // to the backward body
};

}  // namespace tarn
