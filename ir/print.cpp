// Prints the tensor IR, one op a line.
#include "ir/print.h"

#include <fmt/format.h>

#include "ir/op_def.h"

namespace tarn {

static std::string attrs_text(const Attrs& attrs) {
  std::string out;
  for (const auto& [key, value] : attrs) out += fmt::format("{}{}={}", out.empty() ? "" : ", ", key, attr_text(value));
  return out;
}

std::string print(const Func& func, const Op& op, const PrintOptions& options) {
  std::string results, operands, types;
  for (ValueId result : op.results) {
    results += fmt::format("{}%{}", results.empty() ? "" : ", ", func.name_of(result));
    types += fmt::format("{}{}", types.empty() ? "" : ", ", func.type(result).text());
  }
  for (ValueId operand : op.operands)
    operands += fmt::format("{}%{}", operands.empty() ? "" : ", ", func.name_of(operand));
  std::string out = fmt::format("{} = {}", results, op.def->name);
  if (!operands.empty()) out += " " + operands;
  if (!op.attrs.empty()) out += fmt::format("{} {}", operands.empty() ? "" : ",", attrs_text(op.attrs));
  out += " : " + types;
  if (options.locations && op.location.is_known()) {
    out += fmt::format(" loc({}:{}:{}", quoted(op.location.file), op.location.line, op.location.column);
    if (!op.location.path.empty()) out += ", " + quoted(op.location.path);
    out += ")";
  }
  return out;
}

static std::string argument_text(const Func& func, const Argument& arg) {
  std::string out = fmt::format("%{}: {}", func.name_of(arg.value), func.type(arg.value).text());
  if (arg.role != Role::None) out += fmt::format(" {}", role_name(arg.role));
  if (arg.role == Role::Hyper) out += fmt::format("({})", float_text(arg.initial));
  return out;
}

static std::string result_text(const Func& func, const FuncResult& result) {
  std::string out = fmt::format("{}: {}", result.name, func.type(result.value).text());
  if (result.role != Role::None) out += fmt::format(" {}", role_name(result.role));
  return out;
}

static std::string_view kind_prefix(FuncKind kind) {
  switch (kind) {
    case FuncKind::Entry:
      return "func";
    case FuncKind::Kernel:
      return "kernel";
    case FuncKind::Body:
      return "body";
  }
  return "";
}

std::string print(const Func& func, const PrintOptions& options) {
  std::string args, results, returned;
  for (const Argument& arg : func.args) args += (args.empty() ? "" : ",\n    ") + argument_text(func, arg);
  for (const FuncResult& result : func.results) {
    results += (results.empty() ? "" : ",\n    ") + result_text(func, result);
    returned += fmt::format("{} %{}", returned.empty() ? "" : ",", func.name_of(result.value));
  }
  std::string out = fmt::format("{} @{}({}) -> ({}) {{\n", kind_prefix(func.kind), func.name, args, results);
  for (const Op& op : func.ops) out += "  " + print(func, op, options) + "\n";
  return out + "  return" + returned + "\n}\n";
}

std::string print(const Module& module, const PrintOptions& options) {
  std::string out = fmt::format("module @{}\n\n", module.name);
  for (const Record& record : module.records) {
    out += fmt::format("record {} {} {{{}}}\n", record.kind, quoted(record.name), attrs_text(record.attrs));
  }
  if (!module.records.empty()) out += "\n";
  for (size_t i = 0; i < module.funcs.size(); ++i) out += (i ? "\n" : "") + print(module.funcs[i], options);
  return out;
}

}  // namespace tarn
