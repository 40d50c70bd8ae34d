// The einsum specification of a contract: "bk,kn->bn" to label classes and sizes.
#pragma once

#include <string>
#include <string_view>

#include "ir/base/result.h"
#include "ir/type.h"

namespace tarn {

// Labels are letters a-z.  Every label belongs to exactly one class; each class lists its labels in the order named.
struct ContractSpec {
  std::string lhs, rhs, result;
  std::string batch;  // in lhs, rhs and result; order of the result
  std::string m;      // in lhs and result; order of the result
  std::string n;      // in rhs and result; order of the result
  std::string k;      // in lhs and rhs only: summed; order of lhs

  std::string text() const { return lhs + "," + rhs + "->" + result; }
};

// Errors: C1 malformed, C2 a label twice in one term, C5 a result label of no operand, C6 a label of one operand that
// is not in the result.
Result<ContractSpec> parse_contract_spec(std::string_view text);

// The size of `label`, which is in lhs or rhs.
int64_t label_size(const ContractSpec& spec, char label, const Shape& lhs, const Shape& rhs);
// The product of the sizes of `labels` (1 if there is none).
int64_t labels_size(const ContractSpec& spec, std::string_view labels, const Shape& lhs, const Shape& rhs);

}  // namespace tarn
