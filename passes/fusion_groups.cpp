// Decides which ops run in one kernel.
#include "passes/fusion_groups.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/base/check.h"
#include "ir/op_def.h"
#include "ir/scan.h"
#include "ir/view_map.h"
#include "passes/fusion_recompute.h"
#include "passes/fusion_repeats.h"

namespace tarn {

namespace {

// What was collected from `first` on is read through view `op`.
void pass_view(const Func& func, const Op& op, std::vector<FusionSource>& sources, size_t first) {
  std::optional<std::vector<AffineIndex>> map = view_map(func, op);
  int64_t prefix = preserved_prefix(func, op);
  bool is_guarded = map && leaves_range(*map, func.type(op.result()).shape, func.type(op.operands[0]).shape);
  for (size_t s = first; s < sources.size(); ++s) {
    sources[s].prefix = std::min(sources[s].prefix, prefix);
    sources[s].needs_memory = sources[s].needs_memory || is_guarded;
  }
}

bool is_cheap_generate(const Op& op) {
  return std::holds_alternative<Generate>(op.def->body) && op.operands.empty();
}

FusionRole role_by_form(const Func& func, const Op& op) {
  if (is_cheap_generate(op)) return FusionRole::Free;
  if (std::holds_alternative<View>(op.def->body)) return view_map(func, op) ? FusionRole::Free : FusionRole::Alias;
  if (std::holds_alternative<Reduce>(op.def->body)) return FusionRole::Reduce;
  if (std::holds_alternative<Scatter>(op.def->body)) return FusionRole::Reduce;
  if (std::holds_alternative<Contract>(op.def->body)) return FusionRole::Contract;
  if (is_scan(op)) return FusionRole::Scan;
  return FusionRole::Pointwise;
}

class FusionPlanner {
 public:
  FusionPlanner(const Func& func, size_t carries)
      : func_(func),
        carries_(carries),
        defining_(defining_ops(func)),
        group_of_(func.ops.size(), -1),
        readers_(func.values.size()),
        needs_memory_(func.values.size()) {}

  FusionPlan run() {
    assign_roles();
    for (size_t i = 0; i < func_.ops.size(); ++i) {
      sources_.push_back(find_sources(static_cast<int>(i)));
      for (const FusionSource& source : sources_.back()) readers_[source.value.index].push_back(static_cast<int>(i));
    }
    for (size_t i = 0; i < func_.ops.size(); ++i) place(static_cast<int>(i));
    sink_masks();
    inline_single_readers();
    recompute_cheap_values({func_, defining_, needs_memory_, roles_, sources_, groups_, group_of_});
    return finish();
  }

 private:
  // A free op whose value must be in memory (a result, or what an alias names) is computed like any other.
  void assign_roles() {
    for (const Op& op : func_.ops) roles_.push_back(role_by_form(func_, op));
    for (const FuncResult& result : func_.results) make_computed(result.value);
    for (size_t i = 0; i < func_.ops.size(); ++i) {
      bool names_memory = roles_[i] == FusionRole::Alias || roles_[i] == FusionRole::Scan;
      for (ValueId operand : func_.ops[i].operands) {
        if (names_memory) make_computed(operand);
      }
    }
    for (const FuncResult& result : func_.results) needs_memory_[result.value.index] = true;
  }

  void make_computed(ValueId value) {
    int op = defining_[value.index];
    if (op >= 0 && roles_[static_cast<size_t>(op)] == FusionRole::Free)
      roles_[static_cast<size_t>(op)] = FusionRole::Pointwise;
  }

  // All values that op reads through free ops, with how it reads them.
  std::vector<FusionSource> find_sources(int op_index) const {
    const Op& op = func_.ops[static_cast<size_t>(op_index)];
    std::vector<FusionSource> sources;
    if (std::holds_alternative<View>(op.def->body)) {  // a view that is computed into memory
      collect_sources(func_, defining_, roles_, op.operands[0], sources);
      pass_view(func_, op, sources, 0);
      return sources;
    }
    if (std::holds_alternative<Gather>(op.def->body)) return indexed_sources(op, 0, 1);
    if (std::holds_alternative<Scatter>(op.def->body)) return indexed_sources(op, 1, 0);
    for (ValueId operand : op.operands) collect_sources(func_, defining_, roles_, operand, sources);
    int64_t limit = INT64_MAX;
    if (std::holds_alternative<Reduce>(op.def->body)) {
      const std::vector<int64_t>& axes = attr_ints(op.attrs, "axes");
      if (!axes.empty()) limit = axes.front();
    }
    for (FusionSource& source : sources) source.prefix = std::min(source.prefix, limit);
    return sources;
  }

