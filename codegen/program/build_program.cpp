// Assembles the program: tensors, and for each entry point its kernels with their places in the arena.
#include "codegen/program/build_program.h"

#include <fmt/format.h>

#include <algorithm>

#include "codegen/kernel/lower_kernel.h"
#include "ir/base/check.h"
#include "ir/entry.h"
#include "ir/op_def.h"
#include "ir/scan.h"
#include "passes/memory/memory_plan.h"

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

// Builds the steps of one entry point.
class EntryBuilder {
 public:
  EntryBuilder(const Module& module, const Func& func, const MemoryPlan& plan)
      : module_(module), func_(func), plan_(plan) {}

  Result<ProgramEntry> run() {
    ProgramEntry entry;
    entry.name = func_.name;
    for (const FuncResult& result : func_.results) {
      if (result.role == Role::Loss && guards_persistent(func_)) loss_ = result.value;
    }
    if (std::optional<Error> error = add_ops(func_, entry.steps)) return *error;
    std::vector<MemoryPlan::Place> places = plan_.places_of(func_);
    for (const FuncResult& result : func_.results) {
      const MemoryPlan::Tensor* tensor = plan_.find_tensor(result.name);
      if (!tensor) continue;
      MemoryPlan::Place home;
      home.offset = tensor->offset;
      add_copy(entry.steps, tensor->type, places[result.value.index], home);
    }
    return entry;
  }

 private:
  std::optional<Error> add_ops(const Func& func, std::vector<Step>& steps) {
    std::vector<MemoryPlan::Place> places = plan_.places_of(func);
    for (const Op& op : func.ops) {
      if (std::holds_alternative<View>(op.def->body)) continue;  // another name for its operand's memory
      if (is_scan(op)) {
        if (std::optional<Error> error = add_loop(func, op, steps)) return error;
      } else {
        const Func* kernel =
            std::holds_alternative<Call>(op.def->body) ? module_.find(attr_string(op.attrs, "callee")) : nullptr;
        if (!kernel) {
          return Error{fmt::format("@{} holds `{}` outside a kernel; run pass `fuse`", func.name, op.def->name)};
        }
        steps.push_back({launch_of(func, op, *kernel, places)});
      }
      bool makes_loss = lengths_.empty() && std::find(op.results.begin(), op.results.end(), loss_) != op.results.end();
      if (makes_loss) {
        steps.push_back({CheckStep{func.name_of(loss_), func.type(loss_).dtype,
                                   static_cast<uint64_t>(places[loss_.index].offset)}});
      }
    }
    return std::nullopt;
  }

  LaunchStep launch_of(const Func& func, const Op& op, const Func& kernel,
                       const std::vector<MemoryPlan::Place>& places) const {
    LaunchStep made;
    made.kernel = lower_kernel(kernel);
    made.summary = divergence_summary(kernel);
    made.loop_lengths = lengths_;
    auto add_buffer = [&](ValueId value) {
      const MemoryPlan::Place& place = places[value.index];
      made.buffer_offsets.push_back(static_cast<uint64_t>(place.offset));
      if (!lengths_.empty()) made.buffer_strides.push_back(place.strides);
    };
    for (ValueId operand : op.operands) add_buffer(operand);
    std::vector<int> defining = defining_ops(kernel);
    for (size_t r = 0; r < op.results.size(); ++r) {
      add_buffer(op.results[r]);
      const Op& maker = kernel.ops[static_cast<size_t>(defining[kernel.results[r].value.index])];
      made.outputs.push_back({func.name_of(op.results[r]), std::string(maker.def->name), maker.location.text()});
    }
    return made;
  }

  std::optional<Error> add_loop(const Func& func, const Op& op, std::vector<Step>& steps) {
    ScanParts parts(op);
    const Func& body = *module_.find(parts.body);
    LoopStep loop{body.name, parts.length, parts.reverse, {}};
    lengths_.push_back(parts.length);
    std::optional<Error> error = add_ops(body, loop.body);
    lengths_.pop_back();
    std::vector<MemoryPlan::Place> outer = plan_.places_of(func), inner = plan_.places_of(body);
    for (size_t r = 0; r < op.results.size(); ++r) {
      const Type& type = body.type(body.results[r].value);
      MemoryPlan::Place to = outer[op.results[r].index];
      to.strides.push_back(r < parts.carries ? 0 : type.bytes());
      add_copy(loop.body, type, inner[body.results[r].value.index], to);
    }
    steps.push_back({std::move(loop)});
    return error;
  }

