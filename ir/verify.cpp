// One function for each group of invariants; violations are collected, not fatal.
#include "ir/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_set>

#include "ir/op_def.h"
#include "ir/scan.h"
#include "ir/shape_rules.h"

namespace tarn {
namespace {

using Violations = std::vector<std::string>;

bool is_proper_name(std::string_view name) {
  for (char c : name) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && std::string_view("_.$-/").find(c) == std::string_view::npos) return false;
  }
  return !name.empty();
}

class FuncVerifier {
 public:
  FuncVerifier(const Module& module, const Func& func, Violations& out) : module_(module), func_(func), out_(out) {}

  void run() {
    defined_.assign(func_.values.size(), false);
    check_values();
    for (const Argument& arg : func_.args) define(arg.value, "argument");
    for (const Op& op : func_.ops) check_op(op);
    check_results();
    for (size_t i = 0; i < defined_.size(); ++i) {
      if (!defined_[i]) report("V3", "%{} is defined nowhere", func_.values[i].name);
    }
    check_roles();
    check_overwriting();
  }

 private:
  template <typename... Args>
  void report(std::string_view rule, fmt::format_string<Args...> text, Args&&... args) {
    std::string where = fmt::format("@{}: ", func_.name);
    if (current_) where += fmt::format("{} `{}`: ", current_->def->name, result_names(*current_));
    out_.push_back(fmt::format("{}{} [{}]", where, fmt::format(text, std::forward<Args>(args)...), rule));
  }

  std::string result_names(const Op& op) const {
    std::string names;
    for (ValueId result : op.results) names += (names.empty() ? "%" : ", %") + name_of(result);
    return names;
  }
  bool exists(ValueId id) const { return id.index < func_.values.size(); }
  std::string name_of(ValueId id) const { return exists(id) ? func_.name_of(id) : "(no value)"; }

  void check_values() {
    std::unordered_set<std::string_view> names;
    for (const Value& value : func_.values) {
      if (!is_proper_name(value.name)) report("V1", "value name \"{}\" is not of [A-Za-z0-9_.$/-]", value.name);
      if (!names.insert(value.name).second) report("V2", "two values are named %{}", value.name);
      std::optional<int64_t> count = checked_element_count(value.type.shape);
      int64_t bytes = 0;
      if (!count || __builtin_mul_overflow(*count, dtype_bytes(value.type.dtype), &bytes)) {
        report("V4", "%{} has no possible size: {}", value.name, shape_text(value.type.shape));
      }
    }
  }

  void define(ValueId id, std::string_view what) {
    if (!exists(id)) return report("V3", "an {} has no value", what);
    if (defined_[id.index]) report("V3", "%{} is defined twice", name_of(id));
    defined_[id.index] = true;
  }

  // False if some operand cannot be looked at.
  bool check_operands(const Op& op) {
    bool sound = true;
    for (ValueId operand : op.operands) {
      if (exists(operand) && defined_[operand.index]) continue;
      report("V3", "operand %{} is used before it is defined", name_of(operand));
      sound = sound && exists(operand);
    }
    return sound;
  }

  void check_op(const Op& op) {
    current_ = &op;
    bool sound = check_operands(op);
    for (ValueId result : op.results) sound = sound && exists(result);
    if (sound) {
      if (std::holds_alternative<Call>(op.def->body)) {
        check_call(op);
      } else if (is_scan(op)) {
        check_scan(op);
      } else if (std::holds_alternative<Gradient>(op.def->body)) {
        check_gradient(op);
      } else {
        check_type(op);
      }
    }
    for (ValueId result : op.results) define(result, "op result");
    current_ = nullptr;
  }

  void check_type(const Op& op) {
    std::vector<Type> inputs;
    for (ValueId operand : op.operands) inputs.push_back(func_.type(operand));
    Result<Type> type = result_type(*op.def, inputs, op.attrs);
    if (!type) {
      bool form = type.error().rule == "op.arity" || type.error().rule == "op.attrs";
      return report(form ? "V5" : "V6", "{} ({})", type.error().message, type.error().rule);
    }
    if (op.results.size() != 1) return report("V6", "{} results, not one", op.results.size());
    if (func_.type(op.result()) == *type) return;
    report("V6", "the result is {}, but the shape rule gives {}", func_.type(op.result()).text(), type->text());
  }

