// Recursive-descent parser of the IR text.  The first error ends the parse: IR text is written by tools.
#include "ir/parse.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "ir/op_def.h"

namespace tarn {
namespace {

bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '$' || c == '-' || c == '/';
}

class IrParser {
 public:
  IrParser(const SourceManager& sources, uint32_t file, DiagnosticSink& sink)
      : text_(sources.file(file).text), file_(file), sink_(sink) {}

  std::optional<Module> module() {
    Module result;
    if (!word("module") || !symbol('@')) return std::nullopt;
    result.name = name();
    while (!failed_ && !at_end()) {
      if (accept_word("record"))
        record(result);
      else
        function(result);
    }
    if (failed_) return std::nullopt;
    return result;
  }

 private:
  // --- characters ---
  void skip_space() {
    while (position_ < text_.size()) {
      char c = text_[position_];
      if (c == '/' && position_ + 1 < text_.size() && text_[position_ + 1] == '/') {
        while (position_ < text_.size() && text_[position_] != '\n') ++position_;
      } else if (std::isspace(static_cast<unsigned char>(c))) {
        ++position_;
      } else {
        return;
      }
    }
  }
  bool at_end() {
    skip_space();
    return position_ >= text_.size();
  }
  char peek() {
    skip_space();
    return position_ < text_.size() ? text_[position_] : '\0';
  }

  bool fail(std::string message, std::string rule = "ir.syntax") {
    if (failed_) return false;
    failed_ = true;
    uint32_t begin = static_cast<uint32_t>(std::min(position_, text_.size()));
    sink_.error({file_, begin, begin + 1}, std::move(message), std::move(rule));
    return false;
  }
  bool accept(char c) {
    if (failed_ || peek() != c) return false;
    ++position_;
    return true;
  }
  bool symbol(char c) {
    if (accept(c)) return true;
    char found = peek();
    return fail(found ? fmt::format("expected `{}` but found `{}`", c, found)
                      : fmt::format("expected `{}` but the text ends", c));
  }
  bool accept_word(std::string_view wanted) {
    skip_space();
    if (failed_ || text_.compare(position_, wanted.size(), wanted) != 0) return false;
    size_t end = position_ + wanted.size();
    if (end < text_.size() && is_name_char(text_[end])) return false;
    position_ = end;
    return true;
  }
  bool word(std::string_view wanted) { return accept_word(wanted) || fail(fmt::format("expected `{}`", wanted)); }

  std::string name() {
    skip_space();
    size_t begin = position_;
    while (position_ < text_.size() && is_name_char(text_[position_])) ++position_;
    if (begin == position_) fail("expected a name");
    return std::string(text_.substr(begin, position_ - begin));
  }

  // --- constants ---
  std::string string() {
    std::string out;
    if (!symbol('"')) return out;
    while (position_ < text_.size() && text_[position_] != '"') {
      char c = text_[position_++];
      if (c == '\\' && position_ < text_.size()) c = escaped();
      out += c;
    }
    if (position_ >= text_.size())
      fail("string is not closed");
    else
      ++position_;
    return out;
  }
  char escaped() {
    char c = text_[position_++];
    if (c == 'n') return '\n';
    if (c == 't') return '\t';
    if (c != 'x') return c;
    int value = 0;
    const char* begin = text_.data() + position_;
    const char* end = text_.data() + std::min(position_ + 2, text_.size());
    if (std::from_chars(begin, end, value, 16).ptr != begin + 2)
      fail("`\\x` needs two hexadecimal digits");
    else
      position_ += 2;
    return static_cast<char>(value);
  }

