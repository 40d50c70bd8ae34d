// Counts evaluations from the last reader backwards.
#include "passes/fusion_repeats.h"

#include <algorithm>
#include <map>

#include "ir/op_def.h"

namespace tarn {

int64_t iterations_of(const Func& func, const Op& op) {
  if (std::holds_alternative<Scatter>(op.def->body)) {
    const Type& indices = func.type(op.operands[0]);
    int64_t times = 1;
    for (auto d = static_cast<size_t>(attr_int(op.attrs, "shared")); d < indices.shape.size(); ++d)
      times *= indices.shape[d];
    return func.type(op.result()).elements() * times;
  }
  bool is_reduce = std::holds_alternative<Reduce>(op.def->body);
  return func.type(is_reduce ? op.operands[0] : op.result()).elements();
}

// How often a value is computed: readers at its own index share that, others do not.
struct Evaluations {
  double aligned = 0, others = 0;
};

// `total`: how often the op's own result is computed.
static void count_operands(const FusionReads& reads, int index, double total,
                           std::map<ValueId, Evaluations>& evaluations) {
  const Op& op = reads.func.ops[static_cast<size_t>(index)];
  const Type& type = reads.func.type(op.result());
  auto elements = static_cast<double>(std::max<int64_t>(type.elements(), 1));
  double each = static_cast<double>(iterations_of(reads.func, op)) / elements;
  for (const FusionSource& source : reads.sources[static_cast<size_t>(index)]) {
    bool is_aligned = reads.roles[static_cast<size_t>(index)] == FusionRole::Pointwise &&
                      source.prefix == type.rank() && reads.func.type(source.value).rank() == type.rank();
    Evaluations& counted = evaluations[source.value];
    if (is_aligned) counted.aligned = std::max(counted.aligned, total);
    if (!is_aligned) counted.others += total * each;
  }
}

static bool is_read_outside(const FusionReads& reads, ValueId value, const std::vector<int>& ops) {
  const std::vector<int>& readers = reads.readers[value.index];
  return std::any_of(readers.begin(), readers.end(), [&](int op) {
    return reads.roles[static_cast<size_t>(op)] != FusionRole::Free && !std::binary_search(ops.begin(), ops.end(), op);
  });
}

// A maximum of few elements has the same bits wherever it is computed, and costs little.
static bool may_be_repeated(const Func& func, const Op& op) {
  constexpr int64_t kFew = 16;
  const Reduce* reduce = std::get_if<Reduce>(&op.def->body);
  if (!reduce || reduce->kind == ReduceKind::Sum || reduce->kind == ReduceKind::Prod) return false;
  return iterations_of(func, op) <= kFew * func.type(op.result()).elements();
}

bool repeats_reduction(const FusionReads& reads, std::vector<int> ops, int64_t shared) {
  auto is_inside = [&](int op) {
    ValueId result = reads.func.ops[static_cast<size_t>(op)].result();
    return reads.roles[static_cast<size_t>(op)] == FusionRole::Reduce && reads.func.type(result).rank() > shared;
  };
  if (std::none_of(ops.begin(), ops.end(), is_inside)) return false;
  std::sort(ops.begin(), ops.end());
  std::map<ValueId, Evaluations> evaluations;
  for (auto op = ops.rbegin(); op != ops.rend(); ++op) {
    const Op& made = reads.func.ops[static_cast<size_t>(*op)];
    ValueId result = made.result();
    auto elements = static_cast<double>(reads.func.type(result).elements());
    bool is_stored = reads.needs_memory[result.index] || is_read_outside(reads, result, ops);
    const Evaluations& asked = evaluations[result];
    double total = std::max(asked.aligned, is_stored ? elements : 0) + asked.others;
    if (is_inside(*op) && total > elements && !may_be_repeated(reads.func, made)) return true;
    count_operands(reads, *op, total, evaluations);
  }
  return false;
}

}  // namespace tarn
