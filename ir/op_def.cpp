// The registry of ops, generated from the list of files in ir/ops.
#include "ir/op_def.h"

#include <algorithm>
#include <array>

namespace tarn {

#define OP(name) extern const OpDef op_##name;
#include "op_list.inc"
#undef OP

std::span<const OpDef* const> all_ops() {
  static const OpDef* const ops[] = {
#define OP(name) &op_##name,
#include "op_list.inc"
#undef OP
  };
  return ops;
}

const OpDef* find_op(std::string_view name) {
  std::span<const OpDef* const> ops = all_ops();
  auto found = std::lower_bound(ops.begin(), ops.end(), name,
                                [](const OpDef* op, std::string_view wanted) { return op->name < wanted; });
  return found != ops.end() && (*found)->name == name ? *found : nullptr;
}

std::string_view reduce_kind_name(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::Sum:
      return "sum";
    case ReduceKind::Prod:
      return "prod";
    case ReduceKind::Max:
      return "max";
    case ReduceKind::Min:
      return "min";
    case ReduceKind::ArgMax:
      return "argmax";
  }
  return "";
}

}  // namespace tarn