  // An integer, or a float where it has a point, an exponent, or is nan or inf.
  AttrValue number() {
    if (accept_word("nan")) return std::nan("");
    if (accept_word("inf")) return HUGE_VAL;
    if (accept_word("-inf")) return -HUGE_VAL;
    skip_space();
    size_t end = position_;
    bool is_float = false;
    while (end < text_.size() && (std::isdigit(static_cast<unsigned char>(text_[end])) || text_[end] == '.' ||
                                  text_[end] == 'e' || text_[end] == '-' || text_[end] == '+')) {
      is_float = is_float || text_[end] == '.' || text_[end] == 'e';
      ++end;
    }
    const char* first = text_.data() + position_;
    const char* last = text_.data() + end;
    double floating = 0;
    int64_t integer = 0;
    auto [rest, error] = is_float ? std::from_chars(first, last, floating) : std::from_chars(first, last, integer);
    if (first == last || rest != last || error != std::errc()) {
      fail("expected a number");
      return int64_t{0};
    }
    position_ = end;
    return is_float ? AttrValue(floating) : AttrValue(integer);
  }
  int64_t integer() {
    AttrValue value = number();
    if (const int64_t* held = std::get_if<int64_t>(&value)) return *held;
    fail("expected an integer");
    return 0;
  }

  template <typename T>
  AttrValue list(std::vector<T> first_part) {
    while (accept(',')) {
      AttrValue item = scalar();
      if (T* held = std::get_if<T>(&item))
        first_part.push_back(*held);
      else
        fail("items of a list are of one type");
    }
    symbol(']');
    return first_part;
  }
  AttrValue scalar() {
    if (peek() == '"') return string();
    if (accept_word("true")) return true;
    if (accept_word("false")) return false;
    return number();
  }
  AttrValue attr_value() {
    if (!accept('[')) return scalar();
    if (accept(']')) return std::vector<int64_t>{};
    AttrValue first = scalar();
    if (int64_t* held = std::get_if<int64_t>(&first)) return list<int64_t>({*held});
    if (double* held = std::get_if<double>(&first)) return list<double>({*held});
    if (std::string* held = std::get_if<std::string>(&first)) return list<std::string>({*held});
    fail("a list holds integers, floats or strings");
    return first;
  }
  void attribute(Attrs& attrs) {
    std::string key = name();
    if (!symbol('=')) return;
    AttrValue value = attr_value();
    if (!attrs.emplace(key, std::move(value)).second) fail(fmt::format("attribute `{}` is given twice", key));
  }

  Type type() {
    std::string dtype = name();
    std::optional<DType> known = dtype_from_name(dtype);
    if (!known) fail(fmt::format("there is no element type `{}`", dtype));
    Type result{known.value_or(DType::F32), {}};
    if (!symbol('[') || accept(']')) return result;
    do {
      result.shape.push_back(integer());
      if (result.shape.back() < 0) fail("a size is negative");
    } while (accept(','));
    symbol(']');
    if (!failed_ && !checked_element_count(result.shape)) fail("the shape has more than 2^63 elements");
    return result;
  }

  // --- module level ---
  void record(Module& module) {
    Record made;
    made.kind = name();
    made.name = string();
    if (!symbol('{')) return;
    if (!accept('}')) {
      do attribute(made.attrs);
      while (accept(','));
      symbol('}');
    }
    module.records.push_back(std::move(made));
  }

  Role role() {
    Role result = Role::None;
    char next = peek();
    if (next == ',' || next == ')') return result;
    std::string text = name();
    if (!failed_ && !role_from_name(text, result)) fail(fmt::format("there is no role `{}`", text));
    return result;
  }

  ValueId define(Func& func, Type type) {
    std::string wanted = symbol('%') ? name() : "";
    if (failed_) return {};
    ValueId value = func.add_value(std::move(type), wanted);
    if (func.name_of(value) != wanted) fail(fmt::format("`%{}` is defined twice", wanted), "ir.V2");
    values_[wanted] = value;
    return value;
  }
  ValueId use() {
    std::string wanted = symbol('%') ? name() : "";
    auto found = values_.find(wanted);
    if (found != values_.end()) return found->second;
    fail(fmt::format("`%{}` is not defined before this use", wanted), "ir.V1");
    return {};
  }

