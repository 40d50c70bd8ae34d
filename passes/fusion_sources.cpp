// Folds free ops into what reads them.
#include "passes/fusion_sources.h"

#include <algorithm>

#include "ir/base/check.h"
#include "ir/op_def.h"
#include "ir/view_map.h"

namespace tarn {

// What was collected from `first` on is read through view `op`.
static void pass_view(const Func& func, const Op& op, std::vector<FusionSource>& sources, size_t first) {
  std::optional<std::vector<AffineIndex>> map = view_map(func, op);
  int64_t prefix = preserved_prefix(func, op);
  bool is_guarded = map && leaves_range(*map, func.type(op.result()).shape, func.type(op.operands[0]).shape);
  for (size_t s = first; s < sources.size(); ++s) {
    sources[s].prefix = std::min(sources[s].prefix, prefix);
    sources[s].needs_memory = sources[s].needs_memory || is_guarded;
  }
}

namespace {

// A function for each form, so that the compiler asks for a new one's.
struct RoleOfForm {
  const Func& func;
  const Op& op;

  FusionRole operator()(const Elementwise&) const { return FusionRole::Pointwise; }
  FusionRole operator()(const Generate&) const {
    return op.operands.empty() ? FusionRole::Free : FusionRole::Pointwise;
  }
  FusionRole operator()(const View&) const { return view_map(func, op) ? FusionRole::Free : FusionRole::Alias; }
  FusionRole operator()(const Reduce&) const { return FusionRole::Reduce; }
  FusionRole operator()(const Contract&) const { return FusionRole::Contract; }
  FusionRole operator()(const Gather&) const { return FusionRole::Pointwise; }
  FusionRole operator()(const Scatter&) const { return FusionRole::Reduce; }
  FusionRole operator()(const Scan&) const { return FusionRole::Scan; }
  FusionRole operator()(const Call&) const { return none(); }
  FusionRole operator()(const Gradient&) const { return none(); }

  FusionRole none() const {
    TARN_CHECK(false, "fusion of @{} met `{}`, which no kernel holds", func.name, op.def->name);
    return FusionRole::Pointwise;
  }
};

}  // namespace

FusionRole role_by_form(const Func& func, const Op& op) {
  return std::visit(RoleOfForm{func, op}, op.def->body);
}

// The values that `operand` is computed from once free ops are folded away.
static void collect_sources(const Func& func, const std::vector<int>& defining, const std::vector<FusionRole>& roles,
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

// A gather's table and a scatter's updates are read at many places, so both are in memory, and a scatter goes
// through its indices for each place.  A gather's indices are read where its result is, behind `axis` dimensions; the
// dimensions that data and indices share are kept.
static std::vector<FusionSource> indexed_sources(const Func& func, const std::vector<int>& defining,
                                                 const std::vector<FusionRole>& roles, const Op& op, size_t data,
                                                 size_t indices) {
  int64_t axis = attr_int(op.attrs, "axis"), shared = attr_int(op.attrs, "shared");
  bool is_gather = std::holds_alternative<Gather>(op.def->body);
  std::vector<FusionSource> sources, positions;
  collect_sources(func, defining, roles, op.operands[data], sources);
  for (FusionSource& source : sources) source = {source.value, std::min(source.prefix, axis), true};
  collect_sources(func, defining, roles, op.operands[indices], positions);
  for (FusionSource& source : positions) {
    bool is_aligned = is_gather && axis == shared;
    sources.push_back({source.value, is_aligned ? source.prefix : std::min(source.prefix, shared),
                       source.needs_memory || !is_gather});
  }
  return sources;
}

std::vector<FusionSource> sources_of_op(const Func& func, const std::vector<int>& defining,
                                        const std::vector<FusionRole>& roles, int op_index) {
  const Op& op = func.ops[static_cast<size_t>(op_index)];
  std::vector<FusionSource> sources;
  if (std::holds_alternative<View>(op.def->body)) {  // a view that is computed into memory
    collect_sources(func, defining, roles, op.operands[0], sources);
    pass_view(func, op, sources, 0);
    return sources;
  }
  if (std::holds_alternative<Gather>(op.def->body)) return indexed_sources(func, defining, roles, op, 0, 1);
  if (std::holds_alternative<Scatter>(op.def->body)) return indexed_sources(func, defining, roles, op, 1, 0);
  for (ValueId operand : op.operands) collect_sources(func, defining, roles, operand, sources);
  int64_t limit = INT64_MAX;
  if (std::holds_alternative<Reduce>(op.def->body)) {
    const std::vector<int64_t>& axes = attr_ints(op.attrs, "axes");
    if (!axes.empty()) limit = axes.front();
  }
  for (FusionSource& source : sources) source.prefix = std::min(source.prefix, limit);
  return sources;
}

}  // namespace tarn
