// One loop at a time, inner loops first; see loop_motion.h.
#include "passes/loop_motion.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "ir/builder.h"
#include "ir/contract_spec.h"
#include "ir/op_def.h"
#include "ir/scan.h"
#include "passes/batched_op.h"
#include "passes/part_products.h"
#include "passes/stacked_output.h"

namespace tarn {

namespace {

class LoopMotion {
 public:
  // `outer` appends to the function that holds the scan, before the scan's place.
  LoopMotion(Module& module, Builder& outer, Op scan)
      : b_(outer), scan_(std::move(scan)), parts_(scan_), body_(*module.find(parts_.body)) {}

  // (4)
  void part_products() {
    find_kinds();
    changed_ += tarn::part_products(body_, [&](ValueId value) { return kind_[value.index] != Kind::Carried; });
  }

  // (1), (2): returns the scan without what was moved before it.
  void hoist(bool with_products) {
    find_kinds();
    defining_ = defining_ops(body_);
    std::set<ValueId> fixed;
    for (const FuncResult& result : body_.results) fixed.insert(result.value);
    if (!with_products) add_initial_carries(fixed);
    std::vector<Op> kept;
    std::vector<ValueId> constants, sequences;
    for (const Op& op : body_.ops) {
      bool is_fixed = op.results.size() == 1 && fixed.contains(op.result());
      if (!is_fixed && is_costly_invariant(op)) {
        for (ValueId result : op.results) constants.push_back(result);
      } else if (with_products && is_product_of_slices(op)) {
        sequences.push_back(op.result());
      } else {
        kept.push_back(op);
      }
    }
    for (ValueId value : constants) outside(value);
    for (ValueId value : sequences) stack_of(value);
    for (ValueId value : constants) add_argument(value, outside(value), body_.args.size());
    for (ValueId value : sequences) add_argument(value, stack_of(value), parts_.sequence(parts_.sequences++));
    body_.ops = std::move(kept);
    scan_.attrs["sequences"] = static_cast<int64_t>(parts_.sequences);
    changed_ += static_cast<int64_t>(constants.size() + sequences.size());
  }

  // (3), first half: takes outputs that are computed after the loop off it.
  void cut_tail() {
    find_kinds();
    find_tail();
    defining_ = defining_ops(body_);
    std::set<ValueId> read;  // by what moves, and does not move itself
    for (const Op& op : body_.ops) {
      if (!moves_[op.result().index]) continue;
      for (ValueId operand : op.operands) {
        if (!moves_[operand.index] && kind_[operand.index] != Kind::Invariant) read.insert(operand);
      }
    }
    if (read.empty()) return;
    size_t before = body_.results.size();
    for (ValueId value : read) add_output(value);
    std::vector<FuncResult> results;
    std::vector<ValueId> outer_results;
    for (size_t r = 0; r < body_.results.size(); ++r) {
      if (r >= parts_.carries && r < before && moves_[body_.results[r].value.index]) {
        tail_.push_back({body_.results[r].value, scan_.results[r]});
        continue;
      }
      results.push_back(body_.results[r]);
      outer_results.push_back(scan_.results[r]);
    }
    body_.results = std::move(results);
    scan_.results = std::move(outer_results);
  }

  // (3), second half, with the scan in place: what stands for results that it had.
  std::map<ValueId, ValueId> emit_tail() {
    std::map<ValueId, ValueId> made;
    stacks_.clear();
    for (size_t i = 0; i < parts_.sequences; ++i) {
      stacks_[body_.args[parts_.sequence(i)].value] = scan_.operands[parts_.sequence(i)];
    }
    for (size_t r = parts_.carries; r < body_.results.size(); ++r) stacks_[body_.results[r].value] = scan_.results[r];
    for (auto [value, result] : tail_) {
      std::string name = b_.func().name_of(result);
      b_.func().claim_name(result, "moved");
      made[result] = stack_of(value);
      b_.func().claim_name(made[result], name);
    }
    std::erase_if(body_.ops, [&](const Op& op) { return !tail_.empty() && moves_[op.result().index]; });
    changed_ += static_cast<int64_t>(made.size());
    drop_undefined_values(body_);
    return made;
  }

