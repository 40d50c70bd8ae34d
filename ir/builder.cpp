// Appends ops, deriving result types from the op records.
#include "ir/builder.h"

#include "ir/base/check.h"
#include "ir/op_def.h"

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

static bool has_kind(const AttrValue& value, AttrKind kind) {
  switch (kind) {
    case AttrKind::Bool:
      return std::holds_alternative<bool>(value);
    case AttrKind::Int:
      return std::holds_alternative<int64_t>(value);
    case AttrKind::Float:
      return std::holds_alternative<double>(value);
    case AttrKind::String:
      return std::holds_alternative<std::string>(value);
    case AttrKind::Ints:
      return std::holds_alternative<std::vector<int64_t>>(value);
  }
  return false;
}

// Every attribute of the record is there with its kind, and no other.
static std::optional<Error> check_attrs(const OpDef& def, const Attrs& attrs) {
  for (const AttrSpec& spec : def.attrs) {
    auto found = attrs.find(spec.name);
    if (found == attrs.end()) return Error{fmt::format("`{}` needs attribute `{}`", def.name, spec.name), "op.attrs"};
    if (!has_kind(found->second, spec.kind)) {
      return Error{
          fmt::format("attribute `{}` of `{}` has the wrong kind: {}", spec.name, def.name, attr_text(found->second)),
          "op.attrs"};
    }
  }
  for (const auto& [key, value] : attrs) {
    bool known = false;
    for (const AttrSpec& spec : def.attrs) known = known || spec.name == key;
    if (!known) return Error{fmt::format("`{}` has no attribute `{}`", def.name, key), "op.attrs"};
  }
  return std::nullopt;
}

Result<ValueId> Builder::try_op(std::string_view name, std::vector<ValueId> operands, Attrs attrs) {
  const OpDef* def = find_op(name);
  if (!def) return Error{fmt::format("there is no op `{}`", name), "op.unknown"};
  if (def->arity != kVariadic && static_cast<size_t>(def->arity) != operands.size()) {
    return Error{fmt::format("`{}` takes {} operands, but {} are given", name, def->arity, operands.size()),
                 "op.arity"};
  }
  if (std::optional<Error> error = check_attrs(*def, attrs)) return *error;
  std::vector<Type> types;
  for (ValueId operand : operands) types.push_back(func_->type(operand));
  Result<Type> type = def->shape({types, attrs});
  if (!type) return type.error();
  if (!checked_element_count(type->shape)) {
    return Error{
        fmt::format("the result of `{}` would have {} elements, more than 2^63", name, shape_text(type->shape)),
        "op.size"};
  }
  return append(*def, std::move(operands), std::move(attrs), {*type}).result();
}

ValueId Builder::op(std::string_view name, std::vector<ValueId> operands, Attrs attrs) {
  Result<ValueId> value = try_op(name, std::move(operands), std::move(attrs));
  TARN_CHECK(value, "cannot build `{}`: {} [{}]", name, value.error().message, value.error().rule);
  return *value;
}

const Op& Builder::copy(const Func& from, const Op& op, std::vector<ValueId> operands) {
  Op made{op.def, std::move(operands), {}, op.attrs, op.location};
  for (ValueId result : op.results) made.results.push_back(func_->add_value(from.type(result), from.name_of(result)));
  func_->ops.push_back(std::move(made));
  return func_->ops.back();
}

std::vector<ValueId> Builder::call(const Func& callee, std::vector<ValueId> operands) {
  std::vector<Type> types;
  for (const FuncResult& result : callee.results) types.push_back(callee.type(result.value));
  const OpDef* def = find_op("call");
  return append(*def, std::move(operands), {{"callee", callee.name}}, types).results;
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

}  // namespace tarn