  // A gather's table and a scatter's updates are read at many places, so both are in memory, and a scatter goes
  // through its indices for each place.  A gather's indices are read where its result is, behind `axis` dimensions; the
  // dimensions that data and indices share are kept.
  std::vector<FusionSource> indexed_sources(const Op& op, size_t data, size_t indices) const {
    int64_t axis = attr_int(op.attrs, "axis"), shared = attr_int(op.attrs, "shared");
    bool is_gather = std::holds_alternative<Gather>(op.def->body);
    std::vector<FusionSource> sources, positions;
    collect_sources(func_, defining_, roles_, op.operands[data], sources);
    for (FusionSource& source : sources) source = {source.value, std::min(source.prefix, axis), true};
    collect_sources(func_, defining_, roles_, op.operands[indices], positions);
    for (FusionSource& source : positions) {
      bool is_aligned = is_gather && axis == shared;
      sources.push_back({source.value, is_aligned ? source.prefix : std::min(source.prefix, shared),
                         source.needs_memory || !is_gather});
    }
    return sources;
  }

  const std::vector<FusionSource>& sources_of(int op) const { return sources_[static_cast<size_t>(op)]; }

  int group_of(ValueId value) const {
    int op = defining_[value.index];
    return op < 0 ? -1 : group_of_[static_cast<size_t>(op)];
  }

  void place(int index) {
    FusionRole role = roles_[static_cast<size_t>(index)];
    if (role == FusionRole::Free) return;
    const std::vector<FusionSource>& sources = sources_of(index);
    bool reads_memory = role == FusionRole::Contract || role == FusionRole::Alias || role == FusionRole::Scan;
    for (const FusionSource& source : sources) {
      if (reads_memory || source.needs_memory) needs_memory_[source.value.index] = true;
    }
    if (is_scalar_prelude(index)) return add_to_scalars(index);
    int own = static_cast<int>(groups_.size());
    GroupKind kind = role == FusionRole::Contract ? GroupKind::Contract
                     : role == FusionRole::Alias  ? GroupKind::Alias
                     : role == FusionRole::Scan   ? GroupKind::Scan
                                                  : GroupKind::Loops;
    groups_.push_back({{index}, kind, func_.type(func_.ops[static_cast<size_t>(index)].result()).shape});
    group_of_[static_cast<size_t>(index)] = own;
    if (reads_memory) return;
    std::set<int, std::greater<>> producers;
    for (const FusionSource& source : sources) {
      if (int group = group_of(source.value); group >= 0 && group != own) producers.insert(group);
    }
    for (int producer : producers) try_join(producer, own);
  }

  bool is_scalar_prelude(int index) const {
    if (func_.type(func_.ops[static_cast<size_t>(index)].result()).rank() > 0) return false;
    if (roles_[static_cast<size_t>(index)] == FusionRole::Scan) return false;
    for (const FusionSource& source : sources_of(index)) {
      if (func_.type(source.value).rank() > 0) return false;
      int group = group_of(source.value);
      if (defining_[source.value.index] >= 0 && (group < 0 || group != scalars_group_)) return false;
    }
    return true;
  }

  void add_to_scalars(int index) {
    if (scalars_group_ < 0) {
      scalars_group_ = static_cast<int>(groups_.size());
      groups_.push_back({{}, GroupKind::Scalars, {}});
    }
    groups_[static_cast<size_t>(scalars_group_)].ops.push_back(index);
    group_of_[static_cast<size_t>(index)] = scalars_group_;
  }

  bool is_only_pointwise(const FusionGroup& group) const {
    return std::all_of(group.ops.begin(), group.ops.end(),
                       [&](int op) { return roles_[static_cast<size_t>(op)] == FusionRole::Pointwise; });
  }

  bool has_uniform_shape(const FusionGroup& group, const Shape& shape) const {
    return std::all_of(group.ops.begin(), group.ops.end(),
                       [&](int op) { return func_.type(func_.ops[static_cast<size_t>(op)].result()).shape == shape; });
  }

