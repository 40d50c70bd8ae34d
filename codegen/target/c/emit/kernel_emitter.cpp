// The parameters of a kernel's function, and its scalar code.
#include "codegen/target/c/emit/kernel_emitter.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/base/check.h"

namespace tarn::c_source {

// Longer expressions get a name.
static constexpr size_t kLongExpression = 56;

KernelEmitter::KernelEmitter(const Kernel& kernel, const Schedule& schedule, const Aliasing& aliasing,
                             bool is_anonymous)
    : kernel_(kernel),
      schedule_(schedule),
      aliasing_(aliasing),
      facts_(find_facts(kernel)),
      is_used_(kernel.buffers.size(), false),
      positions_(kernel.variables.size()),
      uses_(kernel.scalars.size()) {
  Names names;
  int64_t greatest = 0;
  // Scalars are `v1`, `sum2_0` and the like: no other name ends so.
  auto add = [&](const std::string& name) {
    bool is_numbered = !name.empty() && std::isdigit(static_cast<unsigned char>(name.back()));
    return names.add(is_numbered ? name + "_" : name);
  };
  std::map<std::string, std::pair<std::string, std::string>> loops;  // of one name do not nest
  for (const IndexVariable& variable : kernel.variables) {
    auto [names_of, is_new] = loops.try_emplace(variable.name);
    if (is_new) names_of->second = {add(variable.name), add(variable.name + "c")};
    index_names_.push_back(names_of->second.first);
    lane_names_.push_back(names_of->second.second);
    greatest = std::max(greatest, variable.extent);
  }
  for (const KernelBuffer& buffer : kernel.buffers) {
    buffer_names_.push_back(add(is_anonymous ? "b" : buffer.name));
    greatest = std::max(greatest, buffer.type.elements());
  }
  index_type_ = greatest < 1 << 30 ? "int" : "int64_t";
  number(kernel.body);
  count_uses(kernel.body);
}

KernelText KernelEmitter::run() {
  block(kernel_.body, {});
  KernelText result;
  std::string parameters;
  for (BufferIndex b = 0; b < kernel_.buffers.size(); ++b) {
    if (!is_used_[b]) continue;
    const KernelBuffer& buffer = kernel_.buffers[b];
    bool is_written = false;
    for (BufferIndex other = 0; other < kernel_.buffers.size(); ++other)
      is_written |= aliasing_.shares[other] == b && kernel_.buffers[other].kind == BufferKind::Out;
    parameters += fmt::format("{}\n    {}{}* {}{} /* {} */", parameters.empty() ? "" : ",", is_written ? "" : "const ",
                              memory_type(buffer.type.dtype), aliasing_.is_apart[b] ? "restrict " : "",
                              buffer_names_[b], buffer.type.text());
    result.parameters.push_back(b);
  }
  result.text = fmt::format("({}) {{\n{}}}\n", parameters.empty() ? "void" : parameters, out_);
  return result;
}

void KernelEmitter::braced(const std::string& head, const std::function<void()>& body) {
  line(head + (head.empty() ? "{" : " {"));
  ++depth_;
  body();
  --depth_;
  line("}");
}

// --- strips ---

void KernelEmitter::strip(std::span<const Statement* const> statements, const Accumulator& accumulator) {
  bool step_is_column =
      accumulator.loop && (accumulator.has_lanes || is_column(facts_.depends[accumulator.loop->result]));
  std::vector<const Statement*> columns;
  for (const Statement* part : statements) {
    VariableSet by = depends(*part);
    if (is_column(by)) {
      columns.push_back(part);
      continue;
    }
    for (int row = 0; row < copies(by); ++row) statement(*part, row);
  }
  auto steps = [&] {
    if (!accumulator.loop) return;
    for (int row = 0; row < copies(facts_.depends[accumulator.loop->result]); ++row) step(accumulator, row);
  };
  if (columns.empty() && !step_is_column) return steps();
  for (const Statement* part : columns) {
    std::optional<ScalarIndex> result = result_of(*part);
    if (!result || !is_array(*result) || uses_[*result].count == 0) continue;
    for (int row = 0; row < copies(facts_.depends[*result]); ++row) {
      line(fmt::format("{} {}[{}];", scalar_type(kernel_.scalars[*result]), name_of(*result, row), columns_->width));
    }
  }
  columns_loop([&] {
    for (const Statement* part : columns) {
      for (int row = 0; row < copies(depends(*part)); ++row) statement(*part, row);
    }
    if (step_is_column) steps();
  });
  if (!step_is_column) steps();
}

void KernelEmitter::statement(const Statement& statement, int row) {
  if (const Store* store = std::get_if<Store>(&statement.node)) {
    std::string value = value_of(store->value, row).text;
    DType dtype = kernel_.buffers[store->access.buffer].type.dtype;
    if (is_half(dtype)) value = fmt::format("tarn_bits_{}({})", dtype_name(dtype), value);
    line(fmt::format("{} = {};", element_text(store->access, row), value));
    return;
  }
  ScalarIndex result = *result_of(statement);
  if (uses_[result].count == 0) return;
  if (const Load* load = std::get_if<Load>(&statement.node)) define(result, load_text(load->access, row), row);
  if (const Compute* compute = std::get_if<Compute>(&statement.node)) {
    std::vector<Expression> operands;
    for (ScalarIndex operand : compute->operands) operands.push_back(value_of(operand, row));
    define(result, apply(compute->op, operands, kernel_.scalars[compute->operands.back()], kernel_.scalars[result]),
           row);
  }
}

void KernelEmitter::define(ScalarIndex scalar, const Expression& value, int row) {
  held_.erase({scalar, row});
  if (may_hold(scalar) && value.text.size() <= kLongExpression) {
    held_[{scalar, row}] = value;
  } else if (is_array(scalar)) {
    line(fmt::format("{} = {};", element_of(scalar, row), value.text));
  } else {
    line(fmt::format("const {} {} = {};", scalar_type(kernel_.scalars[scalar]), name_of(scalar, row), value.text));
  }
}

void KernelEmitter::step(const Accumulator& accumulator, int row) {
  const ReduceLoop& loop = *accumulator.loop;
  bool is_array = accumulator.has_lanes || is_column(facts_.depends[loop.result]);
  if (loop.kind == ReduceKind::ArgMax) return arg_max_step(loop, is_array, row);
  std::string sum = (accumulator.has_lanes ? "part_" : "") + name_of(loop.result, row) +
                    (is_array ? fmt::format("[{}]", columns_->lane) : "");
  Expression value = value_of(loop.yield, row);
  DType dtype = kernel_.scalars[loop.result];
  if (loop.kind == ReduceKind::Sum && is_float(dtype)) return line(fmt::format("{} += {};", sum, value.text));
  line(fmt::format("{} = {};", sum, combine(loop.kind, {sum}, value, dtype).text));
}

void KernelEmitter::arg_max_step(const ReduceLoop& loop, bool is_array, int row) {
  DType dtype = kernel_.scalars[loop.yield];
  std::string number;
  for (VariableIndex variable : loop.variables) {
    IndexExpression::Term term{variable, 1};
    std::string index = index_sum({&term, 1}, {}, 0, row).as(Binding::Sum);
    number = number.empty() ? index : fmt::format("({}) * {} + {}", number, kernel_.variables[variable].extent, index);
  }
  if (number.empty()) number = "0";
  std::string column = is_array ? fmt::format("[{}]", columns_->lane) : "";
  std::string place = name_of(loop.result, row) + column, best = "best_" + place;
  Expression value = value_of(loop.yield, row), operands[] = {value, {best}};
  std::string is_better = "better_" + name_of(loop.result, row);
  line(fmt::format("const bool {} = {};", is_better, apply(ScalarOp::Gt, operands, dtype, DType::Bool).text));
  line(fmt::format("{} = {} ? {} : {};", best, is_better, value.text, best));
  line(fmt::format("{} = {} ? (uint32_t)({}) : {};", place, is_better, number, place));
}

// --- expressions ---

std::string KernelEmitter::name_of(ScalarIndex scalar, int row) const {
  const Statement& made = *facts_.definition[scalar];
  const ReduceLoop* reduce = std::get_if<ReduceLoop>(&made.node);
  std::string name = fmt::format("{}{}",
                                 !reduce                              ? "v"
                                 : reduce->kind == ReduceKind::Sum    ? "sum"
                                 : reduce->kind == ReduceKind::Prod   ? "product"
                                 : reduce->kind == ReduceKind::ArgMax ? "place"
                                 : reduce->kind == ReduceKind::Max    ? "most"
                                                                      : "least",
                                 scalar);
  return copies(facts_.depends[scalar]) > 1 ? fmt::format("{}_{}", name, row) : name;
}

std::string KernelEmitter::element_of(ScalarIndex scalar, int row) const {
  return name_of(scalar, row) + (is_array(scalar) ? fmt::format("[{}]", columns_->lane) : "");
}

Expression KernelEmitter::value_of(ScalarIndex scalar, int row) const {
  if (copies(facts_.depends[scalar]) == 1) row = 0;
  const Statement& made = *facts_.definition[scalar];
  if (const Constant* node = std::get_if<Constant>(&made.node)) return literal(node->value, kernel_.scalars[scalar]);
  if (const ReadIndex* node = std::get_if<ReadIndex>(&made.node)) {
    IndexExpression::Term term{node->variable, 1};
    return {"(uint32_t)" + index_sum({&term, 1}, {}, 0, row).as(Binding::Unary), Binding::Unary};
  }
  if (auto held = held_.find({scalar, row}); held != held_.end()) return held->second;
  return {element_of(scalar, row)};
}

Expression KernelEmitter::index_sum(std::span<const IndexExpression::Term> terms,
                                    std::span<const IndexExpression::Loaded> loaded, int64_t offset, int row) const {
  std::vector<std::pair<int64_t, std::string>> parts;
  for (const auto& term : terms) {
    const Position& at = positions_[term.variable];
    bool is_row = rows_ && rows_->variable == term.variable;
    for (const std::string& name : {at.name, at.lane}) {
      if (!name.empty()) parts.emplace_back(term.coefficient, name);
    }
    offset += term.coefficient * (at.offset + (is_row ? row : 0));
  }
  for (const auto& part : loaded) {
    std::string_view type = kernel_.scalars[part.scalar] == DType::I64 ? "int64_t" : "int32_t";
    parts.emplace_back(part.coefficient, fmt::format("({}){}", type, value_of(part.scalar, row).as(Binding::Unary)));
  }
  if (offset != 0 || parts.empty()) parts.emplace_back(offset, "");
  // As a reader expects it: large strides first.
  std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) {
    return !a.second.empty() && (b.second.empty() || std::abs(a.first) > std::abs(b.first));
  });
  std::string text;
  for (const auto& [coefficient, name] : parts) {
    bool is_first = text.empty(), is_negative = coefficient < 0;
    text += is_negative ? (is_first ? "-" : " - ") : (is_first ? "" : " + ");
    int64_t times = is_negative ? -coefficient : coefficient;
    text += name.empty() ? fmt::format("{}", times) : times == 1 ? name : fmt::format("{} * {}", name, times);
  }
  bool is_name = text.find_first_of(" -(") == std::string::npos;
  return {text, is_name ? Binding::Primary : Binding::Sum};
}

