// Proves a memory plan by running it: every kernel, in order and in each iteration of every loop, on a map of what the
// memory holds instead of numbers.  Shares no code with the planner.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ir/op_def.h"
#include "ir/scan.h"
#include "passes/memory/memory_plan.h"

namespace tarn {

namespace {

// What a piece of memory holds: a value, by the number that the simulation gives it.
using Content = uint64_t;

class MemoryMap {
 public:
  void write(int64_t begin, int64_t bytes, Content content) {
    if (bytes == 0) return;
    cut(begin);
    cut(begin + bytes);
    pieces_.erase(pieces_.lower_bound(begin), pieces_.lower_bound(begin + bytes));
    pieces_[begin] = {begin + bytes, content};
  }

  // Whether all of the bytes hold the content.
  bool holds(int64_t begin, int64_t bytes, Content content) const {
    int64_t at = begin;
    while (at < begin + bytes) {
      auto piece = pieces_.upper_bound(at);
      if (piece == pieces_.begin()) return false;
      --piece;
      if (piece->second.end <= at || piece->second.content != content) return false;
      at = piece->second.end;
    }
    return true;
  }

 private:
  struct Piece {
    int64_t end;
    Content content;
  };

  // Makes `at` a border between pieces.
  void cut(int64_t at) {
    auto piece = pieces_.upper_bound(at);
    if (piece == pieces_.begin()) return;
    --piece;
    if (piece->first >= at || piece->second.end <= at) return;
    pieces_[at] = piece->second;
    piece->second.end = at;
  }

  std::map<int64_t, Piece> pieces_;  // by begin
};

class PlanSimulation {
 public:
  PlanSimulation(const Module& module, const MemoryPlan& plan, const Func& entry, std::vector<std::string>& errors)
      : module_(module), plan_(plan), entry_(entry), errors_(errors) {}

  void run() {
    std::map<std::string_view, Content> initial;
    for (const MemoryPlan::Tensor& tensor : plan_.tensors) {
      initial[tensor.name] = next_content_;
      memory_.write(tensor.offset, tensor.type.bytes(), next_content_++);
    }
    Frame frame = make_frame(entry_, {});
    for (const Argument& arg : entry_.args) frame.contents[arg.value.index] = initial[entry_.name_of(arg.value)];
    run_ops(frame);
    copy_results(frame);
    for (const MemoryPlan::Tensor& tensor : plan_.tensors) {
      bool is_result = std::any_of(entry_.results.begin(), entry_.results.end(),
                                   [&](const FuncResult& result) { return result.name == tensor.name; });
      if (is_result || memory_.holds(tensor.offset, tensor.type.bytes(), initial[tensor.name])) continue;
      error("something is stored over tensor `{}`", tensor.name);
    }
  }

 private:
  struct Frame {
    const Func& func;
    std::vector<int> defining;
    std::vector<MemoryPlan::Place> places;
    std::vector<Content> contents;    // of each value
    std::vector<int64_t> iterations;  // of the loops around, outermost first
  };

  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    constexpr size_t kMaxErrors = 20;  // a loop would repeat them
    std::string text = fmt::format("@{}: {}", entry_.name, fmt::format(format, std::forward<Args>(args)...));
    bool is_new = std::find(errors_.begin(), errors_.end(), text) == errors_.end();
    if (is_new && errors_.size() < kMaxErrors) errors_.push_back(std::move(text));
  }

  // Every value gets a content of its own, but for names of other values' memory.
  Frame make_frame(const Func& func, std::vector<int64_t> iterations) {
    Frame frame{func, defining_ops(func), plan_.places_of(func), {}, std::move(iterations)};
    for (size_t v = 0; v < func.values.size(); ++v) frame.contents.push_back(next_content_++);
    return frame;
  }

  static int64_t address(const Frame& frame, ValueId value) {
    const MemoryPlan::Place& place = frame.places[value.index];
    int64_t offset = place.offset;
    for (size_t loop = 0; loop < place.strides.size(); ++loop) offset += place.strides[loop] * frame.iterations[loop];
    return offset;
  }

  void check(const Frame& frame, ValueId value, std::string_view why) {
    if (memory_.holds(address(frame, value), frame.func.type(value).bytes(), frame.contents[value.index])) return;
    error("%{} of @{} is overwritten before {}", frame.func.name_of(value), frame.func.name, why);
  }

  void run_ops(Frame& frame) {
    for (uint32_t v = 0; v < frame.func.values.size(); ++v) {
      if (frame.places[v].offset < 0)
        return error("%{} of @{} has no place", frame.func.values[v].name, frame.func.name);
    }
    for (const Op& op : frame.func.ops) {
      if (std::holds_alternative<View>(op.def->body)) {
        frame.contents[op.result().index] = frame.contents[op.operands[0].index];
      } else if (is_scan(op)) {
        run_scan(frame, op);
      } else if (std::holds_alternative<Call>(op.def->body)) {
        run_call(frame, op);
      }
    }
  }

