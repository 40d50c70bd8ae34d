// Shared shape rules: what a wrong operand or attribute is, said in terms of what was observed.
#include "ir/shape_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "ir/accumulation.h"

namespace tarn {

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

static std::string_view kind_name(AttrKind kind) {
  switch (kind) {
    case AttrKind::Bool:
      return "true or false";
    case AttrKind::Int:
      return "an integer";
    case AttrKind::Float:
      return "a float";
    case AttrKind::String:
      return "a string";
    case AttrKind::Ints:
      return "a list of integers";
  }
  return "";
}

std::optional<Error> attrs_error(const OpDef& def, const Attrs& attrs) {
  for (const AttrSpec& spec : def.attrs) {
    auto found = attrs.find(spec.name);
    if (found == attrs.end() && spec.is_optional) continue;
    if (found == attrs.end()) return Error{fmt::format("`{}` has no attribute `{}`", def.name, spec.name), "op.attrs"};
    if (!has_kind(found->second, spec.kind)) {
      return Error{fmt::format("attribute `{}` of `{}` is {}, not {}", spec.name, def.name, attr_text(found->second),
                               kind_name(spec.kind)),
                   "op.attrs"};
    }
  }
  for (const auto& [key, value] : attrs) {
    bool known = false;
    for (const AttrSpec& spec : def.attrs) known = known || spec.name == key;
    if (!known) return Error{fmt::format("`{}` takes no attribute `{}`", def.name, key), "op.attrs"};
  }
  return std::nullopt;
}

Result<Type> result_type(const OpDef& def, std::span<const Type> inputs, const Attrs& attrs) {
  if (def.arity != kVariadic && static_cast<size_t>(def.arity) != inputs.size()) {
    return Error{fmt::format("`{}` takes {} operand{}, but {} {} given", def.name, def.arity, def.arity == 1 ? "" : "s",
                             inputs.size(), inputs.size() == 1 ? "is" : "are"),
                 "op.arity"};
  }
  if (std::optional<Error> error = attrs_error(def, attrs)) return *error;
  Result<Type> type = def.shape({inputs, attrs});
  if (!type) {
    Error error = type.error();
    if (!error.rule.empty()) error.rule = fmt::format("{}.{}", def.name, error.rule);
    return error;
  }
  std::optional<int64_t> count = checked_element_count(type->shape);
  int64_t bytes = 0;
  if (!count || __builtin_mul_overflow(*count, dtype_bytes(type->dtype), &bytes)) {
    return Error{fmt::format("the result of `{}` would be {}, more than 2^63 bytes", def.name, type->text()),
                 "op.size"};
  }
  return type;
}

static std::optional<Error> differing(const ShapeArgs& args) {
  for (size_t i = 1; i < args.inputs.size(); ++i) {
    if (args.inputs[i] == args.inputs[0]) continue;
    return Error{fmt::format("operands differ: {} and {}", args.inputs[0].text(), args.inputs[i].text()), "C1",
                 static_cast<int>(i)};
  }
  return std::nullopt;
}

static Result<Type> same_of_kind(const ShapeArgs& args, bool (*accepts)(DType), std::string_view wanted) {
  if (std::optional<Error> error = differing(args)) return *error;
  if (!accepts(args.inputs[0].dtype)) {
    return Error{fmt::format("operand is {}, not {}", args.inputs[0].text(), wanted), "C2", 0};
  }
  return args.inputs[0];
}

static bool is_number(DType dtype) {
  return dtype != DType::Bool;
}
static bool is_bool(DType dtype) {
  return dtype == DType::Bool;
}

Result<Type> same_numbers(const ShapeArgs& args) {
  return same_of_kind(args, is_number, "of numbers");
}
Result<Type> same_floats(const ShapeArgs& args) {
  return same_of_kind(args, is_float, "of floats");
}
Result<Type> same_integers(const ShapeArgs& args) {
  return same_of_kind(args, is_integer, "of integers");
}
Result<Type> same_bools(const ShapeArgs& args) {
  return same_of_kind(args, is_bool, "of bool");
}
Result<Type> same_as_input(const ShapeArgs& args) {
  return args.inputs[0];
}

Result<Type> comparison(const ShapeArgs& args) {
  if (std::optional<Error> error = differing(args)) return *error;
  return Type{DType::Bool, args.inputs[0].shape};
}

Result<Type> reduced(const ShapeArgs& args) {
  const Type& x = args.inputs[0];
  const std::vector<int64_t>& axes = attr_ints(args.attrs, "axes");
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] < 0 || axes[i] >= x.rank() || (i > 0 && axes[i] <= axes[i - 1])) {
      return Error{fmt::format("axes [{}] are not ascending dimensions of {}", fmt::join(axes, ","), x.text()), "C1"};
    }
  }
  if (!is_number(x.dtype)) return Error{fmt::format("operand is {}, not of numbers", x.text()), "C2", 0};
  Type result{x.dtype, {}};
  for (int64_t axis : other_axes(x.rank(), axes)) result.shape.push_back(x.shape[axis]);
  return result;
}

Result<Type> accumulated(const ShapeArgs& args) {
  Result<Type> type = reduced(args);
  if (!type) return type;
  if (std::optional<Error> error = accumulation_error(args.attrs, type->dtype, "C3")) return *error;
  return type;
}

Result<Type> reduced_non_empty(const ShapeArgs& args) {
  Result<Type> type = reduced(args);
  if (!type) return type;
  for (int64_t axis : attr_ints(args.attrs, "axes")) {
    if (args.inputs[0].shape[axis] > 0) continue;
    return Error{fmt::format("dimension {} of {} is empty", axis, args.inputs[0].text()), "C3", 0};
  }
  return type;
}

std::vector<int64_t> other_axes(int64_t rank, const std::vector<int64_t>& axes) {
  std::vector<int64_t> others;
  for (int64_t axis = 0; axis < rank; ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) others.push_back(axis);
  }
  return others;
}

Result<Type> declared_type(const Attrs& attrs) {
  std::optional<DType> dtype = dtype_from_name(attr_string(attrs, "dtype"));
  if (!dtype) return Error{fmt::format("there is no dtype `{}`", attr_string(attrs, "dtype")), "C1"};
  const Shape& shape = attr_ints(attrs, "shape");
  for (int64_t size : shape) {
    if (size < 0) return Error{fmt::format("shape {} has a negative size", shape_text(shape)), "C2"};
  }
  return Type{*dtype, shape};
}

Gradients no_gradient(const VjpArgs& args) {
  return Gradients(args.inputs.size());
}

std::vector<int64_t> one_further(std::vector<int64_t> dimensions) {
  for (int64_t& dimension : dimensions) ++dimension;
  return dimensions;
}

std::vector<int64_t> with_front(int64_t first, std::vector<int64_t> rest) {
  rest.insert(rest.begin(), first);
  return rest;
}

}  // namespace tarn
