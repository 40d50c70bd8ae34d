// One kind of change after another, until none of them keeps the failure.
#include "tests/graphs/reduce_graph.h"

#include <algorithm>
#include <set>

#include "ir/op_def.h"
#include "ir/scan.h"
#include "ir/verify.h"

namespace tarn {
namespace {

// Forgets values that nothing defines any more.
void renumber(Func& func) {
  std::vector<Value> kept;
  std::vector<ValueId> moved(func.values.size());
  auto define = [&](ValueId& value) {
    moved[value.index] = {static_cast<uint32_t>(kept.size())};
    kept.push_back(func.value(value));
    value = moved[value.index];
  };
  for (Argument& arg : func.args) define(arg.value);
  for (Op& op : func.ops) {
    for (ValueId& operand : op.operands) operand = moved[operand.index];
    for (ValueId& result : op.results) define(result);
  }
  for (FuncResult& result : func.results) result.value = moved[result.value.index];
  func.values = std::move(kept);
}

// Ops without readers, bodies without loops and arguments that nothing reads.
void clean(Module& module) {
  for (Func& func : module.funcs) {
    std::vector<int> uses = use_counts(func);
    for (size_t i = func.ops.size(); i-- > 0;) {
      const Op& op = func.ops[i];
      bool is_read = std::any_of(op.results.begin(), op.results.end(), [&](ValueId v) { return uses[v.index] > 0; });
      if (is_read) continue;
      for (ValueId operand : op.operands) --uses[operand.index];
      func.ops.erase(func.ops.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (func.kind == FuncKind::Entry)
      std::erase_if(func.args, [&](const Argument& arg) { return uses[arg.value.index] == 0; });
    renumber(func);
  }
  std::set<std::string> bodies;
  for (bool grew = true; std::exchange(grew, false);) {
    for (const Func& func : module.funcs) {
      if (func.kind != FuncKind::Entry && !bodies.contains(func.name)) continue;
      for (const Op& op : func.ops) {
        if (is_scan(op)) grew |= bodies.insert(ScanParts(op).body).second;
      }
    }
  }
  std::erase_if(module.funcs,
                [&](const Func& func) { return func.kind != FuncKind::Entry && !bodies.contains(func.name); });
}

void replace(Func& func, ValueId old, ValueId other) {
  for (Op& op : func.ops) std::replace(op.operands.begin(), op.operands.end(), old, other);
  for (FuncResult& result : func.results) {
    if (result.value == old) result.value = other;
  }
}

class Reducer {
 public:
  Reducer(Module module, const std::function<bool(const Module&)>& fails) : module_(std::move(module)), fails_(fails) {}

  Module run() {
    bool shrank = true;
    while (shrank) {
      shrank = drop_results();
      for (size_t f = 0; f < module_.funcs.size(); ++f) {
        for (size_t i = module_.funcs[f].ops.size(); i-- > 0;) {
          if (i < module_.funcs[f].ops.size()) shrank |= shrink_op(f, i);
          if (f >= module_.funcs.size()) break;
        }
      }
    }
    return std::move(module_);
  }

 private:
  bool try_out(Module candidate) {
    clean(candidate);
    if (candidate.funcs.empty() || candidate.funcs[0].ops.empty() || !verify(candidate).empty()) return false;
    if (!fails_(candidate)) return false;
    module_ = std::move(candidate);
    return true;
  }

  bool drop_results() {
    bool shrank = false;
    for (size_t r = module_.funcs[0].results.size(); r-- > 0;) {
      if (module_.funcs[0].results.size() == 1) break;
      Module candidate = module_;
      std::vector<FuncResult>& results = candidate.funcs[0].results;
      results.erase(results.begin() + static_cast<std::ptrdiff_t>(r));
      shrank |= try_out(std::move(candidate));
    }
    return shrank;
  }

  // The op's results become arguments, one of its operands, or constants.
  bool shrink_op(size_t f, size_t i) {
    const Op op = module_.funcs[f].ops[i];
    bool is_entry = module_.funcs[f].kind == FuncKind::Entry;
    if (op.operands.empty() && !is_entry) return false;
    if (is_entry) {
      Module candidate = module_;
      Func& func = candidate.funcs[f];
      for (ValueId result : op.results) func.args.push_back({result, Role::Input});
      func.ops.erase(func.ops.begin() + static_cast<std::ptrdiff_t>(i));
      if (try_out(std::move(candidate))) return true;
    }
    if (op.results.size() > 1) return false;
    for (ValueId operand : op.operands) {
      if (module_.funcs[f].type(operand) != module_.funcs[f].type(op.result())) continue;
      Module candidate = module_;
      replace(candidate.funcs[f], op.result(), operand);
      if (try_out(std::move(candidate))) return true;
    }
    return !op.operands.empty() && make_constant(f, i);
  }

  bool make_constant(size_t f, size_t i) {
    Module candidate = module_;
    Op& op = candidate.funcs[f].ops[i];
    const Type& type = candidate.funcs[f].type(op.result());
    double value = is_float(type.dtype) ? 0.5 : 1;
    op.def = find_op("constant");
    op.operands.clear();
    op.attrs = {{"dtype", std::string(dtype_name(type.dtype))}, {"shape", type.shape}, {"value", value}};
    return try_out(std::move(candidate));
  }

  Module module_;
  const std::function<bool(const Module&)>& fails_;
};

}  // namespace

Module reduce_graph(Module module, const std::function<bool(const Module&)>& fails) {
  return Reducer(std::move(module), fails).run();
}

}  // namespace tarn
