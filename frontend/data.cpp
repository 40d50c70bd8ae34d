// Inputs are raw: a field such as `images / 255` reads the file's bytes as an argument and divides inside the step.
#include "frontend/data.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/data_format.h"
#include "frontend/evaluator.h"
#include "frontend/print_ast.h"

namespace tarn {

using ast::Expr;
using ast::ExprKind;

static std::string format_of(const ast::Decl& data) {
  const Expr* call = data.value.get();
  const Expr* name = call && call->kind == ExprKind::Call ? call->parts[0].get() : call;
  return name && name->kind == ExprKind::Name ? name->text : "";
}

std::vector<std::string_view> byte_sources_of(const ast::Decl& data) {
  const DataFormat* format = find_data_format(format_of(data));
  std::vector<std::string_view> names;
  if (!format) return names;
  for (const ByteSource& source : format->byte_sources) names.push_back(source.name);
  return names;
}

// "idx, csv and npy"
static std::string list_text(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  }
  return text;
}

static void report_format(Session& session, const ast::Decl& data, const std::string& format) {
  std::vector<std::string> known;
  for (const DataFormat& other : data_formats()) known.emplace_back(other.name);
  std::string nearest = nearest_name(format, known);
  session.error(
      data.value->span,
      fmt::format("there is no data format `{}`{}", format,
                  nearest.empty() ? "; there are " + list_text(known) : fmt::format("; did you mean `{}`?", nearest)),
      "data.format");
}

static void report_key(Session& session, const DataFormat& format, const std::string& key, Span span) {
  std::vector<std::string> known(format.keys.begin(), format.keys.end());
  if (!format.pattern_key.empty()) known.emplace_back(format.pattern_key);
  std::string nearest = nearest_name(key, known);
  std::string hint = nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest);
  session.error(span,
                key.empty() ? fmt::format("`{}` takes {}, and the rest by name", format.name,
                                          format.pattern_key.empty() ? "no file pattern" : "one file pattern")
                            : fmt::format("`{}` has no key `{}`{}", format.name, key, hint),
                "key.unknown");
}

static void report_missing_keys(Session& session, const ast::Decl& data, const DataFormat& format, const Attrs& attrs) {
  if (!format.pattern_key.empty() && !attrs.count(std::string(format.pattern_key))) {
    session.error(data.value->span, fmt::format("`{}` needs the file pattern of its training data", format.name),
                  "key.missing");
  }
  for (std::string_view key : format.keys) {
    if (!data_key(key).is_required || attrs.count(std::string(key))) continue;
    session.error(data.value->span,
                  fmt::format("`{}` needs the key `{}`: {}", format.name, key, data_key(key).expected), "key.missing");
  }
}