  static bool overlap(int64_t a, int64_t a_bytes, int64_t b, int64_t b_bytes) {
    return a < b + b_bytes && b < a + a_bytes;
  }

  void run_call(Frame& frame, const Op& op) {
    const Func& kernel = *module_.find(attr_string(op.attrs, "callee"));
    for (ValueId operand : op.operands) check(frame, operand, "kernel @" + kernel.name + " reads it");
    for (size_t r = 0; r < op.results.size(); ++r) {
      int64_t begin = address(frame, op.results[r]), bytes = frame.func.type(op.results[r]).bytes();
      if (begin + bytes > plan_.arena_bytes) {
        error("%{} ends at {}, after the arena's {} bytes", frame.func.name_of(op.results[r]), begin + bytes,
              plan_.arena_bytes);
      }
      for (size_t i = 0; i < op.operands.size(); ++i) {
        int64_t other = address(frame, op.operands[i]), other_bytes = frame.func.type(op.operands[i]).bytes();
        bool is_in_step = other == begin && can_overlay(kernel, i, r);
        if (is_in_step || !overlap(begin, bytes, other, other_bytes)) continue;
        error("%{} is stored over %{}, which kernel @{} reads out of step", frame.func.name_of(op.results[r]),
              frame.func.name_of(op.operands[i]), kernel.name);
      }
      memory_.write(begin, bytes, frame.contents[op.results[r].index]);
    }
    for (ValueId result : op.results) check(frame, result, "kernel @" + kernel.name + " ends");
  }

  void run_scan(Frame& outer, const Op& op) {
    ScanParts parts(op);
    const Func& body = *module_.find(parts.body);
    std::vector<Content> carries;  // as the next iteration finds them
    for (size_t c = 0; c < parts.carries; ++c) {
      carries.push_back(outer.contents[op.operands[c].index]);
      check(outer, op.operands[c], "the loop begins");
    }
    for (int64_t step = 0; step < parts.length; ++step) {
      std::vector<int64_t> iterations = outer.iterations;
      iterations.push_back(parts.reverse ? parts.length - 1 - step : step);
      Frame frame = make_frame(body, std::move(iterations));
      for (size_t i = 0; i < body.args.size(); ++i) {
        bool is_carry = i < parts.carries;
        frame.contents[body.args[i].value.index] = is_carry ? carries[i] : outer.contents[op.operands[i].index];
      }
      run_ops(frame);
      for (size_t c = 0; c < parts.carries; ++c) {
        if (body.results[c].value != body.args[c].value) carries[c] = next_content_++;
      }
      end_iteration(outer, op, frame, carries);
    }
    for (size_t c = 0; c < parts.carries; ++c) outer.contents[op.results[c].index] = carries[c];
    for (size_t r = 0; r < op.results.size() && parts.length > 0; ++r) check(outer, op.results[r], "the loop ends");
  }

  // Results go to where the loop wants them: carries are what the next iteration finds, outputs parts of the stacks.
  void end_iteration(const Frame& outer, const Op& op, const Frame& frame, const std::vector<Content>& carries) {
    const Func& body = frame.func;
    for (const FuncResult& result : body.results) check(frame, result.value, "the iteration ends");
    for (size_t r = 0; r < body.results.size(); ++r) {
      const MemoryPlan::Place& place = outer.places[op.results[r].index];
      int64_t begin = place.offset, bytes = body.type(body.results[r].value).bytes();
      for (size_t loop = 0; loop < place.strides.size(); ++loop) begin += place.strides[loop] * outer.iterations[loop];
      bool is_carry = r < carries.size();
      if (!is_carry) begin += bytes * frame.iterations.back();
      memory_.write(begin, bytes, is_carry ? carries[r] : outer.contents[op.results[r].index]);
    }
  }

  void copy_results(const Frame& frame) {
    for (const FuncResult& result : entry_.results) {
      check(frame, result.value, "it is returned as `" + result.name + "`");
      const MemoryPlan::Tensor* tensor = plan_.find_tensor(result.name);
      if (!tensor || tensor->offset == address(frame, result.value)) continue;
      memory_.write(tensor->offset, tensor->type.bytes(), next_content_++);
    }
  }

  const Module& module_;
  const MemoryPlan& plan_;
  const Func& entry_;
  std::vector<std::string>& errors_;
  MemoryMap memory_;
  Content next_content_ = 1;
};

}  // namespace

std::vector<std::string> validate_memory_plan(const Module& module) {
  Result<MemoryPlan> plan = read_memory_plan(module);
  if (!plan) return {plan.error().message};
  std::vector<std::string> errors;
  for (const Func& func : module.funcs) {
    if (func.kind == FuncKind::Entry) PlanSimulation(module, *plan, func, errors).run();
  }
  return errors;
}

}  // namespace tarn
