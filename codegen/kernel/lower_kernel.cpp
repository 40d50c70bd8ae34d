// Lowers fused ops to loops by lazy evaluation with loop-invariant placement.
#include "codegen/kernel/lower_kernel.h"

#include <fmt/format.h>

#include <algorithm>

#include "codegen/kernel/kernel_lowering.h"
#include "ir/half.h"

namespace tarn {

// Removes scalar code whose result nothing uses (positions that a constant was offered, say).  `used` marks the scalars
// that later statements read.
static void remove_unused(Block& block, std::vector<bool>& used) {
  for (size_t i = block.size(); i-- > 0;) {
    bool keep = true;
    std::visit(
        [&](auto& node) {
          using Node = std::decay_t<decltype(node)>;
          if constexpr (std::is_same_v<Node, Store>) {
            used[node.value] = true;
          } else if constexpr (std::is_same_v<Node, ForLoop>) {
            remove_unused(node.body, used);
          } else {
            keep = used[node.result];
            if constexpr (std::is_same_v<Node, Load>) {
              for (const IndexExpression& index : node.access.indices) {
                for (const auto& loaded : index.loaded) used[loaded.scalar] = used[loaded.scalar] || keep;
              }
            }
            if constexpr (std::is_same_v<Node, Compute>) {
              for (ScalarIndex operand : node.operands) used[operand] = used[operand] || keep;
            } else if constexpr (std::is_same_v<Node, ReduceLoop>) {
              used[node.yield] = used[node.yield] || keep;
              if (keep) remove_unused(node.body, used);
            }
          }
        },
        block[i].node);
    if (!keep) block.erase(block.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

// True where every op is elementwise over one shape (scalars aside): the kernel then runs over flat memory.
static bool is_flat(const Func& func) {
  const Shape& shape = func.type(func.results[0].value).shape;
  auto fits = [&](ValueId value) { return func.type(value).shape == shape || func.type(value).rank() == 0; };
  if (shape.size() < 2) return false;
  for (const Argument& arg : func.args) {
    if (!fits(arg.value)) return false;
  }
  for (const FuncResult& result : func.results) {
    if (func.type(result.value).shape != shape) return false;
  }
  for (const Op& op : func.ops) {
    if (!fits(op.result())) return false;
    if (std::holds_alternative<Elementwise>(op.def->body)) continue;
    const Generate* generate = std::get_if<Generate>(&op.def->body);
    bool is_splat = (generate && generate->is_uniform) ||
                    (std::holds_alternative<View>(op.def->body) && func.type(op.operands[0]).rank() == 0);
    if (!is_splat) return false;
  }
  return true;
}

KernelLowering::KernelLowering(const Func& func) : func_(func), defining_(defining_ops(func)), flat_(is_flat(func)) {}

Kernel KernelLowering::run() {
  kernel_.name = func_.name;
  for (const Argument& arg : func_.args) add_buffer(arg.value, func_.name_of(arg.value), BufferKind::In);
  for (const FuncResult& result : func_.results) add_buffer(result.value, result.name, BufferKind::Out);
  for (size_t i = 0; i < func_.args.size(); ++i) buffer_of_[func_.args[i].value.index] = static_cast<BufferIndex>(i);
  scopes_.emplace_back();
  domain();
  kernel_.body = std::move(scopes_[0].block);
  std::vector<bool> used(kernel_.scalars.size(), false);
  remove_unused(kernel_.body, used);
  return std::move(kernel_);
}

Shape KernelLowering::lowered_shape(ValueId value) const {
  const Shape& shape = func_.type(value).shape;
  return flat_ && !shape.empty() ? Shape{element_count(shape)} : shape;
}

void KernelLowering::add_buffer(ValueId value, std::string name, BufferKind kind) {
  kernel_.buffers.push_back({std::move(name), {func_.type(value).dtype, lowered_shape(value)}, kind});
}

VariableIndex KernelLowering::fresh_variable(int64_t extent) {
  for (VariableIndex v = 0; v < kernel_.variables.size(); ++v) {
    if (kernel_.variables[v].extent == extent && depth_of(v) < 0) return v;
  }
  static constexpr std::string_view kNames = "ijklmnopqrstuvwxyz";
  size_t n = kernel_.variables.size();
  std::string name(1, kNames[n % kNames.size()]);
  if (n >= kNames.size()) name += fmt::format("{}", n / kNames.size());
  kernel_.variables.push_back({name, extent});
  return static_cast<VariableIndex>(n);
}

int KernelLowering::depth_of(VariableIndex variable) const {
  for (size_t depth = 0; depth < scopes_.size(); ++depth) {
    const std::vector<VariableIndex>& held = scopes_[depth].variables;
    if (std::find(held.begin(), held.end(), variable) != held.end()) return static_cast<int>(depth);
  }
  return -1;
}

size_t KernelLowering::depth_of(const Indices& indices) const {
  int depth = 0;
  for (const IndexExpression& index : indices) {
    for (const auto& term : index.terms) depth = std::max(depth, depth_of(term.variable));
    for (const auto& loaded : index.loaded) depth = std::max(depth, static_cast<int>(scalar_depth_[loaded.scalar]));
  }
  return static_cast<size_t>(depth);
}

VariableIndex KernelLowering::open_loop(int64_t extent) {
  VariableIndex variable = fresh_variable(extent);
  scopes_.push_back({{}, {variable}, {}});
  return variable;
}

void KernelLowering::close_loop() {
  Scope scope = std::move(scopes_.back());
  scopes_.pop_back();
  scopes_.back().block.push_back({ForLoop{scope.variables[0], std::move(scope.block)}});
}

void KernelLowering::domain() {
  Shape prefix = lowered_shape(func_.results[0].value);
  for (const FuncResult& result : func_.results) {
    Shape shape = lowered_shape(result.value);
    size_t common = 0;
    while (common < prefix.size() && common < shape.size() && prefix[common] == shape[common]) ++common;
    prefix.resize(common);
  }
  Indices indices;
  for (int64_t extent : prefix) indices.push_back(plain(open_loop(extent)));
  store_results(indices);
  for (size_t d = 0; d < prefix.size(); ++d) close_loop();
}

void KernelLowering::store_results(const Indices& domain) {
  std::map<Shape, std::vector<size_t>> by_shape;
  for (size_t r = 0; r < func_.results.size(); ++r) by_shape[lowered_shape(func_.results[r].value)].push_back(r);
  for (const auto& [shape, results] : by_shape) {
    Indices indices = domain;
    for (size_t d = domain.size(); d < shape.size(); ++d) indices.push_back(plain(open_loop(shape[d])));
    std::vector<ScalarIndex> values;
    for (size_t r : results) values.push_back(evaluate(func_.results[r].value, indices));
    for (size_t i = 0; i < results.size(); ++i) {
      auto buffer = static_cast<BufferIndex>(func_.args.size() + results[i]);
      ScalarIndex stored = before_rounding(values[i], func_.type(func_.results[results[i]].value).dtype);
      scopes_.back().block.push_back({Store{{buffer, indices, false}, stored}});
    }
    for (size_t d = domain.size(); d < shape.size(); ++d) close_loop();
  }
}

ScalarIndex KernelLowering::add_scalar(DType dtype, size_t depth) {
  kernel_.scalars.push_back(dtype);
  scalar_depth_.push_back(depth);
  is_f16_.push_back(false);
  is_bf16_.push_back(false);
  return static_cast<ScalarIndex>(kernel_.scalars.size() - 1);
}

bool KernelLowering::is_number_of(ScalarIndex scalar, DType half) const {
  return half == DType::F16 ? is_f16_[scalar] : is_bf16_[scalar];
}

void KernelLowering::set_number_of(ScalarIndex scalar, DType half) {
  (half == DType::F16 ? is_f16_ : is_bf16_)[scalar] = true;
}

ScalarIndex KernelLowering::element_of(ScalarIndex scalar, DType dtype) {
  if (!is_half(dtype) || is_number_of(scalar, dtype)) return scalar;
  if (auto found = constants_.find(scalar); found != constants_.end()) {
    return constant(round_to_half(found->second, dtype), DType::F32).id;
  }
  auto [known, is_new] = rounded_.try_emplace({scalar, dtype});
  if (!is_new) return known->second;
  ScalarOp op = dtype == DType::F16 ? ScalarOp::RoundF16 : ScalarOp::RoundBf16;
  ScalarIndex rounded = apply(op, {scalar_of(scalar)}).id;
  set_number_of(rounded, dtype);
  unrounded_[rounded] = scalar;
  return rounded_[{scalar, dtype}] = rounded;
}

ScalarIndex KernelLowering::before_rounding(ScalarIndex scalar, DType dtype) const {
  auto found = unrounded_.find(scalar);
  bool is_rounding = is_half(dtype) && found != unrounded_.end() && is_number_of(scalar, dtype);
  return is_rounding && kernel_.scalars[found->second] == DType::F32 ? found->second : scalar;
}

Scalar KernelLowering::constant(double value, DType dtype) {
  dtype = computed_dtype(dtype);
  std::string key = fmt::format("constant {} {}", float_text(value), dtype_name(dtype));
  if (auto found = scopes_[0].computed.find(key); found != scopes_[0].computed.end()) return {found->second, dtype};
  ScalarIndex result = add_scalar(dtype, 0);
  scopes_[0].block.push_back({Constant{result, value}});
  scopes_[0].computed[key] = result;
  if (dtype == DType::F32) {
    constants_[result] = value;
    for (DType half : {DType::F16, DType::BF16}) {
      if (round_to_half(value, half) == value) set_number_of(result, half);
    }
  }
  return {result, dtype};
}

// Operations whose result is one of their operands, or its opposite.
static bool picks_operand(ScalarOp op) {
  return op == ScalarOp::Neg || op == ScalarOp::Abs || op == ScalarOp::Min || op == ScalarOp::Max ||
         op == ScalarOp::Select;
}

Scalar KernelLowering::apply(ScalarOp op, std::span<const Scalar> operands, DType cast_to) {
  if (op == ScalarOp::Cast && is_half(cast_to)) {
    // Rounded once: f32 does not hold all integers of 32 bits.
    Scalar wide = operands[0];
    if (wide.dtype == DType::I32 || wide.dtype == DType::I64) wide = cast(wide, DType::F64);
    if (wide.dtype == DType::F64) return cast(scalar_of(element_of(wide.id, cast_to)), DType::F32);
    return scalar_of(element_of(cast(wide, DType::F32).id, cast_to));
  }
  size_t depth = 0;
  std::vector<ScalarIndex> ids;
  for (const Scalar& operand : operands) {
    ids.push_back(operand.id);
    depth = std::max(depth, scalar_depth_[operand.id]);
  }
  DType dtype = result_dtype(op, operands, cast_to);
  ScalarIndex result = add_scalar(dtype, depth);
  scopes_[depth].block.push_back({Compute{result, op, std::move(ids)}});
  bool is_widening = op == ScalarOp::Cast && dtype == DType::F32 && operands[0].dtype == DType::F64;
  for (DType half : {DType::F16, DType::BF16}) {
    std::span<const Scalar> values = op == ScalarOp::Select ? operands.subspan(1) : operands;
    bool is_number = (picks_operand(op) || is_widening) &&
                     std::all_of(values.begin(), values.end(), [&](Scalar x) { return is_number_of(x.id, half); });
    if (is_number) set_number_of(result, half);
  }
  return {result, dtype};
}

Scalar KernelLowering::read_index(VariableIndex variable) {
  auto depth = static_cast<size_t>(depth_of(variable));
  std::string key = fmt::format("index {}", variable);
  if (auto found = scopes_[depth].computed.find(key); found != scopes_[depth].computed.end()) {
    return {found->second, DType::I32};
  }
  ScalarIndex result = add_scalar(DType::I32, depth);
  scopes_[depth].block.push_back({ReadIndex{result, variable}});
  scopes_[depth].computed[key] = result;
  return {result, DType::I32};
}

ScalarIndex KernelLowering::reduce(ReduceKind kind, const Indices& indices, const std::vector<int64_t>& extents,
                                   DType dtype,
                                   const std::function<ScalarIndex(const std::vector<VariableIndex>&)>& body) {
  size_t depth = depth_of(indices);
  std::vector<Scope> suspended(std::make_move_iterator(scopes_.begin() + static_cast<std::ptrdiff_t>(depth) + 1),
                               std::make_move_iterator(scopes_.end()));
  scopes_.resize(depth + 1);
  scopes_.emplace_back();
  for (int64_t extent : extents) scopes_.back().variables.push_back(fresh_variable(extent));
  std::vector<VariableIndex> variables = scopes_.back().variables;
  ScalarIndex yield = body(variables);
  Block block = std::move(scopes_.back().block);
  scopes_.pop_back();
  ScalarIndex result = add_scalar(dtype, depth);
  scopes_.back().block.push_back({ReduceLoop{result, kind, variables, std::move(block), yield}});
  std::move(suspended.begin(), suspended.end(), std::back_inserter(scopes_));
  return result;
}

Kernel lower_kernel(const Func& func) {
  return KernelLowering(func).run();
}

}  // namespace tarn