  void function(Module& module) {
    Func func;
    if (accept_word("kernel"))
      func.kind = FuncKind::Kernel;
    else if (accept_word("body"))
      func.kind = FuncKind::Body;
    else if (!word("func"))
      return;
    values_.clear();
    if (!symbol('@')) return;
    func.name = name();
    if (!failed_ && module.find(func.name)) fail(fmt::format("function `@{}` is defined twice", func.name));
    arguments(func);
    result_types_.clear();
    result_list(func);
    if (!symbol('{')) return;
    while (!failed_ && !accept_word("return")) operation(func);
    returned(func);
    symbol('}');
    if (!failed_) module.funcs.push_back(std::move(func));
  }

  void arguments(Func& func) {
    if (!symbol('(') || accept(')')) return;
    do {
      Argument arg;
      arg.value = define(func, {});
      if (!symbol(':')) return;
      func.values.back().type = type();
      arg.role = role();
      if (arg.role == Role::Hyper && accept('(')) {
        AttrValue value = number();
        arg.initial = std::holds_alternative<double>(value) ? std::get<double>(value)
                                                            : static_cast<double>(std::get<int64_t>(value));
        symbol(')');
      }
      func.args.push_back(arg);
    } while (accept(','));
    symbol(')');
  }

  void result_list(Func& func) {
    if (!symbol('-') || !symbol('>') || !symbol('(') || accept(')')) return;
    do {
      FuncResult result;
      result.name = name();
      if (!symbol(':')) return;
      result_types_.push_back(type());
      result.role = role();
      func.results.push_back(std::move(result));
    } while (accept(','));
    symbol(')');
  }

  void returned(Func& func) {
    for (size_t i = 0; i < func.results.size() && !failed_; ++i) {
      if (i > 0 && !symbol(',')) return;
      func.results[i].value = use();
      if (!failed_ && func.type(func.results[i].value) != result_types_[i]) {
        fail(
            fmt::format("result `{}` is declared `{}` but `%{}` is `{}`", func.results[i].name, result_types_[i].text(),
                        func.name_of(func.results[i].value), func.type(func.results[i].value).text()),
            "ir.V3");
      }
    }
  }

  void operation(Func& func) {
    Op op;
    do op.results.push_back(define(func, {}));
    while (accept(','));
    if (!symbol('=')) return;
    std::string op_name = name();
    op.def = find_op(op_name);
    if (!op.def) {
      fail(fmt::format("there is no op `{}`", op_name), "ir.op");
      return;
    }
    // Results come into scope after the op: operands must not see them.
    std::unordered_set<uint32_t> own;
    for (ValueId result : op.results) own.insert(result.index);
    while (!failed_ && peek() != ':') {
      if (peek() == '%') {
        op.operands.push_back(use());
        if (!failed_ && own.contains(op.operands.back().index)) fail("an op reads its own result", "ir.V1");
      } else {
        attribute(op.attrs);
      }
      if (!accept(',')) break;
    }
    if (!symbol(':')) return;
    for (size_t i = 0; i < op.results.size() && !failed_; ++i) {
      if (i > 0 && !symbol(',')) return;
      func.values[op.results[i].index].type = type();
    }
    if (accept_word("loc")) location(op.location);
    func.ops.push_back(std::move(op));
  }

  void location(Location& location) {
    if (!symbol('(')) return;
    location.file = string();
    if (symbol(':')) location.line = static_cast<uint32_t>(integer());
    if (symbol(':')) location.column = static_cast<uint32_t>(integer());
    if (accept(',')) location.path = string();
    symbol(')');
  }

  std::string_view text_;
  uint32_t file_;
  DiagnosticSink& sink_;
  size_t position_ = 0;
  bool failed_ = false;
  std::unordered_map<std::string, ValueId> values_;
  std::vector<Type> result_types_;
};

}  // namespace

std::optional<Module> parse_ir(const SourceManager& sources, uint32_t file, DiagnosticSink& sink) {
  return IrParser(sources, file, sink).module();
}

}  // namespace tarn