  void check_call(const Op& op) {
    if (std::optional<Error> error = attrs_error(*op.def, op.attrs)) return report("V5", "{}", error->message);
    const std::string& name = attr_string(op.attrs, "callee");
    const Func* callee = module_.find(name);
    if (!callee) return report("V13", "there is no function @{}", name);
    if (callee->kind == FuncKind::Entry) return report("V13", "@{} is an entry point", name);
    if (op.operands.size() != callee->args.size() || op.results.size() != callee->results.size()) {
      return report("V13", "@{} has {} arguments and {} results, but the call {} and {}", name, callee->args.size(),
                    callee->results.size(), op.operands.size(), op.results.size());
    }
    for (size_t i = 0; i < op.operands.size(); ++i) {
      compare("V13", "operand", func_.type(op.operands[i]), *callee, callee->args[i].value);
    }
    for (size_t i = 0; i < op.results.size(); ++i) {
      compare("V13", "result", func_.type(op.results[i]), *callee, callee->results[i].value);
    }
  }
  void compare(std::string_view rule, std::string_view what, const Type& here, const Func& callee, ValueId there) {
    if (there.index >= callee.values.size() || callee.type(there) == here) return;
    report(rule, "{} is {}, but `{}` of @{} is {}", what, here.text(), callee.name_of(there), callee.name,
           callee.type(there).text());
  }

  // The body that a scan can run, or nullptr.
  const Func* body_of(const Op& op) {
    int64_t carries = attr_int(op.attrs, "carries"), sequences = attr_int(op.attrs, "sequences");
    int64_t length = attr_int(op.attrs, "length");
    const std::string& name = attr_string(op.attrs, "callee");
    auto operands = static_cast<int64_t>(op.operands.size()), results = static_cast<int64_t>(op.results.size());
    bool is_counted = carries >= 0 && sequences >= 0 && length >= 0 && carries <= operands &&
                      sequences <= operands - carries && carries <= results && results > 0;
    if (!is_counted) {
      report("V15", "{} carries, {} sequences and length {} do not fit {} operands and {} results", carries, sequences,
             length, operands, results);
      return nullptr;
    }
    const Func* body = module_.find(name);
    if (!body || body->kind != FuncKind::Body) {
      report("V15", "there is no body @{}", name);
      return nullptr;
    }
    if (op.operands.size() == body->args.size() && op.results.size() == body->results.size()) return body;
    report("V15", "@{} has {} arguments and {} results, but the scan {} and {}", name, body->args.size(),
           body->results.size(), op.operands.size(), op.results.size());
    return nullptr;
  }

  void check_scan(const Op& op) {
    if (std::optional<Error> error = attrs_error(*op.def, op.attrs)) return report("V5", "{}", error->message);
    const Func* body = body_of(op);
    if (!body) return;
    ScanParts parts(op);
    for (size_t i = 0; i < op.operands.size(); ++i) {
      Type type = func_.type(op.operands[i]);
      if (parts.is_sequence(i)) {
        if (type.shape.empty() || type.shape[0] != parts.length) {
          report("V15", "sequence {} has not {} slices", type.text(), parts.length);
          continue;
        }
        type = slice_type(type);
      }
      compare("V15", "operand", type, *body, body->args[i].value);
      if (i < parts.carries) compare("V15", "carry", type, *body, body->results[i].value);
    }
    for (size_t i = 0; i < op.results.size(); ++i) {
      if (body->results[i].value.index >= body->values.size()) continue;
      Type type = body->type(body->results[i].value);
      if (i >= parts.carries) type = stacked_type(type, parts.length);
      if (type == func_.type(op.results[i])) continue;
      report("V15", "result is {}, but `{}` of @{} gives {}", func_.type(op.results[i]).text(), body->results[i].name,
             body->name, type.text());
    }
  }