  bool repeats_a_reduction(const FusionGroup& producer, const FusionGroup& consumer, int64_t shared) const {
    std::vector<int> joined = producer.ops;
    joined.insert(joined.end(), consumer.ops.begin(), consumer.ops.end());
    return repeats_reduction({func_, roles_, sources_, readers_, needs_memory_}, std::move(joined), shared);
  }

  // How many leading dimensions the two groups can share as loops, or -1 where they cannot be one kernel.
  int64_t common_domain(const FusionGroup& producer, int producer_index, const FusionGroup& consumer) const {
    auto never_joins = [](const FusionGroup& group) {
      return group.kind == GroupKind::Alias || group.kind == GroupKind::Scan || group.kind == GroupKind::Scalars;
    };
    if (never_joins(producer) || never_joins(consumer)) return -1;
    int64_t shared = static_cast<int64_t>(std::min(producer.domain.size(), consumer.domain.size()));
    for (int op : consumer.ops) {
      for (const FusionSource& source : sources_of(op)) {
        if (group_of(source.value) != producer_index) continue;
        if (source.needs_memory || roles_[static_cast<size_t>(op)] == FusionRole::Contract) return -1;
        shared = std::min(shared, source.prefix);
      }
    }
    for (int64_t d = 0; d < shared; ++d) {
      if (producer.domain[static_cast<size_t>(d)] != consumer.domain[static_cast<size_t>(d)]) return -1;
    }
    bool both_scalar = producer.domain.empty() && consumer.domain.empty();
    if (shared == 0 && !both_scalar) return -1;
    const FusionGroup* contract = producer.kind == GroupKind::Contract   ? &producer
                                  : consumer.kind == GroupKind::Contract ? &consumer
                                                                         : nullptr;
    if (!contract) return repeats_a_reduction(producer, consumer, shared) ? -1 : shared;
    const FusionGroup& other = contract == &producer ? consumer : producer;
    bool is_epilogue = other.kind != GroupKind::Contract && is_only_pointwise(other) &&
                       has_uniform_shape(other, contract->domain) &&
                       shared == static_cast<int64_t>(contract->domain.size());
    return is_epilogue ? shared : -1;
  }

  std::set<int> producers_of(int group) const {
    std::set<int> producers;
    for (int op : groups_[static_cast<size_t>(group)].ops) {
      for (const FusionSource& source : sources_of(op)) {
        int producer = group_of(source.value);
        if (producer >= 0 && producer != group) producers.insert(producer);
      }
    }
    return producers;
  }

  // True where a path leads from `from` to `to` through a third group.
  bool has_indirect_path(int from, int to) const {
    std::vector<int> pending;
    std::set<int> seen;
    for (int producer : producers_of(to)) {
      if (producer != from && seen.insert(producer).second) pending.push_back(producer);
    }
    while (!pending.empty()) {
      int group = pending.back();
      pending.pop_back();
      for (int producer : producers_of(group)) {
        if (producer == from) return true;
        if (seen.insert(producer).second) pending.push_back(producer);
      }
    }
    return false;
  }

  void try_join(int producer, int consumer) {
    FusionGroup& from = groups_[static_cast<size_t>(producer)];
    FusionGroup& into = groups_[static_cast<size_t>(consumer)];
    int64_t shared = common_domain(from, producer, into);
    if (shared < 0 || has_indirect_path(producer, consumer) || has_indirect_path(consumer, producer)) return;
    into.domain.resize(static_cast<size_t>(shared));
    absorb(from, into, consumer);
  }

  void absorb(FusionGroup& from, FusionGroup& into, int into_index) {
    if (from.kind == GroupKind::Contract) into.kind = GroupKind::Contract;
    for (int op : from.ops) group_of_[static_cast<size_t>(op)] = into_index;
    into.ops.insert(into.ops.end(), from.ops.begin(), from.ops.end());
    std::sort(into.ops.begin(), into.ops.end());
    from.ops.clear();
  }

  // A mask (x > 0, say) that only another group reads is computed there from what it is made of, if that is in memory
  // anyway: reading x again is cheaper than storing and reading the mask; or if it is less to store: where a window's
  // maximum is, say, rather than which elements are not it.
  void sink_masks() {
    for (size_t i = func_.ops.size(); i-- > 0;) {
      int group = group_of_[i];
      if (group < 0 || func_.type(func_.ops[i].result()).dtype != DType::Bool) continue;
      if (groups_[static_cast<size_t>(group)].ops.size() < 2 || needs_memory_[func_.ops[i].result().index]) continue;
      int reader = reader_of_mask(static_cast<int>(i));
      if (reader >= 0) move_op(static_cast<int>(i), reader);
    }
  }

