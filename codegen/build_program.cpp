// Assembles the program: tensors, and for each entry point its kernels with their places in the arena.
#include "codegen/build_program.h"

#include <fmt/format.h>

#include <algorithm>

#include "codegen/lower_kernel.h"
#include "ir/base/check.h"
#include "ir/op_def.h"
#include "passes/memory_plan.h"

namespace tarn {

namespace {

// FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv
class Hash {
 public:
  void add(std::string_view text) {
    for (char c : text) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    state_ = (state_ ^ 0xffU) * 0x100000001b3ULL;  // ends the text: no byte of UTF-8 is 0xff
  }
  std::string text() const { return fmt::format("{:016x}", state_); }

 private:
  uint64_t state_ = 0xcbf29ce484222325ULL;
};

// Of all that a checkpoint holds: names, types and roles.
std::string hash_of(const MemoryPlan& plan) {
  Hash hash;
  for (const MemoryPlan::Tensor& tensor : plan.tensors) {
    if (!is_persistent(tensor.role)) continue;
    hash.add(tensor.name);
    hash.add(tensor.type.text());
    hash.add(role_name(tensor.role));
  }
  return hash.text();
}

// One line for each fused op that can make NaN or infinity from finite numbers, once for each place in the source.
std::string divergence_summary(const Func& kernel) {
  std::vector<std::string> lines;
  for (const Op& op : kernel.ops) {
    if (!op.def->may_diverge) continue;
    std::string line =
        op.location.is_known() ? fmt::format("{} at {}", op.def->name, op.location.text()) : std::string(op.def->name);
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

KernelCall build_call(const Func& func, const Op& call, const Func& kernel, const std::vector<int64_t>& offsets) {
  KernelCall made;
  made.kernel = lower_kernel(kernel);
  made.summary = divergence_summary(kernel);
  for (ValueId operand : call.operands) made.buffer_offsets.push_back(static_cast<uint64_t>(offsets[operand.index]));
  std::vector<int> defining = defining_ops(kernel);
  for (size_t r = 0; r < call.results.size(); ++r) {
    made.buffer_offsets.push_back(static_cast<uint64_t>(offsets[call.results[r].index]));
    const Op& op = kernel.ops[static_cast<size_t>(defining[kernel.results[r].value.index])];
    made.outputs.push_back({func.name_of(call.results[r]), std::string(op.def->name), op.location.text()});
  }
  return made;
}

Result<ProgramEntry> build_entry(const Module& module, const Func& func, const MemoryPlan& plan) {
  ProgramEntry entry;
  entry.name = func.name;
  std::vector<int64_t> offsets = plan.offsets(func);
  ValueId loss;
  for (const FuncResult& result : func.results) {
    if (result.role == Role::Loss && func.name == "train_step") loss = result.value;
  }
  for (const Op& op : func.ops) {
    if (std::holds_alternative<View>(op.def->body)) continue;  // another name for its operand's memory
    const Func* kernel =
        std::holds_alternative<Call>(op.def->body) ? module.find(attr_string(op.attrs, "callee")) : nullptr;
    if (!kernel) return Error{fmt::format("@{} holds `{}` outside a kernel; run pass `fuse`", func.name, op.def->name)};
    entry.calls.push_back(build_call(func, op, *kernel, offsets));
    if (std::find(op.results.begin(), op.results.end(), loss) == op.results.end()) continue;
    entry.check_loss_after = static_cast<int>(entry.calls.size());
    entry.loss_offset = static_cast<uint64_t>(offsets[loss.index]);
  }
  for (const FuncResult& result : func.results) {
    const MemoryPlan::Tensor* tensor = plan.find_tensor(result.name);
    int64_t from = offsets[result.value.index];
    if (tensor && from != tensor->offset) {
      entry.copies.push_back({static_cast<uint64_t>(from), static_cast<uint64_t>(tensor->offset),
                              static_cast<uint64_t>(tensor->type.bytes())});
    }
  }
  return entry;
}

bool is_argument_of(const Module& module, std::string_view entry, std::string_view name) {
  const Func* func = module.find(entry);
  return func && std::any_of(func->args.begin(), func->args.end(),
                             [&](const Argument& arg) { return func->name_of(arg.value) == name; });
}

}  // namespace

Result<Program> build_program(const Module& module) {
  Result<MemoryPlan> plan = read_memory_plan(module);
  if (!plan) return plan.error();
  Program program;
  program.name = module.name;
  program.hash = hash_of(*plan);
  program.arena_bytes = static_cast<uint64_t>(plan->arena_bytes);
  program.persistent_bytes = static_cast<uint64_t>(plan->persistent_bytes);
  for (const MemoryPlan::Tensor& tensor : plan->tensors) {
    ProgramTensor made;
    made.name = tensor.name;
    made.type = tensor.type;
    made.role = tensor.role;
    made.offset = static_cast<uint64_t>(tensor.offset);
    made.initial = tensor.initial;
    made.is_used_by_predict = tensor.role == Role::Input && is_argument_of(module, "predict", tensor.name);
    program.tensors.push_back(std::move(made));
    if (tensor.role == Role::Input && !tensor.type.shape.empty()) program.batch = tensor.type.shape[0];
  }
  for (const Func& func : module.funcs) {
    if (func.kind != FuncKind::Entry) continue;
    Result<ProgramEntry> entry = build_entry(module, func, *plan);
    if (!entry) return entry.error();
    program.entries.push_back(std::move(*entry));
  }
  program.config = config_json(module);
  return program;
}

}  // namespace tarn