Attrs data_attrs(Evaluator& evaluator, const ast::Decl& data) {
  Session& session = evaluator.session;
  std::string name = format_of(data);
  const DataFormat* format = find_data_format(name);
  if (!format) {
    report_format(session, data, name);
    return {};
  }
  Attrs attrs = {{"format", name}};
  FramePtr frame = evaluator.make_frame(FrameKind::Function, &data);
  for (const ast::Arg& arg : data.value->args) {
    std::string key = arg.name.text;
    if (key.empty() && !attrs.count(std::string(format->pattern_key))) key = format->pattern_key;
    bool is_key = !key.empty() && (key == format->pattern_key ||
                                   std::find(format->keys.begin(), format->keys.end(), key) != format->keys.end());
    Span key_span = arg.name.text.empty() ? arg.value->span : arg.name.span;
    if (!is_key) {
      report_key(session, *format, key, key_span);
      continue;
    }
    Term value = evaluator.eval_static(*arg.value, frame);
    if (value.is_error()) {
      attrs.emplace(key, std::string());  // reported; it is not missing
      continue;
    }
    std::optional<AttrValue> attr = data_key(key).read(value);
    if (!attr) {
      session.error(arg.value->span,
                    fmt::format("`{}` is {}, but this is {}", key, data_key(key).expected, describe(value)),
                    "key.value");
      attrs.emplace(key, std::string());
    } else if (!attrs.emplace(key, *attr).second) {
      session.error(key_span, fmt::format("`{}` is given twice", key), "key.duplicate");
    }
  }
  report_missing_keys(session, data, *format, attrs);
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

static const ByteSource* find_byte_source(const DataFormat& format, std::string_view name) {
  for (const ByteSource& source : format.byte_sources) {
    if (source.name == name) return &source;
  }
  return nullptr;
}

static void report_source(Session& session, const DataFormat& format, const std::string& name, Span span) {
  std::string help;
  for (const DataFormat& other : data_formats()) {
    std::vector<std::string> sources;
    for (const ByteSource& source : other.byte_sources) sources.push_back(fmt::format("`{}`", source.name));
    if (!sources.empty()) help += fmt::format("{} has {}, ", other.name, list_text(sources));
  }
  help += "csv has `cols[0..10]` and `cols[\"name\"]`, npy has files: \"x.npy\"";
  session.error(span, fmt::format("data of format `{}` has no `{}`", format.name, name), "data.source").help({}, help);
}

// A window of text is as long as the field's type says, and its characters are labels.
bool Evaluator::fits_text(const Frame& root, const std::vector<Axis>& axes, const std::string& source, Span span) {
  const ast::Entry& field = *root.field;
  if (field.type->element.text != "class") {
    session.error(field.type->span,
                  fmt::format("`{}` are characters, numbered: the type of `{}` is class[characters][window], not `{}`",
                              source, field.key.text, print_type(*field.type)),
                  "data.type");
    return false;
  }
  for (const ast::Arg& arg : root.decl->value->args) {
    if (arg.name.text != "window") continue;
    Term window = eval_static(*arg.value, make_frame(FrameKind::Function, root.decl));
    if (window.kind != TermKind::Integer || (axes.size() == 1 && axes[0].size == window.integer)) return true;
    session
        .error(span,
               fmt::format("`{}` are windows of {} characters, but the type of `{}` is `{}`", source, window.integer,
                           field.key.text, print_type(*field.type)),
               "data.type")
        .note(arg.value->span, "the window is given here");
    return false;
  }
  return true;  // the missing key is reported with the block
}

// The step's argument that holds this source's raw values, one row each: dtype as the file has it.
Term Evaluator::source_tensor(const FramePtr& frame, const std::string& name, Attrs attrs, int64_t columns, Span span) {
  const Frame& root = *frame->root;
  const DataFormat* format = find_data_format(format_of(*root.decl));
  if (!format) return {};  // reported with the block
  const std::string& source = std::get<std::string>(attrs.at("source"));
  bool is_bytes = is_byte_source(source);
  const ByteSource* byte_source = find_byte_source(*format, source);
  bool is_known = is_bytes ? byte_source != nullptr : format->name == (source == "cols" ? "csv" : "npy");
  if (!is_known) {
    report_source(session, *format, name, span);
    return {};
  }
  bool is_class = root.field->type->element.text == "class";
  std::vector<Axis> axes = row_axes(*this, root);
  if (axes.size() != root.field->type->dims.size()) return {};
  if (format->name == "text" && !fits_text(root, axes, source, span)) return {};
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
  if (byte_source && byte_source->row_bytes > 0 && elements != byte_source->row_bytes) {
    session.error(span,
                  fmt::format("`{}` of format `{}` has {} value{} for each row, but the type `{}` holds {}", source,
                              format->name, byte_source->row_bytes, byte_source->row_bytes == 1 ? "" : "s",
                              print_type(*root.field->type), elements),
                  "data.type");
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
  std::string input = is_bytes ? name : root.field->key.text + (is_direct ? "" : "." + plain_name(name));
  std::optional<DType> declared = dtype_from_name(root.field->type->element.text);
  DType dtype = is_bytes ? DType::U8 : is_class ? DType::I32 : declared.value_or(DType::F32);
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
    std::string nearest = nearest_name(element, {"f32", "f64", "f16", "bf16", "i32", "i64", "bool", "class"});
    session.error(
        field.type->element.span,
        fmt::format(
            "a data field is f32[..], f64[..], f16[..], bf16[..], i32[..], i64[..], bool[..] or class[..], not `{}`{}",
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