  void check_gradient(const Op& op) {
    if (std::optional<Error> error = attrs_error(*op.def, op.attrs)) return report("V5", "{}", error->message);
    if (op.operands.size() < 2) return report("V14", "there is no loss or no target");
    const Type& loss = func_.type(op.operands[0]);
    if (!is_float(loss.dtype) || loss.rank() != 0) report("V14", "the loss is {}, not a float scalar", loss.text());
    if (op.results.size() + 1 != op.operands.size()) {
      return report("V14", "{} targets, but {} results", op.operands.size() - 1, op.results.size());
    }
    for (size_t i = 0; i < op.results.size(); ++i) {
      const Type &target = func_.type(op.operands[i + 1]), &result = func_.type(op.results[i]);
      if (!is_float(target.dtype)) report("V14", "target %{} is {}", name_of(op.operands[i + 1]), target.text());
      if (target != result) report("V14", "target is {}, but its gradient {}", target.text(), result.text());
    }
  }

  void check_results() {
    std::unordered_set<std::string_view> names;
    for (const FuncResult& result : func_.results) {
      if (!exists(result.value) || !defined_[result.value.index]) {
        report("V3", "result `{}` is not defined", result.name);
      }
      if (!is_proper_name(result.name)) report("V1", "result name \"{}\" is not of [A-Za-z0-9_.$/-]", result.name);
      if (!names.insert(result.name).second) report("V7", "two results are named `{}`", result.name);
    }
  }

  static bool is_argument_role(Role role) { return role <= Role::Epoch; }
  static bool is_result_role(Role role) {
    return is_persistent(role) || role == Role::Loss || role == Role::Metric || role == Role::Output;
  }

  void check_roles() {
    bool is_entry = func_.kind == FuncKind::Entry;
    for (const Argument& arg : func_.args) {
      if (!exists(arg.value)) continue;
      if (is_entry ? !is_argument_role(arg.role) : arg.role != Role::None) {
        report("V8", "argument %{} has role `{}`", name_of(arg.value), role_name(arg.role));
      }
      check_role_type(name_of(arg.value), arg.role, func_.type(arg.value));
    }
    for (const FuncResult& result : func_.results) {
      if (!exists(result.value)) continue;
      if (is_entry ? !is_result_role(result.role) : result.role != Role::None) {
        report("V8", "result `{}` has role `{}`", result.name, role_name(result.role));
      }
      check_role_type(result.name, result.role, func_.type(result.value));
    }
  }

  void check_role_type(const std::string& name, Role role, const Type& type) {
    bool is_counter = role == Role::Seed || role == Role::Step || role == Role::Count || role == Role::TotalSteps ||
                      role == Role::Epoch;
    if (is_counter && type != Type{DType::I64, {}}) {
      report("V9", "{} `{}` is {}, not i64[]", role_name(role), name, type.text());
    }
    if (role == Role::Hyper && type != Type{DType::F64, {}}) {
      report("V9", "hyper `{}` is {}, not f64[]", name, type.text());
    }
    bool is_reported = role == Role::Loss || role == Role::Metric;
    if (is_reported && (!is_float(type.dtype) || is_half(type.dtype) || type.rank() != 0)) {
      report("V9", "{} `{}` is {}, not an f32 or f64 scalar", role_name(role), name, type.text());
    }
  }

  void check_overwriting() {
    if (func_.kind != FuncKind::Entry) return;
    std::map<std::string_view, const Argument*> persistent;
    for (const Argument& arg : func_.args) {
      if (is_persistent(arg.role) && exists(arg.value)) persistent[func_.name_of(arg.value)] = &arg;
    }
    if (persistent.empty()) return;
    for (const FuncResult& result : func_.results) {
      if (!is_persistent(result.role) || !exists(result.value)) continue;
      auto found = persistent.find(result.name);
      if (found == persistent.end()) {
        report("V10", "result `{}` ({}) overwrites no argument", result.name, role_name(result.role));
      } else if (found->second->role != result.role || func_.type(found->second->value) != func_.type(result.value)) {
        report("V10", "result `{}` is {} {}, but the argument {} {}", result.name, role_name(result.role),
               func_.type(result.value).text(), role_name(found->second->role),
               func_.type(found->second->value).text());
      }
    }
  }

  const Module& module_;
  const Func& func_;
  Violations& out_;
  std::vector<bool> defined_;
  const Op* current_ = nullptr;
};

