// Lowers fused ops to loops by lazy evaluation with loop-invariant placement.
#include "codegen/lower_kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ir/base/check.h"
#include "ir/contract_spec.h"
#include "ir/op_def.h"
#include "ir/view_map.h"

namespace tarn {

namespace {

using Indices = std::vector<IndexExpression>;

std::string key_of(ValueId value, const Indices& indices) {
  std::string key = fmt::format("{}", value.index);
  for (const IndexExpression& index : indices) {
    key += fmt::format("|{}/{}", index.offset, index.divisor);
    for (const IndexExpression::Term& term : index.terms) key += fmt::format(",{}*{}", term.variable, term.coefficient);
    for (const auto& loaded : index.loaded) key += fmt::format(",%{}*{}", loaded.scalar, loaded.coefficient);
  }
  return key;
}

// (sum of coefficients[d] * indices[d] + offset) / divisor, as an expression of loop variables.
IndexExpression compose(const AffineIndex& map, const Indices& indices) {
  std::map<VariableIndex, int64_t> coefficients;
  IndexExpression result{{}, map.offset, map.divisor, {}};
  for (size_t d = 0; d < map.coefficients.size(); ++d) {
    if (map.coefficients[d] == 0) continue;
    TARN_CHECK(indices[d].divisor == 1, "an index with a divisor cannot be composed");
    result.offset += map.coefficients[d] * indices[d].offset;
    for (const auto& term : indices[d].terms) coefficients[term.variable] += map.coefficients[d] * term.coefficient;
    for (const auto& loaded : indices[d].loaded) {
      result.loaded.push_back({loaded.scalar, map.coefficients[d] * loaded.coefficient});
    }
  }
  for (auto [variable, coefficient] : coefficients) {
    if (coefficient != 0) result.terms.push_back({variable, coefficient});
  }
  return result;
}

// Removes scalar code whose result nothing uses (positions that a constant was offered, say).  `used` marks the scalars
// that later statements read.
void remove_unused(Block& block, std::vector<bool>& used) {
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
bool is_flat(const Func& func) {
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
    bool is_splat = op.def->name == "constant" ||
                    (std::holds_alternative<View>(op.def->body) && func.type(op.operands[0]).rank() == 0);
    if (!is_splat) return false;
  }
  return true;
}

class KernelLowering final : public ScalarEmitter {
 public:
  explicit KernelLowering(const Func& func) : func_(func), defining_(defining_ops(func)), flat_(is_flat(func)) {}

