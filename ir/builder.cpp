// Appends ops, deriving result types from the op records.
#include "ir/builder.h"

#include "ir/base/check.h"
#include "ir/op_def.h"
#include "ir/scan.h"
#include "ir/shape_rules.h"

namespace tarn {

ValueId Builder::argument(Type type, std::string_view name, Role role, double initial) {
  ValueId value = func_->add_value(std::move(type), name);
  func_->args.push_back({value, role, initial});
  return value;
}

void Builder::result(ValueId value, std::string_view name, Role role) {
  func_->results.push_back({value, std::string(name), role});
}

Op& Builder::append(const OpDef& def, std::vector<ValueId> operands, Attrs attrs, const std::vector<Type>& types) {
  Op op{&def, std::move(operands), {}, std::move(attrs), location_};
  std::string name = next_name_.empty() ? std::string(def.name) : next_name_;
  next_name_.clear();
  for (const Type& type : types) op.results.push_back(func_->add_value(type, name));
  func_->ops.push_back(std::move(op));
  return func_->ops.back();
}

Result<ValueId> Builder::try_op(std::string_view name, std::vector<ValueId> operands, Attrs attrs) {
  const OpDef* def = find_op(name);
  if (!def) return Error{fmt::format("there is no op `{}`", name), "op.unknown"};
  std::vector<Type> types;
  for (ValueId operand : operands) types.push_back(func_->type(operand));
  Result<Type> type = result_type(*def, types, attrs);
  if (!type) return type.error();
  return append(*def, std::move(operands), std::move(attrs), {*type}).result();
}

ValueId Builder::op(std::string_view name, std::vector<ValueId> operands, Attrs attrs) {
  Result<ValueId> value = try_op(name, std::move(operands), std::move(attrs));
  TARN_CHECK(value, "cannot build `{}`: {} [{}]", name, value.error().message, value.error().rule);
  return *value;
}

ValueId Builder::op(const OpDef& def, std::vector<ValueId> operands, Attrs attrs) {
  return op(def.name, std::move(operands), std::move(attrs));
}

const Op& Builder::copy(const Func& from, const Op& op, std::vector<ValueId> operands) {
  Op made{op.def, std::move(operands), {}, op.attrs, op.location};
  for (ValueId result : op.results) made.results.push_back(func_->add_value(from.type(result), from.name_of(result)));
  func_->ops.push_back(std::move(made));
  return func_->ops.back();
}

std::vector<ValueId> Builder::call(const Func& callee, std::vector<ValueId> operands) {
  Op op{find_op("call"), std::move(operands), {}, {{"callee", callee.name}}, location_};
  for (const FuncResult& result : callee.results) {
    op.results.push_back(func_->add_value(callee.type(result.value), result.name));
  }
  func_->ops.push_back(std::move(op));
  return func_->ops.back().results;
}

std::vector<ValueId> Builder::scan(const Func& body, const std::vector<ValueId>& initial,
                                   const std::vector<ValueId>& sequences, const std::vector<ValueId>& constants,
                                   int64_t length, bool reverse) {
  Op op{find_op("scan"), initial, {}, {}, location_};
  op.operands.insert(op.operands.end(), sequences.begin(), sequences.end());
  op.operands.insert(op.operands.end(), constants.begin(), constants.end());
  op.attrs = {{"callee", body.name},
              {"carries", static_cast<int64_t>(initial.size())},
              {"length", length},
              {"reverse", reverse},
              {"sequences", static_cast<int64_t>(sequences.size())}};
  for (size_t r = 0; r < body.results.size(); ++r) {
    const Type& type = body.type(body.results[r].value);
    op.results.push_back(
        func_->add_value(r < initial.size() ? type : stacked_type(type, length), body.results[r].name));
  }
  func_->ops.push_back(std::move(op));
  return func_->ops.back().results;
}

std::vector<ValueId> Builder::gradient(ValueId loss, std::vector<ValueId> targets) {
  std::vector<Type> types;
  for (ValueId target : targets) types.push_back(func_->type(target));
  std::vector<ValueId> operands = {loss};
  operands.insert(operands.end(), targets.begin(), targets.end());
  return append(*find_op("grad"), std::move(operands), {}, types).results;
}

ValueId Builder::constant(double value, Type type) {
  return op("constant", {}, {{"dtype", std::string(dtype_name(type.dtype))}, {"shape", type.shape}, {"value", value}});
}

ValueId Builder::constant_like(ValueId value, double number) {
  return constant(number, Type(type(value)));
}

ValueId Builder::cast(ValueId value, DType dtype) {
  if (type(value).dtype == dtype) return value;
  return op("cast", {value}, {{"dtype", std::string(dtype_name(dtype))}});
}

ValueId Builder::broadcast(ValueId value, Shape shape, std::vector<int64_t> dims) {
  if (type(value).shape == shape) return value;
  return op("broadcast", {value}, {{"dims", std::move(dims)}, {"shape", std::move(shape)}});
}

ValueId Builder::sum(ValueId value, std::vector<int64_t> axes) {
  return axes.empty() ? value : op("sum", {value}, {{"axes", std::move(axes)}});
}

ValueId Builder::reshape(ValueId value, Shape shape) {
  return type(value).shape == shape ? value : op("reshape", {value}, {{"shape", std::move(shape)}});
}

ValueId Builder::transpose(ValueId value, std::vector<int64_t> perm) {
  return op("transpose", {value}, {{"perm", std::move(perm)}});
}

ValueId Builder::slice(ValueId value, Shape start, Shape limit, Shape stride) {
  return op("slice", {value},
            {{"limit", std::move(limit)}, {"start", std::move(start)}, {"stride", std::move(stride)}});
}

ValueId Builder::pad(ValueId value, Shape low, Shape high, Shape interior) {
  return op("pad", {value}, {{"high", std::move(high)}, {"interior", std::move(interior)}, {"low", std::move(low)}});
}

ValueId Builder::window(ValueId value, const SlidingWindow& window) {
  return op("window", {value},
            {{"axis", window.axis},
             {"dilation", window.dilation},
             {"offset", window.offset},
             {"size", window.size},
             {"stride", window.stride},
             {"tap", window.tap}});
}

ValueId Builder::contract(ValueId lhs, ValueId rhs, Attrs attrs) {
  return op("contract", {lhs, rhs}, std::move(attrs));
}

ValueId Builder::stored(ValueId value) {
  return op("copy", {value});
}

}  // namespace tarn
