// Reads the attributes of a `scan`.
#include "ir/scan.h"

#include "ir/op_def.h"

namespace tarn {

ScanParts::ScanParts(const Op& op)
    : body(attr_string(op.attrs, "callee")),
      carries(static_cast<size_t>(attr_int(op.attrs, "carries"))),
      sequences(static_cast<size_t>(attr_int(op.attrs, "sequences"))),
      constants(op.operands.size() - carries - sequences),
      outputs(op.results.size() - carries),
      length(attr_int(op.attrs, "length")),
      reverse(std::get<bool>(attr(op.attrs, "reverse"))) {}

bool is_scan(const Op& op) {
  return std::holds_alternative<Scan>(op.def->body);
}

std::map<std::string, size_t> carries_of_bodies(const Module& module) {
  std::map<std::string, size_t> carries;
  for (const Func& func : module.funcs) {
    for (const Op& op : func.ops) {
      if (is_scan(op)) carries[ScanParts(op).body] = ScanParts(op).carries;
    }
  }
  return carries;
}

Type stacked_type(const Type& slice, int64_t length) {
  Type type = slice;
  type.shape.insert(type.shape.begin(), length);
  return type;
}

Type slice_type(const Type& sequence) {
  return {sequence.dtype, Shape(sequence.shape.begin() + 1, sequence.shape.end())};
}

}  // namespace tarn
