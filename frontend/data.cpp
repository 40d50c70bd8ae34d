// Inputs are raw: a field such as `images / 255` reads the file's bytes as an argument and divides inside the step.
#include "frontend/data.h"

#include <fmt/format.h>

#include <algorithm>

#include <cmath>

#include "frontend/evaluator.h"
#include "frontend/print_ast.h"

namespace tarn {

using ast::Expr;
using ast::ExprKind;

static const std::vector<std::string> kFormats = {"idx", "csv", "npy"};

static std::string format_of(const ast::Decl& data) {
  const Expr* call = data.value.get();
  const Expr* name = call && call->kind == ExprKind::Call ? call->parts[0].get() : call;
  return name && name->kind == ExprKind::Name ? name->text : "";
}

static std::vector<std::string> keys_of(const std::string& format) {
  if (format == "idx") return {"train", "test", "valid", "split_seed"};
  if (format == "csv") return {"train", "test", "valid", "split_seed", "header", "separator"};
  return {"valid", "test", "split_seed"};
}

// A number, text or truth value as an attribute; nullopt where the key takes another kind.
static std::optional<AttrValue> data_value(const std::string& key, const Term& value) {
  bool is_fraction = value.is_number() && value.number() > 0 && value.number() < 1;
  bool is_split = key == "valid" || key == "test";
  if (is_split && is_fraction) return AttrValue{value.number()};
  if (key == "split_seed") {
    bool is_seed = value.is_number() && value.number() >= 0 && value.number() <= 1e15 &&
                   value.number() == std::floor(value.number());
    return is_seed ? std::optional(AttrValue{static_cast<int64_t>(value.number())}) : std::nullopt;
  }
  if (value.kind == TermKind::Text && key != "header") return AttrValue{value.text};
  if (key == "header" && value.kind == TermKind::Bool) return AttrValue{value.integer != 0};
  if (key == "header" && value.kind == TermKind::Text && value.text == "auto") return AttrValue{value.text};
  return std::nullopt;
}

Attrs data_attrs(Evaluator& evaluator, const ast::Decl& data) {
  Session& session = evaluator.session;
  std::string format = format_of(data);
  bool is_known = false;
  for (const std::string& known : kFormats) is_known = is_known || known == format;
  if (!is_known) {
    std::string nearest = nearest_name(format, kFormats);
    session.error(
        data.value->span,
        fmt::format("there is no data format `{}`{}", format,
                    nearest.empty() ? "; there are idx, csv and npy" : fmt::format("; did you mean `{}`?", nearest)),
        "data.format");
    return {};
  }
  Attrs attrs = {{"format", format}};
  std::vector<std::string> keys = keys_of(format);
  FramePtr frame = evaluator.make_frame(FrameKind::Function, &data);
  for (const ast::Arg& arg : data.value->args) {
    std::string key = arg.name.text;
    if (key.empty() && !attrs.count("train") && format != "npy") key = "train";
    bool is_key = false;
    for (const std::string& known : keys) is_key = is_key || known == key;
    Span key_span = arg.name.text.empty() ? arg.value->span : arg.name.span;
    if (!is_key) {
      std::string nearest = nearest_name(key, keys);
      std::string hint = nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest);
      session.error(key_span,
                    key.empty() ? fmt::format("`{}` takes one file pattern, and the rest by name", format)
                                : fmt::format("`{}` has no key `{}`{}", format, key, hint),
                    "key.unknown");
      continue;
    }
    Term value = evaluator.eval_static(*arg.value, frame);
    if (value.is_error()) continue;
    std::optional<AttrValue> attr = data_value(key, value);
    if (!attr) {
      bool is_split = key == "valid" || key == "test";
      session.error(arg.value->span,
                    fmt::format("`{}` is {}, but this is {}", key,
                                is_split              ? "a fraction between 0 and 1 or a file pattern"
                                : key == "header"     ? "true, false or \"auto\""
                                : key == "split_seed" ? "a whole number, 0 or more"
                                                      : "a text",
                                describe(value)),
                    "key.value");
    } else if (!attrs.emplace(key, *attr).second) {
      session.error(key_span, fmt::format("`{}` is given twice", key), "key.duplicate");
    }
  }
  if (format != "npy" && !attrs.count("train")) {
    session.error(data.value->span, fmt::format("`{}` needs the file pattern of its training data", format),
                  "key.missing");
  }
  return attrs;
}