  const Op& scan() const { return scan_; }
  int64_t changed() const { return changed_; }

 private:
  // Invariant: the same in each iteration.  Sliced: follows from slices, and could be made for all of them at once.
  enum class Kind : uint8_t { Invariant, Sliced, Carried };

  void find_kinds() {
    kind_.assign(body_.values.size(), Kind::Carried);
    for (size_t i = 0; i < parts_.sequences; ++i) kind_[body_.args[parts_.sequence(i)].value.index] = Kind::Sliced;
    for (size_t i = parts_.carries + parts_.sequences; i < body_.args.size(); ++i) {
      kind_[body_.args[i].value.index] = Kind::Invariant;
    }
    for (const Op& op : body_.ops) {
      Kind kind = Kind::Invariant;
      for (ValueId operand : op.operands) kind = std::max(kind, kind_[operand.index]);
      if (kind == Kind::Sliced && !can_batch(op)) kind = Kind::Carried;
      if (is_scan(op)) kind = Kind::Carried;
      for (ValueId result : op.results) kind_[result.index] = kind;
    }
  }

  // After layout a loop stores its carries over the initial ones: each iteration around it makes these anew.
  void add_initial_carries(std::set<ValueId>& values) const {
    for (const Op& op : body_.ops) {
      for (size_t c = 0; is_scan(op) && c < ScanParts(op).carries; ++c) values.insert(op.operands[c]);
    }
  }

  // Views and constants cost nothing where they are read.
  bool is_costly_invariant(const Op& op) const {
    bool is_free = std::holds_alternative<View>(op.def->body) ||
                   (std::holds_alternative<Generate>(op.def->body) && op.operands.empty());
    return kind_[op.results[0].index] == Kind::Invariant && !is_free;
  }

  bool is_product_with_invariant(const Op& op) const {
    if (!std::holds_alternative<Contract>(op.def->body)) return false;
    bool first = kind_[op.operands[0].index] == Kind::Invariant,
         second = kind_[op.operands[1].index] == Kind::Invariant;
    return first != second;
  }

  bool is_product_of_slices(const Op& op) const {
    return kind_[op.results[0].index] == Kind::Sliced && is_product_with_invariant(op);
  }

  // Marks what only outputs need, from a product with an invariant on.
  void find_tail() {
    std::vector<bool> is_tail(body_.values.size(), true);
    for (size_t c = 0; c < parts_.carries; ++c) is_tail[body_.results[c].value.index] = false;
    for (auto op = body_.ops.rbegin(); op != body_.ops.rend(); ++op) {
      bool all = can_batch(*op) && kind_[op->results[0].index] != Kind::Invariant && is_tail[op->result().index];
      is_tail[op->results[0].index] = all;
      for (ValueId operand : op->operands) is_tail[operand.index] = is_tail[operand.index] && all;
    }
    moves_.assign(body_.values.size(), false);
    for (const Op& op : body_.ops) {
      bool any = is_product_with_invariant(op);
      for (ValueId operand : op.operands) any = any || moves_[operand.index];
      moves_[op.results[0].index] = any && is_tail[op.results[0].index];
    }
  }

  const Op& op_of(ValueId value) const { return body_.ops[static_cast<size_t>(defining_[value.index])]; }

  // What the scan passes as that argument of the body.
  ValueId operand_of(ValueId argument) const {
    auto is_it = [&](const Argument& arg) { return arg.value == argument; };
    auto place = std::find_if(body_.args.begin(), body_.args.end(), is_it) - body_.args.begin();
    return scan_.operands[static_cast<size_t>(place)];
  }

  // The invariant in the outer function.
  ValueId outside(ValueId value) {
    if (auto found = outside_.find(value); found != outside_.end()) return found->second;
    if (defining_[value.index] < 0) return outside_[value] = operand_of(value);
    const Op& op = op_of(value);
    std::vector<ValueId> operands;
    for (ValueId operand : op.operands) operands.push_back(outside(operand));
    const std::vector<ValueId> results = b_.copy(body_, op, std::move(operands)).results;
    for (size_t r = 0; r < results.size(); ++r) outside_[op.results[r]] = results[r];
    return outside_.at(value);
  }