  // The one other group that reads the mask and can hold it, or -1.
  int reader_of_mask(int mask) const {
    ValueId value = func_.ops[static_cast<size_t>(mask)].result();
    int64_t saved = func_.type(value).bytes();
    for (const FusionSource& source : sources_of(mask)) {
      bool is_in_memory = defining_[source.value.index] < 0 || needs_memory_[source.value.index];
      if (!is_in_memory) saved -= func_.type(source.value).bytes();
    }
    if (saved < 0) return -1;
    int reader = -1;
    for (size_t op = 0; op < func_.ops.size(); ++op) {
      for (const FusionSource& source : sources_of(static_cast<int>(op))) {
        if (source.value != value || group_of_[op] < 0) continue;
        bool is_once =
            roles_[op] == FusionRole::Pointwise && iterations_of(func_, func_.ops[op]) <= func_.type(value).elements();
        if (!is_once || group_of_[op] == group_of(value) || (reader >= 0 && reader != group_of_[op])) return -1;
        reader = group_of_[op];
      }
    }
    return reader;
  }

  void move_op(int op, int to) {
    std::erase(groups_[static_cast<size_t>(group_of_[static_cast<size_t>(op)])].ops, op);
    std::vector<int>& ops = groups_[static_cast<size_t>(to)].ops;
    ops.insert(std::upper_bound(ops.begin(), ops.end(), op), op);
    group_of_[static_cast<size_t>(op)] = to;
  }

  // Step 4: a group of elementwise ops with one reading group moves into it, if that computes no element twice.
  void inline_single_readers() {
    for (size_t g = groups_.size(); g-- > 0;) {
      FusionGroup& group = groups_[g];
      if (group.ops.empty() || group.kind != GroupKind::Loops || !is_only_pointwise(group)) continue;
      int reader = only_reader(static_cast<int>(g));
      if (reader < 0) continue;
      absorb(group, groups_[static_cast<size_t>(reader)], reader);
    }
  }

  // The one group that reads `group` and may compute it in place, or -1.
  int only_reader(int group) const {
    for (int op : groups_[static_cast<size_t>(group)].ops) {
      const Op& made = func_.ops[static_cast<size_t>(op)];
      if (needs_memory_[made.result().index] || func_.type(made.result()).rank() == 0) return -1;
    }
    int reader = -1;
    for (size_t op = 0; op < func_.ops.size(); ++op) {
      int reading_group = group_of_[op];
      if (reading_group < 0 || reading_group == group) continue;
      for (const FusionSource& source : sources_of(static_cast<int>(op))) {
        if (group_of(source.value) != group) continue;
        if (reader >= 0 && reader != reading_group) return -1;
        if (func_.type(source.value).elements() < iterations_of(func_, func_.ops[op])) return -1;
        reader = reading_group;
      }
    }
    if (reader < 0 || groups_[static_cast<size_t>(reader)].kind == GroupKind::Alias) return -1;
    return reader;
  }

  // --- order ---

  FusionPlan finish() {
    FusionPlan plan{roles_, {}, std::vector<bool>(func_.values.size(), false)};
    for (size_t op = 0; op < func_.ops.size(); ++op) {
      if (group_of_[op] < 0) continue;
      for (ValueId result : func_.ops[op].results) {
        if (needs_memory_[result.index]) plan.is_stored[result.index] = true;
      }
      for (const FusionSource& source : sources_of(static_cast<int>(op))) {
        int producer = group_of(source.value);
        if (producer >= 0 && producer != group_of_[op]) plan.is_stored[source.value.index] = true;
      }
    }
    for (int group : execution_order()) plan.groups.push_back(groups_[static_cast<size_t>(group)]);
    return plan;
  }