// The type that the field gives one row: its dimensions, and whether it is a label.
static std::vector<Axis> row_axes(Evaluator& e, const Frame& frame) {
  return e.eval_dims(frame.field->type->dims, e.make_frame(FrameKind::Function, frame.decl));
}

// Names in the IR have letters, digits and a few marks.
static std::string plain_name(std::string name) {
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

// The step's argument that holds this source's raw values, one row each: dtype as the file has it.
Term Evaluator::source_tensor(const FramePtr& frame, const std::string& name, Attrs attrs, int64_t columns, Span span) {
  const Frame& root = *frame->root;
  std::string format = format_of(*root.decl);
  if (std::find(kFormats.begin(), kFormats.end(), format) == kFormats.end()) return {};  // reported with the block
  const std::string& source = std::get<std::string>(attrs.at("source"));
  bool is_idx = source == "images" || source == "labels";
  std::string_view source_format = is_idx ? "idx" : source == "cols" ? "csv" : "npy";
  if (source_format != format) {
    session.error(span, fmt::format("data of format `{}` has no `{}`", format, name), "data.source")
        .help({},
              "idx has `images` and `labels`, csv has `cols[0..10]` and `cols[\"name\"]`, npy has files: \"x.npy\"");
    return {};
  }
  bool is_class = root.field->type->element.text == "class";
  std::vector<Axis> axes = row_axes(*this, root);
  if (axes.size() != root.field->type->dims.size()) return {};
  int64_t elements = 1;
  for (const Axis& axis : axes) elements *= axis.size;
  if (columns > 0 && elements != columns) {
    Diagnostic& made = session.error(
        span,
        fmt::format("`{}` takes {} column{} for each row, but its type `{}` holds {}", root.field->key.text, columns,
                    columns == 1 ? "" : "s", print_type(*root.field->type), elements),
        "data.columns");
    if (!made.rule.empty()) made.note(root.field->type->span, "the type is given here");
    return {};
  }
  int64_t label_classes = 0;
  if (is_class) {
    std::optional<int64_t> classes = eval_size(*root.field->type->classes, make_frame(FrameKind::Function, root.decl));
    if (!classes) return {};
    attrs["classes"] = *classes;
    label_classes = *classes;
  }
  // A field that is just the source names the input; one that is computed puts the source after its own name.
  bool is_direct = root.field->value->span.begin == span.begin && root.field->value->span.end == span.end;
  std::string input = is_idx ? name : root.field->key.text + (is_direct ? "" : "." + plain_name(name));
  std::optional<DType> declared = dtype_from_name(root.field->type->element.text);
  DType dtype = is_idx ? DType::U8 : is_class ? DType::I32 : declared.value_or(DType::F32);
  axes.insert(axes.begin(), emit.fresh_batch_axis());
  Term raw = emit.argument(input, Role::Input, dtype, axes);
  if (raw.shape() != shape_of(axes)) {
    raw = emit.reshape(raw, axes, span);
  }
  if (inputs && !raw.is_error()) (*inputs)[input].merge(attrs);
  raw.classes = label_classes;
  return is_class || raw.is_error() ? raw : emit.cast(raw, declared.value_or(DType::F32), span);
}

// file("x.npy", test = "xt.npy", valid = "xv.npy")
Term Evaluator::data_file(const Expr& expr, const FramePtr& frame) {
  Attrs attrs;
  for (const ast::Arg& arg : expr.args) {
    const std::string& name = arg.name.text;
    bool is_known = name.empty() ? attrs.empty() : name == "test" || name == "valid";
    if (!is_known || arg.value->kind != ExprKind::String) {
      session.error(arg.value->span,
                    "`file` is written `file(\"x.npy\", test = \"x_test.npy\", valid = \"x_valid.npy\")`",
                    "data.source");
      return {};
    }
    attrs[name.empty() ? "source" : name + "_source"] = arg.value->text;
  }
  auto source = attrs.find("source");
  if (source != attrs.end()) return source_tensor(frame, std::get<std::string>(source->second), attrs, 0, expr.span);
  session.error(expr.span, "`file` needs the name of a file", "data.source");
  return {};
}

// cols[0..10], cols[4], cols["sepal length", "sepal width"]
Term Evaluator::data_columns(const Expr& expr, const FramePtr& frame) {
  if (expr.args.empty()) {
    session.error(expr.span, "`cols` takes a range, an index or names of columns", "data.source");
    return {};
  }
  std::vector<std::string> names;
  for (const ast::Arg& arg : expr.args) {
    if (arg.value->kind == ExprKind::String) names.push_back(arg.value->text);
  }
  if (names.size() == expr.args.size()) {
    return source_tensor(frame, "cols." + names[0], {{"source", std::string("cols")}, {"names", names}},
                         static_cast<int64_t>(names.size()), expr.span);
  }
  const Expr& index = *expr.args[0].value;
  bool is_range = index.kind == ExprKind::Range;
  FramePtr plain = make_frame(FrameKind::Function, frame->decl);
  Term first = eval_static(is_range ? *index.parts[0] : index, plain);
  Term last = is_range ? eval_static(*index.parts[1], plain) : first;
  if (first.is_error() || last.is_error()) return {};
  int64_t end = last.integer + (is_range ? 0 : 1);
  constexpr int64_t kMaxColumns = 1'000'000;
  bool is_sound = expr.args.size() == 1 && first.kind == TermKind::Integer && last.kind == TermKind::Integer &&
                  first.integer >= 0 && first.integer < end && end <= kMaxColumns;
  if (!is_sound) {
    session.error(expr.span, "`cols` takes a range, an index or names of columns, all counted from 0", "data.source");
    return {};
  }
  std::string name = is_range ? fmt::format("cols.{}_{}", first.integer, end) : fmt::format("cols.{}", first.integer);
  return source_tensor(frame, name, {{"source", std::string("cols")}, {"first", first.integer}, {"last", end}},
                       end - first.integer, expr.span);
}

Term Evaluator::data_field(const ast::Decl& data, const ast::Entry& field) {
  FramePtr frame = make_frame(FrameKind::Data, &data);
  frame->field = &field;
  const std::string& element = field.type->element.text;
  std::optional<DType> declared = dtype_from_name(element);
  if (element != "class" && (!declared || declared == DType::U8)) {
    std::string nearest = nearest_name(element, {"f32", "f64", "i32", "i64", "bool", "class"});
    session.error(field.type->element.span,
                  fmt::format("a data field is f32[..], f64[..], i32[..], i64[..], bool[..] or class[..], not `{}`{}",
                              element, nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                  "type.unknown");
    return {};
  }
  Span before = session.user_span;
  session.user_span = field.span;
  Term value = eval(*field.value, frame);
  session.user_span = before;
  if (value.is_error()) return {};
  std::vector<Axis> axes = row_axes(*this, *frame);
  axes.insert(axes.begin(), emit.fresh_batch_axis());
  bool is_typed = !declared || value.dtype == *declared;
  if (!value.is_tensor() || value.weak || value.shape() != shape_of(axes) || !is_typed) {
    session.error(field.value->span,
                  fmt::format("`{}` is declared as `{}` for each row, but its value is `{}`", field.key.text,
                              print_type(*field.type), describe(value)),
                  "data.type");
    return {};
  }
  for (size_t i = 0; i < axes.size(); ++i) axes[i].identity = value.axes[i].identity;
  if (declared) return emit.tensor(value.value, axes);
  if (!is_integer(value.dtype)) {
    session.error(field.value->span,
                  fmt::format("`{}` is a label, but its value is `{}`", field.key.text, describe(value)), "data.type");
    return {};
  }
  std::optional<int64_t> classes = eval_size(*field.type->classes, make_frame(FrameKind::Function, &data));
  if (!classes) return {};
  Term labels = emit.tensor(emit.at().cast(value.value, DType::I32), axes, *classes);
  labels.origin = field.type->classes->span;
  return labels;
}

}  // namespace tarn