std::string KernelEmitter::buffer_name(BufferIndex buffer) {
  BufferIndex shown = aliasing_.shares[buffer];
  is_used_[shown] = true;
  return buffer_names_[shown];
}

std::string KernelEmitter::element_text(const Access& access, int row) {
  const KernelBuffer& buffer = kernel_.buffers[access.buffer];
  if (buffer.type.shape.empty()) return buffer_name(access.buffer) + "[0]";
  if (is_simple(access)) {
    FlatAddress address = flat_address(kernel_, access);
    return fmt::format("{}[{}]", buffer_name(access.buffer),
                       index_sum(address.terms, address.loaded, address.offset, row).text);
  }
  // Indices that are divided one by one, the others as one sum.
  Shape strides = row_major_strides(buffer.type.shape);
  Access rest = access;
  std::string text;
  for (size_t d = 0; d < access.indices.size(); ++d) {
    const IndexExpression& index = access.indices[d];
    if (index.divisor == 1) continue;
    text += fmt::format("{}({}) / {}", text.empty() ? "" : " + ",
                        index_sum(index.terms, index.loaded, index.offset, row).text, index.divisor);
    if (strides[d] != 1) text += fmt::format(" * {}", strides[d]);
    rest.indices[d] = {};
  }
  FlatAddress address = flat_address(kernel_, rest);
  bool is_zero = address.terms.empty() && address.loaded.empty() && address.offset == 0;
  if (text.empty() || !is_zero) {
    text += (text.empty() ? "" : " + ") + index_sum(address.terms, address.loaded, address.offset, row).text;
  }
  return fmt::format("{}[{}]", buffer_name(access.buffer), text);
}

