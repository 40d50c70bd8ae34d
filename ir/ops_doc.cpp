// One section for each op, grouped by form.
#include "ir/ops_doc.h"

#include <fmt/format.h>

#include <array>

#include "ir/op_def.h"

namespace tarn {

struct FormInfo {
  std::string_view name, meaning;
};
// In the order of the alternatives of Body.
static constexpr std::array<FormInfo, std::variant_size_v<Body>> kForms = {{
    {"Elementwise", "One element of the result from the same element of each operand."},
    {"Generate", "Each element from its index; operands are scalars."},
    {"Reduce", "Elements combined over the dimensions named by `axes`, which leave the shape."},
    {"View", "Elements of the operand at other places; no arithmetic."},
    {"Contract", "Sums of products over shared labels."},
    {"Gather", "Elements of the operand at indices that another operand holds."},
    {"Scatter", "Sums of elements at the places that another operand names."},
    {"Call", "Another function of the module."},
    {"Scan", "A body function in a loop, which hands values on from one run to the next."},
    {"Gradient", "What autodiff expands."},
}};

static std::string_view attr_kind_name(AttrKind kind) {
  switch (kind) {
    case AttrKind::Bool:
      return "bool";
    case AttrKind::Int:
      return "integer";
    case AttrKind::Float:
      return "float";
    case AttrKind::String:
      return "string";
    case AttrKind::Ints:
      return "integers";
  }
  return "";
}

// The op on its first sample, as IR text.
static std::string example(const OpDef& op) {
  if (op.samples.empty()) return "";
  const Sample& sample = op.samples.front();
  std::string operands;
  std::vector<Type> types;
  for (const SampleInput& input : sample.inputs) {
    operands += fmt::format("{}%{}", types.empty() ? " " : ", ", static_cast<char>('a' + types.size()));
    types.push_back(input.type);
  }
  for (const auto& [key, value] : sample.attrs) {
    operands += fmt::format("{}{}={}", operands.empty() ? " " : ", ", key, attr_text(value));
  }
  Result<Type> result = op.shape({types, sample.attrs});
  std::string text = fmt::format("%y = {}{} : {}", op.name, operands, result ? result->text() : "");
  for (size_t i = 0; i < types.size(); ++i) {
    text += fmt::format("{}%{}: {}", i ? ", " : "    // ", static_cast<char>('a' + i), types[i].text());
  }
  return fmt::format("\n```\n{}\n```\n", text);
}

static std::string section(const OpDef& op) {
  std::string out = fmt::format("\n### {}\n\n{}.\n\n", op.name, op.summary);
  std::string doc(op.doc);
  for (size_t at = doc.find('\n'); at != std::string::npos; at = doc.find('\n', at + 3)) doc.replace(at, 1, "  \n");
  out += doc + "\n";
  if (!op.attrs.empty()) out += "\n";
  for (const AttrSpec& attr : op.attrs) {
    out += fmt::format("- `{}` ({}{}): {}\n", attr.name, attr_kind_name(attr.kind),
                       attr.is_optional ? ", optional" : "", attr.doc);
  }
  out += example(op);
  out += fmt::format("\n{}{} Source: {}.\n", op.vjp ? "" : "No gradient. ",
                     op.may_diverge ? "May overflow or give NaN on finite operands." : "Finite on finite operands.",
                     op.source);
  return out;
}

std::string ops_document() {
  std::string out =
      "# The ops of the tensor IR\n\n"
      "Made from the records in `ir/ops/`; do not edit.  `TARN_BLESS=1 ctest -R ir_test` writes it anew.\n"
      "Constraints `(C1)`, ... are what errors cite, as in `[contract.C4]`.  No op broadcasts by itself.\n";
  for (size_t form = 0; form < kForms.size(); ++form) {
    out += fmt::format("\n## {}\n\n{}\n", kForms[form].name, kForms[form].meaning);
    for (const OpDef* op : all_ops()) {
      if (op->body.index() == form) out += section(*op);
    }
  }
  return out;
}

}  // namespace tarn
