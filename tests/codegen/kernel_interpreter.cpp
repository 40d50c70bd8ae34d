// Walks kernel loops in f64.
#include "tests/codegen/kernel_interpreter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/base/check.h"
#include "ir/interpret.h"
#include "tests/scalar_reference.h"

namespace tarn {

static constexpr double kPoison = std::numeric_limits<double>::quiet_NaN();

// One run of one kernel.
class KernelRun {
 public:
  KernelRun(const LaunchStep& call, SimulatedArena& arena)
      : call_(call),
        kernel_(call.kernel),
        arena_(arena),
        scalars_(kernel_.scalars.size(), kPoison),
        index_(kernel_.variables.size(), 0) {}

  void block(const Block& body) {
    for (const Statement& statement : body) {
      std::visit([&](const auto& node) { run(node); }, statement.node);
    }
  }

 private:
  // The byte address of an element, or nullopt where a guarded access leaves its range.
  std::optional<uint64_t> address(const Access& access) const {
    const KernelBuffer& buffer = kernel_.buffers[access.buffer];
    Shape strides = row_major_strides(buffer.type.shape);
    int64_t element = 0;
    for (size_t d = 0; d < access.indices.size(); ++d) {
      const IndexExpression& expression = access.indices[d];
      int64_t value = expression.offset;
      for (const auto& term : expression.terms) value += term.coefficient * index_[term.variable];
      for (const auto& loaded : expression.loaded) {
        value += loaded.coefficient * static_cast<int64_t>(scalars_[loaded.scalar]);
      }
      bool is_inside = value % expression.divisor == 0;
      value /= expression.divisor;
      is_inside = is_inside && value >= 0 && value < buffer.type.shape[d];
      TARN_CHECK(is_inside || access.guarded, "kernel {} leaves buffer {}", kernel_.name, buffer.name);
      if (!is_inside) return std::nullopt;
      element += value * strides[d];
    }
    uint64_t base = call_.buffer_offsets[access.buffer];
    for (size_t loop = 0; loop < call_.loop_lengths.size(); ++loop) {
      base += static_cast<uint64_t>(call_.buffer_strides[access.buffer][loop] * arena_.iterations_[loop]);
    }
    return base + static_cast<uint64_t>(element * dtype_bytes(buffer.type.dtype));
  }

  void run(const Constant& node) { scalars_[node.result] = to_dtype(node.value, kernel_.scalars[node.result]); }
  void run(const ReadIndex& node) { scalars_[node.result] = static_cast<double>(index_[node.variable]); }

  void run(const Compute& node) {
    std::vector<double> operands;
    for (ScalarIndex operand : node.operands) operands.push_back(scalars_[operand]);
    scalars_[node.result] =
        scalar_result(node.op, operands, kernel_.scalars[node.operands.back()], kernel_.scalars[node.result]);
  }

  void run(const Load& node) {
    std::optional<uint64_t> from = address(node.access);
    scalars_[node.result] = from ? arena_.memory_[*from] : 0;
  }

  void run(const Store& node) {
    DType dtype = kernel_.buffers[node.access.buffer].type.dtype;
    double value = is_half(dtype) ? to_dtype(scalars_[node.value], dtype) : scalars_[node.value];
    arena_.store(*address(node.access), dtype_bytes(dtype), value);
  }

  void run(const ForLoop& node) {
    for (int64_t i = 0; i < kernel_.variables[node.variable].extent; ++i) {
      index_[node.variable] = i;
      block(node.body);
    }
  }

  static double identity(ReduceKind kind) {
    switch (kind) {
      case ReduceKind::Sum:
        return 0;
      case ReduceKind::Prod:
        return 1;
      case ReduceKind::Max:
      case ReduceKind::ArgMax:
        return -HUGE_VAL;
      case ReduceKind::Min:
        return HUGE_VAL;
    }
    return 0;
  }

  void run(const ReduceLoop& node) {
    double sum = identity(node.kind);
    double best = 0;
    reduce(node, 0, sum, best);
    scalars_[node.result] = node.kind == ReduceKind::ArgMax ? best : sum;
  }