  Kernel run() {
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

 private:
  // A loop being built: its body so far, its variables, and the values already computed in it.
  struct Scope {
    Block block;
    std::vector<VariableIndex> variables;
    std::map<std::string, ScalarIndex> computed;
  };

  Shape lowered_shape(ValueId value) const {
    const Shape& shape = func_.type(value).shape;
    return flat_ && !shape.empty() ? Shape{element_count(shape)} : shape;
  }

  void add_buffer(ValueId value, std::string name, BufferKind kind) {
    kernel_.buffers.push_back({std::move(name), {func_.type(value).dtype, lowered_shape(value)}, kind});
  }

  // --- loops ---

  // Sibling loops of one extent share a variable, so that equal accesses look equal to the target.
  VariableIndex fresh_variable(int64_t extent) {
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

  int depth_of(VariableIndex variable) const {
    for (size_t depth = 0; depth < scopes_.size(); ++depth) {
      const std::vector<VariableIndex>& held = scopes_[depth].variables;
      if (std::find(held.begin(), held.end(), variable) != held.end()) return static_cast<int>(depth);
    }
    return -1;
  }

  size_t depth_of(const Indices& indices) const {
    int depth = 0;
    for (const IndexExpression& index : indices) {
      for (const auto& term : index.terms) depth = std::max(depth, depth_of(term.variable));
      for (const auto& loaded : index.loaded) depth = std::max(depth, static_cast<int>(scalar_depth_[loaded.scalar]));
    }
    return static_cast<size_t>(depth);
  }

  VariableIndex open_loop(int64_t extent) {
    VariableIndex variable = fresh_variable(extent);
    scopes_.push_back({{}, {variable}, {}});
    return variable;
  }

  void close_loop() {
    Scope scope = std::move(scopes_.back());
    scopes_.pop_back();
    scopes_.back().block.push_back({ForLoop{scope.variables[0], std::move(scope.block)}});
  }

  static IndexExpression plain(VariableIndex variable) { return {{{variable, 1}}, 0, 1, {}}; }

  void domain() {
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

  // Results in groups of one shape; a group with dimensions beyond the domain gets loops of its own.  All values of a
  // group are computed before the first store, so that an output may lie over an input.
  void store_results(const Indices& domain) {
    std::map<Shape, std::vector<size_t>> by_shape;
    for (size_t r = 0; r < func_.results.size(); ++r) by_shape[lowered_shape(func_.results[r].value)].push_back(r);
    for (const auto& [shape, results] : by_shape) {
      Indices indices = domain;
      for (size_t d = domain.size(); d < shape.size(); ++d) indices.push_back(plain(open_loop(shape[d])));
      std::vector<ScalarIndex> values;
      for (size_t r : results) values.push_back(evaluate(func_.results[r].value, indices));
      for (size_t i = 0; i < results.size(); ++i) {
        auto buffer = static_cast<BufferIndex>(func_.args.size() + results[i]);
        scopes_.back().block.push_back({Store{{buffer, indices, false}, values[i]}});
      }
      for (size_t d = domain.size(); d < shape.size(); ++d) close_loop();
    }
  }

  // --- scalars ---

  ScalarIndex add_scalar(DType dtype, size_t depth) {
    kernel_.scalars.push_back(dtype);
    scalar_depth_.push_back(depth);
    return static_cast<ScalarIndex>(kernel_.scalars.size() - 1);
  }

  Scalar constant(double value, DType dtype) override {
    std::string key = fmt::format("constant {} {}", float_text(value), dtype_name(dtype));
    if (auto found = scopes_[0].computed.find(key); found != scopes_[0].computed.end()) return {found->second, dtype};
    ScalarIndex result = add_scalar(dtype, 0);
    scopes_[0].block.push_back({Constant{result, value}});
    scopes_[0].computed[key] = result;
    return {result, dtype};
  }

  Scalar apply(ScalarOp op, std::span<const Scalar> operands, DType cast_to) override {
    size_t depth = 0;
    std::vector<ScalarIndex> ids;
    for (const Scalar& operand : operands) {
      ids.push_back(operand.id);
      depth = std::max(depth, scalar_depth_[operand.id]);
    }
    DType dtype = result_dtype(op, operands, cast_to);
    ScalarIndex result = add_scalar(dtype, depth);
    scopes_[depth].block.push_back({Compute{result, op, std::move(ids)}});
    return {result, dtype};
  }
  using ScalarEmitter::apply;

  Scalar scalar_of(ScalarIndex index) const { return {index, kernel_.scalars[index]}; }

  // An index expression as an I32 scalar.
  Scalar index_scalar(const IndexExpression& index) {
    TARN_CHECK(index.divisor == 1, "an index with a divisor has no value");
    Scalar sum = constant(static_cast<double>(index.offset), DType::I32);
    bool is_first = index.offset == 0;
    for (const auto& term : index.terms) {
      Scalar part = read_index(term.variable);
      if (term.coefficient != 1) {
        part = apply(ScalarOp::Mul, {part, constant(static_cast<double>(term.coefficient), DType::I32)});
      }
      sum = is_first ? part : apply(ScalarOp::Add, {sum, part});
      is_first = false;
    }
    for (const auto& loaded : index.loaded) {
      Scalar part = cast(scalar_of(loaded.scalar), DType::I32);
      part = apply(ScalarOp::Mul, {part, constant(static_cast<double>(loaded.coefficient), DType::I32)});
      sum = apply(ScalarOp::Add, {sum, part});
    }
    return sum;
  }

  Scalar read_index(VariableIndex variable) {
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

  // --- values ---

  // The scalar that holds `value` at `indices`.
  ScalarIndex evaluate(ValueId value, const Indices& indices) {
    std::string key = key_of(value, indices);
    for (const Scope& scope : scopes_) {
      if (auto found = scope.computed.find(key); found != scope.computed.end()) return found->second;
    }
    ScalarIndex result = compute(value, indices);
    scopes_[scalar_depth_[result]].computed[key] = result;
    return result;
  }

  ScalarIndex compute(ValueId value, const Indices& indices) {
    // Nothing reads an element of an empty tensor: the loop around never runs, but a load might be placed outside it.
    if (func_.type(value).elements() == 0) return constant(0, func_.type(value).dtype).id;
    if (defining_[value.index] < 0) return load(value, indices, false);
    const Op& op = func_.ops[static_cast<size_t>(defining_[value.index])];
    return std::visit([&](const auto& form) { return compute_form(form, op, indices); }, op.def->body);
  }

  ScalarIndex load(ValueId argument, const Indices& indices, bool guarded) {
    BufferIndex buffer = buffer_of_.at(argument.index);
    size_t depth = depth_of(indices);
    ScalarIndex result = add_scalar(kernel_.buffers[buffer].type.dtype, depth);
    scopes_[depth].block.push_back({Load{result, {buffer, indices, guarded}}});
    return result;
  }

  ScalarIndex compute_form(const Elementwise& form, const Op& op, const Indices& indices) {
    std::vector<Scalar> operands;
    for (ValueId operand : op.operands) operands.push_back(scalar_of(evaluate(operand, indices)));
    return form.lower(*this, operands, func_.type(op.result()).dtype).id;
  }

  ScalarIndex compute_form(const Generate& form, const Op& op, const Indices& indices) {
    std::vector<Scalar> scalars, positions;
    for (ValueId operand : op.operands) scalars.push_back(scalar_of(evaluate(operand, {})));
    const Type& type = func_.type(op.result());
    // Flat kernels hold splats only, whose lowering reads no position.
    for (size_t d = 0; !flat_ && d < indices.size(); ++d) positions.push_back(index_scalar(indices[d]));
    return form.lower(*this, positions, type.shape, scalars, op.attrs, type.dtype).id;
  }

  ScalarIndex compute_form(const View&, const Op& op, const Indices& indices) {
    ValueId operand = op.operands[0];
    if (flat_) return evaluate(operand, {});  // a scalar, repeated
    std::optional<std::vector<AffineIndex>> map = view_map(func_, op);
    TARN_CHECK(map, "`{}` has no index map inside a kernel", func_.name_of(op.result()));
    Indices mapped;
    for (const AffineIndex& index : *map) mapped.push_back(compose(index, indices));
    if (!leaves_range(*map, func_.type(op.result()).shape, func_.type(operand).shape)) return evaluate(operand, mapped);
    TARN_CHECK(defining_[operand.index] < 0, "a view reads outside `{}`, which is no buffer", func_.name_of(operand));
    return load(operand, mapped, true);
  }

  // Opens a scope for a reduction whose result depends on `indices` only: loops below that depth do not enclose it.
  template <typename BodyFunction>
  ScalarIndex reduce(ReduceKind kind, const Indices& indices, const std::vector<int64_t>& extents, DType dtype,
                     BodyFunction body) {
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

  ScalarIndex compute_form(const Reduce& form, const Op& op, const Indices& indices) {
    const std::vector<int64_t>& axes = attr_ints(op.attrs, "axes");
    const Shape& shape = func_.type(op.operands[0]).shape;
    std::vector<int64_t> extents;
    for (int64_t axis : axes) extents.push_back(shape[static_cast<size_t>(axis)]);
    return reduce(form.kind, indices, extents, func_.type(op.result()).dtype, [&](const auto& variables) {
      Indices inner;
      size_t kept = 0, reduced = 0;
      for (size_t d = 0; d < shape.size(); ++d) {
        bool is_reduced = std::find(axes.begin(), axes.end(), static_cast<int64_t>(d)) != axes.end();
        inner.push_back(is_reduced ? plain(variables[reduced++]) : indices[kept++]);
      }
      return evaluate(op.operands[0], inner);
    });
  }

  ScalarIndex compute_form(const Contract&, const Op& op, const Indices& indices) {
    ContractSpec spec = *parse_contract_spec(attr_string(op.attrs, "spec"));
    std::map<char, IndexExpression> index_of;
    for (size_t d = 0; d < spec.result.size(); ++d) index_of[spec.result[d]] = indices[d];
    std::string contracted;
    std::vector<int64_t> extents;
    for (size_t d = 0; d < spec.lhs.size(); ++d) {
      if (index_of.contains(spec.lhs[d])) continue;
      contracted += spec.lhs[d];
      extents.push_back(func_.type(op.operands[0]).shape[d]);
    }
    return reduce(ReduceKind::Sum, indices, extents, func_.type(op.result()).dtype, [&](const auto& variables) {
      for (size_t d = 0; d < contracted.size(); ++d) index_of[contracted[d]] = plain(variables[d]);
      Indices lhs, rhs;
      for (char label : spec.lhs) lhs.push_back(index_of.at(label));
      for (char label : spec.rhs) rhs.push_back(index_of.at(label));
      Scalar a = scalar_of(evaluate(op.operands[0], lhs));
      Scalar b = scalar_of(evaluate(op.operands[1], rhs));
      return apply(ScalarOp::Mul, {a, b}).id;
    });
  }

  // The first dimensions of a gather or scatter, which its index tensor has too.
  static Indices shared_of(const Op& op, const Indices& indices) {
    return {indices.begin(), indices.begin() + attr_int(op.attrs, "shared")};
  }

  // An index from memory as I32 or I64.
  Scalar loaded_index(ValueId indices, const Indices& at) {
    Scalar position = scalar_of(evaluate(indices, at));
    return position.dtype == DType::U8 ? cast(position, DType::I32) : position;
  }

  // An index outside of x reads element 0 in its place, and the result is zero.
  ScalarIndex compute_form(const Gather&, const Op& op, const Indices& indices) {
    ValueId x = op.operands[0];
    auto axis = static_cast<size_t>(attr_int(op.attrs, "axis"));
    int64_t size = func_.type(x).shape[axis];
    DType dtype = func_.type(x).dtype;
    if (size == 0) return constant(0, dtype).id;
    Indices at = shared_of(op, indices);
    auto own = indices.begin() + static_cast<std::ptrdiff_t>(axis);
    auto behind = own + func_.type(op.operands[1]).rank() - static_cast<std::ptrdiff_t>(at.size());
    at.insert(at.end(), own, behind);
    Scalar position = loaded_index(op.operands[1], at);
    Scalar zero = constant(0, position.dtype);
    Scalar is_inside =
        apply(ScalarOp::And, {apply(ScalarOp::Ge, {position, zero}),
                              apply(ScalarOp::Lt, {position, constant(static_cast<double>(size), position.dtype)})});
    Scalar safe = apply(ScalarOp::Select, {is_inside, position, zero});
    Indices mapped(indices.begin(), own);
    mapped.push_back({{}, 0, 1, {{safe.id, 1}}});
    mapped.insert(mapped.end(), behind, indices.end());
    return apply(ScalarOp::Select, {is_inside, scalar_of(evaluate(x, mapped)), constant(0, dtype)}).id;
  }

  // A sum over all updates of those whose index is that of the result: no order of stores, and whatever reads the
  // result is its epilogue.
  ScalarIndex compute_form(const Scatter&, const Op& op, const Indices& indices) {
    auto axis = static_cast<size_t>(attr_int(op.attrs, "axis"));
    Indices shared = shared_of(op, indices);
    const Shape& whole = func_.type(op.operands[0]).shape;
    Shape extents(whole.begin() + static_cast<std::ptrdiff_t>(shared.size()), whole.end());
    DType dtype = func_.type(op.result()).dtype;
    return reduce(ReduceKind::Sum, indices, extents, dtype, [&](const auto& variables) {
      Indices summed, at = shared;
      for (VariableIndex variable : variables) summed.push_back(plain(variable));
      at.insert(at.end(), summed.begin(), summed.end());
      Scalar position = loaded_index(op.operands[0], at);
      Scalar wanted = cast(index_scalar(indices[axis]), position.dtype);
      Scalar is_here = apply(ScalarOp::Eq, {position, wanted});
      Indices from(indices.begin(), indices.begin() + static_cast<std::ptrdiff_t>(axis));
      from.insert(from.end(), summed.begin(), summed.end());
      from.insert(from.end(), indices.begin() + static_cast<std::ptrdiff_t>(axis) + 1, indices.end());
      return apply(ScalarOp::Select, {is_here, scalar_of(evaluate(op.operands[1], from)), constant(0, dtype)}).id;
    });
  }

  ScalarIndex compute_form(const Call&, const Op& op, const Indices&) { return refuse(op); }
  ScalarIndex compute_form(const Scan&, const Op& op, const Indices&) { return refuse(op); }
  ScalarIndex compute_form(const Gradient&, const Op& op, const Indices&) { return refuse(op); }
  ScalarIndex refuse(const Op& op) const {
    TARN_CHECK(false, "`{}` inside kernel @{}", op.def->name, func_.name);
    return 0;
  }

  const Func& func_;
  std::vector<int> defining_;
  bool flat_;
  Kernel kernel_;
  std::vector<Scope> scopes_;
  std::vector<size_t> scalar_depth_;
  std::map<uint32_t, BufferIndex> buffer_of_;
};

}  // namespace

Kernel lower_kernel(const Func& func) {
  return KernelLowering(func).run();
}

}  // namespace tarn