  // Groups before which others must come although no value flows between them.
  void add_soft_order(std::vector<std::set<int>>& before) const {
    std::map<std::string, ValueId> argument_of;
    for (const Argument& arg : func_.args) argument_of[func_.name_of(arg.value)] = arg.value;
    int loss_group = -1;
    for (const FuncResult& result : func_.results) {
      if (result.role == Role::Loss) loss_group = group_of(result.value);
    }
    for (const FuncResult& result : func_.results) {
      int writer = group_of(result.value);
      if (!is_persistent(result.role) || writer < 0) continue;
      if (loss_group >= 0 && loss_group != writer) add_edge(before, loss_group, writer);
      auto argument = argument_of.find(result.name);
      if (argument != argument_of.end()) read_before_written(before, argument->second, writer);
    }
    for (size_t c = 0; c < carries_; ++c) {
      int writer = group_of(func_.results[c].value);
      if (writer >= 0) read_before_written(before, func_.args[c].value, writer);
    }
  }

  // Readers of an argument come before the group that may store over it.
  void read_before_written(std::vector<std::set<int>>& before, ValueId argument, int writer) const {
    for (size_t op = 0; op < func_.ops.size(); ++op) {
      int reader = group_of_[op];
      if (reader < 0 || reader == writer) continue;
      for (const FusionSource& source : sources_of(static_cast<int>(op))) {
        if (source.value == argument) add_edge(before, reader, writer);
      }
    }
  }

  // Adds first -> second unless that closes a cycle.
  static void add_edge(std::vector<std::set<int>>& before, int first, int second) {
    std::vector<int> pending = {first};
    std::set<int> seen;
    while (!pending.empty()) {
      int group = pending.back();
      pending.pop_back();
      if (group == second) return;
      for (int earlier : before[static_cast<size_t>(group)]) {
        if (seen.insert(earlier).second) pending.push_back(earlier);
      }
    }
    before[static_cast<size_t>(second)].insert(first);
  }

  // Where a group stands in the original order: at its contract, else at its last op.
  int anchor_of(const FusionGroup& group) const {
    if (group.kind == GroupKind::Scalars) return -1;
    for (int op : group.ops) {
      if (roles_[static_cast<size_t>(op)] == FusionRole::Contract) return op;
    }
    return group.ops.back();
  }

  std::vector<int> execution_order() const {
    std::vector<std::set<int>> before(groups_.size());
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (!groups_[g].ops.empty()) before[g] = producers_of(static_cast<int>(g));
    }
    add_soft_order(before);
    std::set<std::pair<int, int>> waiting;  // (anchor, group)
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (!groups_[g].ops.empty()) waiting.insert({anchor_of(groups_[g]), static_cast<int>(g)});
    }
    std::vector<int> order;
    std::set<int> done;
    while (!waiting.empty()) {
      auto ready = std::find_if(waiting.begin(), waiting.end(), [&](const auto& entry) {
        const std::set<int>& needed = before[static_cast<size_t>(entry.second)];
        return std::includes(done.begin(), done.end(), needed.begin(), needed.end());
      });
      TARN_CHECK(ready != waiting.end(), "the groups of @{} depend on each other in a cycle", func_.name);
      order.push_back(ready->second);
      done.insert(ready->second);
      waiting.erase(ready);
    }
    return order;
  }

  const Func& func_;
  size_t carries_;
  std::vector<int> defining_;
  std::vector<FusionRole> roles_;
  std::vector<std::vector<FusionSource>> sources_;  // of each op: what it reads through free ops, and how
  int scalars_group_ = -1;
  std::vector<FusionGroup> groups_;        // an absorbed group has no ops
  std::vector<int> group_of_;              // of each op; -1: free
  std::vector<std::vector<int>> readers_;  // of each value: the ops that have it among their sources
  std::vector<bool> needs_memory_;         // of each value
};

}  // namespace

void collect_sources(const Func& func, const std::vector<int>& defining, const std::vector<FusionRole>& roles,
                     ValueId operand, std::vector<FusionSource>& sources) {
  int index = defining[operand.index];
  if (index < 0 || roles[static_cast<size_t>(index)] != FusionRole::Free) {
    sources.push_back({operand, func.type(operand).rank(), false});
    return;
  }
  const Op& op = func.ops[static_cast<size_t>(index)];
  if (!std::holds_alternative<View>(op.def->body)) return;
  size_t first = sources.size();
  collect_sources(func, defining, roles, op.operands[0], sources);
  pass_view(func, op, sources, first);
}

FusionPlan plan_fusion(const Func& func, size_t carries) {
  return FusionPlanner(func, carries).run();
}

}  // namespace tarn
