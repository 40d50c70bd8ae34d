// Parses and classifies einsum labels.
#include "ir/contract_spec.h"

#include <fmt/format.h>

namespace tarn {

static bool has(std::string_view term, char label) {
  return term.find(label) != std::string_view::npos;
}

static Error malformed(std::string_view text) {
  return {fmt::format("spec \"{}\" is not of the form \"bk,kn->bn\" with labels a-z", text), "C1"};
}

static Result<ContractSpec> split_terms(std::string_view text) {
  size_t comma = text.find(',');
  size_t arrow = text.find("->");
  if (comma == std::string_view::npos || arrow == std::string_view::npos || arrow < comma) return malformed(text);
  ContractSpec spec;
  spec.lhs = text.substr(0, comma);
  spec.rhs = text.substr(comma + 1, arrow - comma - 1);
  spec.result = text.substr(arrow + 2);
  for (const std::string* term : {&spec.lhs, &spec.rhs, &spec.result}) {
    for (size_t i = 0; i < term->size(); ++i) {
      char label = (*term)[i];
      if (label < 'a' || label > 'z') return malformed(text);
      if (term->find(label, i + 1) != std::string::npos) {
        return Error{fmt::format("label `{}` appears twice in `{}` of spec \"{}\"", label, *term, text), "C2"};
      }
    }
  }
  return spec;
}

Result<ContractSpec> parse_contract_spec(std::string_view text) {
  Result<ContractSpec> spec = split_terms(text);
  if (!spec) return spec;
  for (char label : spec->result) {
    bool left = has(spec->lhs, label), right = has(spec->rhs, label);
    if (!left && !right) {
      return Error{fmt::format("label `{}` of the result is in no operand of spec \"{}\"", label, text), "C5"};
    }
    (left && right ? spec->batch : left ? spec->m : spec->n) += label;
  }
  for (char label : spec->lhs) {
    if (!has(spec->result, label) && has(spec->rhs, label)) spec->k += label;
  }
  for (int side = 0; side < 2; ++side) {
    const std::string& term = side == 0 ? spec->lhs : spec->rhs;
    const std::string& other = side == 0 ? spec->rhs : spec->lhs;
    for (char label : term) {
      if (has(other, label) || has(spec->result, label)) continue;
      return Error{fmt::format("label `{}` of spec \"{}\" is in one operand only; sum over it first", label, text),
                   "C6", side};
    }
  }
  return spec;
}

int64_t label_size(const ContractSpec& spec, char label, const Shape& lhs, const Shape& rhs) {
  size_t position = spec.lhs.find(label);
  return position != std::string::npos ? lhs[position] : rhs[spec.rhs.find(label)];
}

int64_t labels_size(const ContractSpec& spec, std::string_view labels, const Shape& lhs, const Shape& rhs) {
  int64_t size = 1;
  for (char label : labels) size *= label_size(spec, label, lhs, rhs);
  return size;
}

}  // namespace tarn