  // Where a value is not yet at its place.
  static void add_copy(std::vector<Step>& steps, const Type& type, const MemoryPlan::Place& from,
                       const MemoryPlan::Place& to) {
    if (from == to) return;
    steps.push_back({CopyStep{static_cast<uint64_t>(from.offset), static_cast<uint64_t>(to.offset),
                              static_cast<uint64_t>(type.bytes()), from.strides, to.strides}});
  }

  const Module& module_;
  const Func& func_;
  const MemoryPlan& plan_;
  ValueId loss_;
  std::vector<int64_t> lengths_;  // of the loops around
};

bool is_argument_of(const Func* func, std::string_view name) {
  return func && std::any_of(func->args.begin(), func->args.end(),
                             [&](const Argument& arg) { return func->name_of(arg.value) == name; });
}

// Where the front end says so; the records of IR that was written by hand may not.
int64_t classes_of(const Module& module, std::string_view input) {
  for (const Record& record : module.records) {
    if ((record.kind != "input" && record.kind != "classes") || record.name != input) continue;
    for (const auto& [key, value] : record.attrs) {
      if (key == "classes") return std::get<int64_t>(value);
    }
  }
  return 0;
}

uint32_t flags_of(const Module& module, const MemoryPlan::Tensor& tensor) {
  uint32_t flags = 0;
  for (const Record& record : module.records) {
    if (record.kind == "unbatched" && record.name == tensor.name) flags |= kWithoutBatch;
  }
  auto is_read_by = [&](EntryPoint entry) { return is_argument_of(find_entry(module, entry), tensor.name); };
  if (tensor.role != Role::Input || !is_read_by(EntryPoint::Predict)) return flags;
  bool is_read_by_steps = is_read_by(EntryPoint::TrainStep) || is_read_by(EntryPoint::EvalStep);
  return flags | kUsedByPredict | (is_read_by_steps ? 0U : static_cast<uint32_t>(kOnlyByPredict));
}

}  // namespace

Result<Program> build_program(const Module& module) {
  Result<MemoryPlan> plan = read_memory_plan(module);
  if (!plan) return plan.error();
  Program program;
  program.name = module.name;
  bool has_inputs = std::any_of(plan->tensors.begin(), plan->tensors.end(),
                                [](const MemoryPlan::Tensor& tensor) { return tensor.role == Role::Input; });
  if (has_inputs && !batch_of(module)) {
    return Error{fmt::format("the module has inputs, but does not say how many rows they hold; add `record model {} "
                             "{{batch=N}}`",
                             quoted(module.name)),
                 "program.batch"};
  }
  program.batch = batch_of(module).value_or(1);
  program.hash = hash_of(*plan);
  program.arena_bytes = static_cast<uint64_t>(plan->arena_bytes);
  program.persistent_bytes = static_cast<uint64_t>(plan->persistent_bytes);
  for (const MemoryPlan::Tensor& tensor : plan->tensors) {
    ProgramTensor made;
    made.name = tensor.name;
    made.type = tensor.type;
    made.role = tensor.role;
    made.offset = static_cast<uint64_t>(tensor.offset);
    made.initial = tensor.role == Role::Input ? static_cast<double>(classes_of(module, tensor.name)) : tensor.initial;
    made.flags = flags_of(module, tensor);
    program.tensors.push_back(std::move(made));
  }
  for (const Func& func : module.funcs) {
    if (func.kind != FuncKind::Entry) continue;
    Result<ProgramEntry> entry = EntryBuilder(module, func, *plan).run();
    if (!entry) return entry.error();
    program.entries.push_back(std::move(*entry));
  }
  program.config = config_json(module);
  return program;
}

}  // namespace tarn