// What must hold for the element to be inside; what always holds is left out.
std::vector<std::string> KernelEmitter::guards(const Access& access, int row) {
  std::vector<std::string> conditions;
  const Shape& shape = kernel_.buffers[access.buffer].type.shape;
  for (size_t d = 0; d < access.indices.size(); ++d) {
    const IndexExpression& index = access.indices[d];
    int64_t least = index.offset, most = index.offset;
    for (const auto& term : index.terms) {
      int64_t reach = term.coefficient * (kernel_.variables[term.variable].extent - 1);
      (reach < 0 ? least : most) += reach;
    }
    std::string sum = index_sum(index.terms, index.loaded, index.offset, row).as(Binding::Sum);
    bool is_loaded = !index.loaded.empty();
    if (index.divisor != 1) conditions.push_back(fmt::format("({}) % {} == 0", sum, index.divisor));
    if (is_loaded || least < 0) conditions.push_back(sum + " >= 0");
    if (is_loaded || most >= shape[d] * index.divisor) {
      conditions.push_back(fmt::format("{} < {}", sum, shape[d] * index.divisor));
    }
  }
  return conditions;
}

Expression KernelEmitter::load_text(const Access& access, int row) {
  const Type& type = kernel_.buffers[access.buffer].type;
  std::vector<std::string> conditions;
  if (access.guarded) conditions = guards(access, row);
  std::string element = element_text(access, row);
  if (type.dtype == DType::Bool) element += " != 0";
  if (is_half(type.dtype)) element = fmt::format("tarn_value_{}({})", dtype_name(type.dtype), element);
  if (conditions.empty()) return {element, type.dtype == DType::Bool ? Binding::Loose : Binding::Primary};
  return {
      fmt::format("{} ? {} : {}", fmt::join(conditions, " && "), element, literal(0, computed_dtype(type.dtype)).text),
      Binding::Loose};
}

}  // namespace tarn::c_source