void check_function_names(const Module& module, Violations& out) {
  std::unordered_set<std::string_view> names;
  for (const Func& func : module.funcs) {
    if (!is_proper_name(func.name)) {
      out.push_back(fmt::format("function name \"{}\" is not of [A-Za-z0-9_.$/-] [V1]", func.name));
    }
    if (!names.insert(func.name).second) out.push_back(fmt::format("two functions are named @{} [V1]", func.name));
  }
}

void check_persistent_names(const Module& module, Violations& out) {
  struct Use {
    Role role;
    Type type;
    std::string_view func;
  };
  std::map<std::string_view, Use> first_use;
  auto check = [&](const Func& func, std::string_view name, Role role, ValueId value) {
    if (!is_persistent(role) || value.index >= func.values.size()) return;
    auto [entry, is_new] = first_use.try_emplace(name, Use{role, func.type(value), func.name});
    const Use& first = entry->second;
    if (is_new || (first.role == role && first.type == func.type(value))) return;
    out.push_back(fmt::format("@{}: `{}` is {} {}, but {} {} in @{} [V11]", func.name, name, role_name(role),
                              func.type(value).text(), role_name(first.role), first.type.text(), first.func));
  };
  for (const Func& func : module.funcs) {
    if (func.kind != FuncKind::Entry) continue;
    for (const Argument& arg : func.args) {
      if (arg.value.index < func.values.size()) check(func, func.name_of(arg.value), arg.role, arg.value);
    }
    for (const FuncResult& result : func.results) check(func, result.name, result.role, result.value);
  }
}

// The memory plan gives a body's values one place each, so a body belongs to one loop.
void check_bodies(const Module& module, Violations& out) {
  std::unordered_set<std::string_view> named;
  for (const Func& func : module.funcs) {
    for (const Op& op : func.ops) {
      if (!is_scan(op)) continue;
      auto callee = op.attrs.find("callee");
      const std::string* name = callee == op.attrs.end() ? nullptr : std::get_if<std::string>(&callee->second);
      if (name && !named.insert(*name).second) out.push_back(fmt::format("@{} is the body of two scans [V15]", *name));
    }
  }
}

void check_batch(const Module& module, Violations& out) {
  auto is_model = [](const Record& record) { return record.kind == "model"; };
  auto count = std::count_if(module.records.begin(), module.records.end(), is_model);
  if (count > 1) out.push_back(fmt::format("there are {} records `model` [V16]", count));
  std::optional<int64_t> batch = batch_of(module);
  if (count == 1 && !batch) out.emplace_back("record `model` holds no integer `batch` [V16]");
  if (batch && *batch < 1) out.push_back(fmt::format("the batch is {}, not at least 1 [V16]", *batch));
}

// Depth-first over the call graph; a function met again while still open closes a cycle.
class RecursionFinder {
 public:
  RecursionFinder(const Module& module, Violations& out) : module_(module), out_(out) {}

  void visit(const Func& func) {
    State& state = states_[&func];
    if (state == State::Done) return;
    if (state == State::Open) {
      out_.push_back(fmt::format("@{} calls itself [V12]", func.name));
      return;
    }
    state = State::Open;
    for (const Op& op : func.ops) {
      auto callee = op.attrs.find("callee");
      if (callee == op.attrs.end() || (!std::holds_alternative<Call>(op.def->body) && !is_scan(op))) continue;
      const std::string* name = std::get_if<std::string>(&callee->second);
      if (const Func* called = name ? module_.find(*name) : nullptr) visit(*called);
    }
    states_[&func] = State::Done;
  }

 private:
  enum class State { New, Open, Done };
  const Module& module_;
  Violations& out_;
  std::map<const Func*, State> states_;
};

}  // namespace

std::vector<std::string> verify(const Module& module) {
  Violations out;
  check_function_names(module, out);
  check_batch(module, out);
  for (const Func& func : module.funcs) FuncVerifier(module, func, out).run();
  check_persistent_names(module, out);
  check_bodies(module, out);
  RecursionFinder finder(module, out);
  for (const Func& func : module.funcs) finder.visit(func);
  return out;
}

}  // namespace tarn