  void reduce(const ReduceLoop& node, size_t depth, double& sum, double& best) {
    if (depth < node.variables.size()) {
      for (int64_t i = 0; i < kernel_.variables[node.variables[depth]].extent; ++i) {
        index_[node.variables[depth]] = i;
        reduce(node, depth + 1, sum, best);
      }
      return;
    }
    block(node.body);
    double value = scalars_[node.yield];
    switch (node.kind) {
      case ReduceKind::Sum:
        sum += value;
        break;
      case ReduceKind::Prod:
        sum *= value;
        break;
      case ReduceKind::Max:
        sum = std::isnan(value) || std::isnan(sum) ? kPoison : std::max(sum, value);
        break;
      case ReduceKind::Min:
        sum = std::isnan(value) || std::isnan(sum) ? kPoison : std::min(sum, value);
        break;
      case ReduceKind::ArgMax:
        if (value > sum) {
          sum = value;
          best = 0;
          for (VariableIndex variable : node.variables) {
            best =
                best * static_cast<double>(kernel_.variables[variable].extent) + static_cast<double>(index_[variable]);
          }
        }
        break;
    }
  }

  const LaunchStep& call_;
  const Kernel& kernel_;
  SimulatedArena& arena_;
  std::vector<double> scalars_;
  std::vector<int64_t> index_;
};

SimulatedArena::SimulatedArena(const Program& program) : program_(program), memory_(program.arena_bytes, kPoison) {}

const ProgramTensor& SimulatedArena::find(const std::string& tensor) const {
  auto found = std::find_if(program_.tensors.begin(), program_.tensors.end(),
                            [&](const ProgramTensor& known) { return known.name == tensor; });
  TARN_CHECK(found != program_.tensors.end(), "no tensor {}", tensor);
  return *found;
}

void SimulatedArena::store(uint64_t address, int64_t bytes, double value) {
  for (int64_t i = 1; i < bytes; ++i) memory_[address + static_cast<uint64_t>(i)] = kPoison;
  memory_[address] = value;
}

void SimulatedArena::set(const std::string& tensor, const std::vector<double>& elements) {
  const ProgramTensor& known = find(tensor);
  int64_t bytes = dtype_bytes(known.type.dtype);
  for (size_t i = 0; i < elements.size(); ++i)
    store(known.offset + i * static_cast<uint64_t>(bytes), bytes, elements[i]);
}

std::vector<double> SimulatedArena::get(const std::string& tensor) const {
  const ProgramTensor& known = find(tensor);
  std::vector<double> elements;
  for (int64_t i = 0; i < known.type.elements(); ++i) {
    elements.push_back(memory_[known.offset + static_cast<uint64_t>(i * dtype_bytes(known.type.dtype))]);
  }
  return elements;
}

void SimulatedArena::run(const ProgramEntry& entry) {
  iterations_.clear();
  run_steps(entry.steps);
}

void SimulatedArena::run_steps(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (const LaunchStep* launch = std::get_if<LaunchStep>(&step.node)) {
      KernelRun(*launch, *this).block(launch->kernel.body);
    } else if (const CopyStep* copy = std::get_if<CopyStep>(&step.node)) {
      run_copy(*copy);
    } else if (const LoopStep* loop = std::get_if<LoopStep>(&step.node)) {
      for (int64_t n = 0; n < loop->length; ++n) {
        iterations_.push_back(loop->reverse ? loop->length - 1 - n : n);
        run_steps(loop->body);
        iterations_.pop_back();
      }
    }
  }
}

void SimulatedArena::run_copy(const CopyStep& copy) {
  auto from = static_cast<std::ptrdiff_t>(copy.from), to = static_cast<std::ptrdiff_t>(copy.to);
  for (size_t loop = 0; loop < copy.from_strides.size(); ++loop) from += copy.from_strides[loop] * iterations_[loop];
  for (size_t loop = 0; loop < copy.to_strides.size(); ++loop) to += copy.to_strides[loop] * iterations_[loop];
  std::copy_n(memory_.begin() + from, copy.bytes, memory_.begin() + to);
}

}  // namespace tarn