  // The value of all iterations in the outer function.
  ValueId stack_of(ValueId value) {
    if (auto found = stacks_.find(value); found != stacks_.end()) return found->second;
    if (defining_[value.index] < 0) return stacks_[value] = operand_of(value);
    const Op& op = op_of(value);
    std::vector<BatchedOperand> operands;
    for (ValueId operand : op.operands) {
      bool is_stack = kind_[operand.index] != Kind::Invariant;
      operands.push_back({is_stack ? stack_of(operand) : outside(operand), is_stack});
    }
    b_.set_next_name(body_.name_of(value));
    return stacks_[value] = batch_op(b_, op, operands, parts_.length);
  }

  void add_argument(ValueId value, ValueId operand, size_t position) {
    body_.args.insert(body_.args.begin() + static_cast<std::ptrdiff_t>(position), {value, Role::None, 0});
    scan_.operands.insert(scan_.operands.begin() + static_cast<std::ptrdiff_t>(position), operand);
  }

  // Makes the value one of the loop's outputs, unless its stack is known.
  void add_output(ValueId value) {
    if (defining_[value.index] < 0 && kind_[value.index] == Kind::Sliced) return;
    stacked_output(b_.func(), scan_, body_, value);
  }

  Builder& b_;
  Op scan_;
  ScanParts parts_;
  Func& body_;
  std::vector<Kind> kind_;  // of the body's values
  std::vector<int> defining_;
  std::vector<bool> moves_;                        // of the body's values: behind the loop
  std::vector<std::pair<ValueId, ValueId>> tail_;  // outputs that move, and the scan's results that they were
  std::map<ValueId, ValueId> outside_, stacks_;    // by values of the body
  int64_t changed_ = 0;
};

class Mover {
 public:
  Mover(Module& module, bool only_invariants) : module_(module), only_invariants_(only_invariants) {}

  int64_t run() {
    size_t count = module_.funcs.size();
    for (size_t f = 0; f < count; ++f) visit(module_.funcs[f]);
    return changed_;
  }

 private:
  void visit(Func& func) {
    if (func.kind == FuncKind::Kernel || !done_.insert(func.name).second) return;
    bool has_loops = false;
    for (const Op& op : func.ops) {
      if (!is_scan(op)) continue;
      visit(*module_.find(ScanParts(op).body));
      has_loops = true;
    }
    if (has_loops) move(func);
  }

  void move(Func& func) {
    std::vector<Op> old = std::move(func.ops);
    func.ops.clear();
    std::map<ValueId, ValueId> replaced;
    Builder b(func);
    for (Op& op : old) {
      for (ValueId& operand : op.operands) {
        if (auto found = replaced.find(operand); found != replaced.end()) operand = found->second;
      }
      if (!is_scan(op)) {
        func.ops.push_back(std::move(op));
        continue;
      }
      LoopMotion motion(module_, b, std::move(op));
      if (!only_invariants_) motion.part_products();
      motion.hoist(!only_invariants_);
      if (!only_invariants_) motion.cut_tail();
      func.ops.push_back(motion.scan());
      if (!only_invariants_) replaced.merge(motion.emit_tail());
      changed_ += motion.changed();
    }
    for (FuncResult& result : func.results) {
      if (auto found = replaced.find(result.value); found != replaced.end()) result.value = found->second;
    }
    drop_undefined_values(func);
  }

  Module& module_;
  bool only_invariants_;
  std::set<std::string> done_;
  int64_t changed_ = 0;
};

Result<PassStats> run_motion(Module& module, const TargetWishes&) {
  return PassStats{Mover(module, false).run()};
}

Result<PassStats> run_invariants(Module& module, const TargetWishes&) {
  return PassStats{Mover(module, true).run()};
}

}  // namespace

const Pass pass_loop_motion{.name = "loop_motion",
                            .summary = "computes for a whole sequence at once what loops need not do",
                            .run = run_motion};
const Pass pass_loop_invariants{
    .name = "loop_invariants", .summary = "computes once what is the same in each iteration", .run = run_invariants};

}  // namespace tarn
