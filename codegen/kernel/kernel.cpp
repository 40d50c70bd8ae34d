// Text, cost and addresses of kernels.
#include "codegen/kernel/kernel.h"

#include <fmt/format.h>

#include "ir/attr.h"

namespace tarn {

namespace {

class KernelPrinter {
 public:
  explicit KernelPrinter(const Kernel& kernel) : kernel_(kernel) {}

  std::string run() {
    std::string params;
    for (const KernelBuffer& buffer : kernel_.buffers) {
      params += fmt::format("{}%{}: {} {}", params.empty() ? "" : ", ", buffer.name, buffer.type.text(),
                            buffer.kind == BufferKind::In ? "in" : "out");
    }
    out_ = fmt::format("kernel @{}({}) {{\n", kernel_.name, params);
    block(kernel_.body, 1);
    return out_ + "}\n";
  }

 private:
  void line(int depth, const std::string& text) {
    out_ += std::string(static_cast<size_t>(depth) * 2, ' ') + text + "\n";
  }
  std::string scalar(ScalarIndex index) const { return fmt::format("%{}", index); }
  std::string range(VariableIndex index) const {
    return fmt::format("{} in 0..{}", kernel_.variables[index].name, kernel_.variables[index].extent);
  }

  std::string expression(const IndexExpression& index) const {
    std::string sum;
    for (const IndexExpression::Term& term : index.terms) {
      if (!sum.empty()) sum += "+";
      sum += kernel_.variables[term.variable].name;
      if (term.coefficient != 1) sum += fmt::format("*{}", term.coefficient);
    }
    for (const IndexExpression::Loaded& loaded : index.loaded) {
      if (!sum.empty()) sum += "+";
      sum += scalar(loaded.scalar);
      if (loaded.coefficient != 1) sum += fmt::format("*{}", loaded.coefficient);
    }
    if (sum.empty() || index.offset != 0)
      sum += fmt::format("{}{}", !sum.empty() && index.offset > 0 ? "+" : "", index.offset);
    return index.divisor == 1 ? sum : fmt::format("({})/{}", sum, index.divisor);
  }

  std::string access(const Access& access) const {
    std::string indices;
    for (const IndexExpression& index : access.indices) indices += (indices.empty() ? "" : ",") + expression(index);
    return fmt::format("%{}[{}]{}", kernel_.buffers[access.buffer].name, indices, access.guarded ? " or zero" : "");
  }

  bool is_narrow(const Access& access) const { return is_half(kernel_.buffers[access.buffer].type.dtype); }

  void block(const Block& body, int depth) {
    for (const Statement& statement : body) {
      std::visit([&](const auto& node) { print_node(node, depth); }, statement.node);
    }
  }

  void print_node(const Constant& node, int depth) {
    line(depth, fmt::format("{} = constant {} : {}", scalar(node.result), float_text(node.value),
                            dtype_name(kernel_.scalars[node.result])));
  }
  void print_node(const Compute& node, int depth) {
    std::string operands;
    for (ScalarIndex operand : node.operands) operands += (operands.empty() ? "" : ", ") + scalar(operand);
    line(depth, fmt::format("{} = {} {} : {}", scalar(node.result), scalar_op_name(node.op), operands,
                            dtype_name(kernel_.scalars[node.result])));
  }
  void print_node(const ReadIndex& node, int depth) {
    line(depth, fmt::format("{} = index {}", scalar(node.result), kernel_.variables[node.variable].name));
  }
  void print_node(const Load& node, int depth) {
    line(depth, fmt::format("{} = load {}{}", scalar(node.result), access(node.access),
                            is_narrow(node.access) ? " to f32" : ""));
  }
  void print_node(const Store& node, int depth) {
    DType dtype = kernel_.buffers[node.access.buffer].type.dtype;
    line(depth, fmt::format("store {}, {}{}", access(node.access), scalar(node.value),
                            is_narrow(node.access) ? fmt::format(" to {}", dtype_name(dtype)) : ""));
  }
  void print_node(const ForLoop& node, int depth) {
    line(depth, fmt::format("for {} {{", range(node.variable)));
    block(node.body, depth + 1);
    line(depth, "}");
  }
  void print_node(const ReduceLoop& node, int depth) {
    std::string ranges;
    for (VariableIndex variable : node.variables) ranges += (ranges.empty() ? "" : ", ") + range(variable);
    line(depth, fmt::format("{} = reduce {} {} {{", scalar(node.result), reduce_kind_name(node.kind), ranges));
    block(node.body, depth + 1);
    line(depth + 1, fmt::format("yield {}", scalar(node.yield)));
    line(depth, "}");
  }

  const Kernel& kernel_;
  std::string out_;
};

bool is_floating_work(const Kernel& kernel, const Compute& node) {
  switch (node.op) {
    case ScalarOp::Select:
    case ScalarOp::Cast:
    case ScalarOp::RoundF16:
    case ScalarOp::RoundBf16:
    case ScalarOp::And:
    case ScalarOp::Or:
    case ScalarOp::Xor:
    case ScalarOp::Not:
    case ScalarOp::ShiftRight:
    case ScalarOp::MulHigh:
      return false;
    case ScalarOp::Add:
    case ScalarOp::Sub:
    case ScalarOp::Mul:
    case ScalarOp::Div:
    case ScalarOp::Neg:
    case ScalarOp::Abs:
    case ScalarOp::Min:
    case ScalarOp::Max:
    case ScalarOp::Fma:
    case ScalarOp::Sqrt:
    case ScalarOp::Exp:
    case ScalarOp::Log:
    case ScalarOp::Log1p:
    case ScalarOp::Tanh:
    case ScalarOp::Erf:
    case ScalarOp::Sin:
    case ScalarOp::Cos:
    case ScalarOp::Pow:
    case ScalarOp::Floor:
    case ScalarOp::Round:
    case ScalarOp::Eq:
    case ScalarOp::Ne:
    case ScalarOp::Lt:
    case ScalarOp::Le:
    case ScalarOp::Gt:
    case ScalarOp::Ge:
      return is_float(kernel.scalars[node.operands[0]]);
  }
  return false;
}

double flops_of(const Kernel& kernel, const Block& block) {
  double flops = 0;
  for (const Statement& statement : block) {
    if (const Compute* compute = std::get_if<Compute>(&statement.node)) {
      if (is_floating_work(kernel, *compute)) flops += compute->op == ScalarOp::Fma ? 2 : 1;
    } else if (const ForLoop* loop = std::get_if<ForLoop>(&statement.node)) {
      flops += static_cast<double>(kernel.variables[loop->variable].extent) * flops_of(kernel, loop->body);
    } else if (const ReduceLoop* reduce = std::get_if<ReduceLoop>(&statement.node)) {
      double steps = 1;
      for (VariableIndex variable : reduce->variables) steps *= static_cast<double>(kernel.variables[variable].extent);
      double combine = is_float(kernel.scalars[reduce->yield]) ? 1 : 0;
      flops += steps * (flops_of(kernel, reduce->body) + combine);
    }
  }
  return flops;
}

}  // namespace

std::string print(const Kernel& kernel) {
  return KernelPrinter(kernel).run();
}

KernelCost cost_of(const Kernel& kernel) {
  KernelCost cost{flops_of(kernel, kernel.body), 0};
  for (const KernelBuffer& buffer : kernel.buffers) cost.bytes += static_cast<double>(buffer.type.bytes());
  return cost;
}

}  // namespace tarn
