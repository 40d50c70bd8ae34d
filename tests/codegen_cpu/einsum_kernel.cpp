// Products of affine accesses from text.
#include "tests/codegen_cpu/einsum_kernel.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "ir/base/check.h"
#include "tests/codegen_cpu/kernel_builder.h"

namespace tarn::testing {

namespace {

struct ParsedIndex {
  std::map<char, int64_t> coefficients;
  int64_t offset = 0;
};

class IndexParser {
 public:
  explicit IndexParser(std::string_view text) : text_(text) {}

  std::vector<ParsedIndex> run() {
    std::vector<ParsedIndex> indices(1);
    while (at_ < text_.size()) {
      if (text_[at_] == ',') {
        indices.emplace_back();
        ++at_;
      } else if (text_[at_] == ' ') {
        ++at_;
      } else {
        term(indices.back());
      }
    }
    return indices;
  }

 private:
  bool starts_number() const { return at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0; }

  int64_t number() {
    int64_t value = 0;
    while (starts_number()) value = value * 10 + (text_[at_++] - '0');
    return value;
  }

  void term(ParsedIndex& index) {
    int64_t factor = text_[at_] == '-' ? -1 : 1;
    if (text_[at_] == '-' || text_[at_] == '+') ++at_;
    if (starts_number()) {
      factor *= number();
      if (at_ == text_.size() || text_[at_] != '*') {
        index.offset += factor;
        return;
      }
      ++at_;
    }
    TARN_CHECK(at_ < text_.size() && std::isalpha(static_cast<unsigned char>(text_[at_])), "a label in `{}`", text_);
    index.coefficients[text_[at_++]] += factor;
  }

  std::string_view text_;
  size_t at_ = 0;
};

int64_t reach(const ParsedIndex& index, const LabelSizes& sizes) {
  int64_t last = index.offset;
  for (auto [label, factor] : index.coefficients) last += factor > 0 ? factor * (sizes.at(label) - 1) : 0;
  return last + 1;
}

}  // namespace

Kernel einsum_kernel(std::string_view text, const LabelSizes& sizes, DType dtype) {
  size_t equals = text.find('='), star = text.find('*', text.find(" * "));
  TARN_CHECK(equals != text.npos && star != text.npos, "`{}` is no product", text);
  std::vector<ParsedIndex> operands[] = {IndexParser(text.substr(equals + 1, star - equals - 1)).run(),
                                         IndexParser(text.substr(star + 1)).run(),
                                         IndexParser(text.substr(0, equals)).run()};
  KernelBuilder b;
  std::map<char, VariableIndex> variable;
  std::vector<VariableIndex> kept, summed;
  for (const ParsedIndex& index : operands[2]) {
    for (auto [label, factor] : index.coefficients) kept.push_back(variable[label] = b.variable(sizes.at(label)));
  }
  std::vector<BufferIndex> buffers;
  for (const std::vector<ParsedIndex>& operand : operands) {
    Shape shape;
    for (const ParsedIndex& index : operand) shape.push_back(reach(index, sizes));
    buffers.push_back(buffers.size() < 2 ? b.in({dtype, shape}) : b.out({dtype, shape}));
    for (const ParsedIndex& index : operand) {
      for (auto [label, factor] : index.coefficients) {
        if (variable.contains(label)) continue;
        summed.push_back(variable[label] = b.variable(sizes.at(label)));
      }
    }
  }
  auto indices = [&](size_t operand) {
    std::vector<IndexExpression> result;
    for (const ParsedIndex& index : operands[operand]) {
      IndexExpression expression = at(index.offset);
      for (auto [label, factor] : index.coefficients) expression = expression + x(variable.at(label), factor);
      result.push_back(expression);
    }
    return result;
  };
  b.loops(kept, [&] {
    ScalarIndex sum = b.reduce(ReduceKind::Sum, summed, [&] {
      return b.op(ScalarOp::Mul, {b.load(buffers[0], indices(0)), b.load(buffers[1], indices(1))});
    });
    b.store(buffers[2], indices(2), sum);
  });
  return b.finish();
}

}  // namespace tarn::testing
