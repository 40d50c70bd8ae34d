// Runs kernels by plain loops.
#include "tests/codegen_cpu/kernel_reference.h"

#include <array>
#include <cmath>
#include <cstring>
#include <span>

#include "ir/half.h"
#include "ir/interpret.h"
#include "tests/scalar_reference.h"

namespace tarn::testing {

namespace {

template <typename T>
T get(const Bytes& bytes, int64_t element) {
  T value;
  std::memcpy(&value, bytes.data() + static_cast<size_t>(element) * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void put(Bytes& bytes, int64_t element, T value) {
  std::memcpy(bytes.data() + static_cast<size_t>(element) * sizeof(T), &value, sizeof(T));
}

class Reference {
 public:
  Reference(const Kernel& kernel, std::vector<Bytes>& buffers)
      : kernel_(kernel), buffers_(buffers), scalars_(kernel.scalars.size()), position_(kernel.variables.size()) {}

  void block(const Block& body) {
    for (const Statement& statement : body) std::visit([&](const auto& node) { run(node); }, statement.node);
  }

 private:
  // Element number, or -1 outside.
  int64_t element_of(const Access& access) const {
    const Type& type = kernel_.buffers[access.buffer].type;
    int64_t element = 0;
    for (size_t d = 0; d < access.indices.size(); ++d) {
      const IndexExpression& index = access.indices[d];
      int64_t value = index.offset;
      for (const auto& term : index.terms) value += term.coefficient * position_[term.variable];
      for (const auto& loaded : index.loaded) {
        value += loaded.coefficient * static_cast<int64_t>(scalars_[loaded.scalar]);
      }
      if (value % index.divisor != 0) return -1;
      value /= index.divisor;
      if (value < 0 || value >= type.shape[d]) return -1;
      element = element * type.shape[d] + value;
    }
    return element;
  }

  void run(const Constant& node) {
    DType dtype = kernel_.scalars[node.result];
    scalars_[node.result] = dtype == DType::F32 ? static_cast<double>(static_cast<float>(node.value)) : node.value;
  }
  void run(const ReadIndex& node) { scalars_[node.result] = static_cast<double>(position_[node.variable]); }
  void run(const Load& node) {
    int64_t element = element_of(node.access);
    DType dtype = kernel_.buffers[node.access.buffer].type.dtype;
    scalars_[node.result] = element < 0 ? 0 : read_element(buffers_[node.access.buffer], dtype, element);
  }
  void run(const Store& node) {
    DType dtype = kernel_.buffers[node.access.buffer].type.dtype;
    write_element(buffers_[node.access.buffer], dtype, element_of(node.access), scalars_[node.value]);
  }
  void run(const ForLoop& node) {
    for (int64_t i = 0; i < kernel_.variables[node.variable].extent; ++i) {
      position_[node.variable] = i;
      block(node.body);
    }
  }
  void run(const ReduceLoop& node) {
    double sum = identity(node.kind, kernel_.scalars[node.yield]);
    int32_t first = 0;
    bool is_set = false;
    iterate(node, 0, [&] {
      double value = scalars_[node.yield];
      switch (node.kind) {
        case ReduceKind::Sum:
          sum += value;
          break;
        case ReduceKind::Prod:
          sum *= value;
          break;
        case ReduceKind::Max:
          sum = std::isnan(sum) || value < sum ? sum : value;
          break;
        case ReduceKind::Min:
          sum = std::isnan(sum) || value > sum ? sum : value;
          break;
        case ReduceKind::ArgMax:
          if (!is_set || value > sum) {
            sum = value;
            int64_t number = 0;
            for (VariableIndex v : node.variables) number = number * kernel_.variables[v].extent + position_[v];
            first = static_cast<int32_t>(number);
          }
          is_set = true;
          break;
      }
    });
    scalars_[node.result] = node.kind == ReduceKind::ArgMax ? first : to_dtype(sum, kernel_.scalars[node.result]);
  }

  static double identity(ReduceKind kind, DType dtype) {
    bool fp = is_float(dtype);
    switch (kind) {
      case ReduceKind::Sum:
        return 0;
      case ReduceKind::Prod:
        return 1;
      case ReduceKind::Min:
        if (fp) return HUGE_VAL;
        return dtype == DType::U8 ? 255 : dtype == DType::I32 ? INT32_MAX : static_cast<double>(INT64_MAX);
      default:
        if (fp) return -HUGE_VAL;
        return dtype == DType::U8 ? 0 : dtype == DType::I32 ? INT32_MIN : static_cast<double>(INT64_MIN);
    }
  }

  template <typename Body>
  void iterate(const ReduceLoop& node, size_t level, const Body& combine) {
    if (level == node.variables.size()) {
      block(node.body);
      combine();
      return;
    }
    for (int64_t i = 0; i < kernel_.variables[node.variables[level]].extent; ++i) {
      position_[node.variables[level]] = i;
      iterate(node, level + 1, combine);
    }
  }

  void run(const Compute& node) {
    std::array<double, 3> x = {};
    for (size_t i = 0; i < node.operands.size(); ++i) x[i] = scalars_[node.operands[i]];
    scalars_[node.result] = scalar_result(node.op, std::span(x).first(node.operands.size()),
                                          kernel_.scalars[node.operands.back()], kernel_.scalars[node.result]);
  }

  const Kernel& kernel_;
  std::vector<Bytes>& buffers_;
  std::vector<double> scalars_;
  std::vector<int64_t> position_;
};

}  // namespace

void run_reference(const Kernel& kernel, std::vector<Bytes>& buffers) {
  Reference(kernel, buffers).block(kernel.body);
}

double read_element(const Bytes& bytes, DType dtype, int64_t element) {
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return get<uint8_t>(bytes, element);
    case DType::I32:
      return get<int32_t>(bytes, element);
    case DType::I64:
      return static_cast<double>(get<int64_t>(bytes, element));
    case DType::F32:
      return static_cast<double>(get<float>(bytes, element));
    case DType::F64:
      return get<double>(bytes, element);
    case DType::F16:
    case DType::BF16:
      return half_value(get<uint16_t>(bytes, element), dtype);
  }
  return 0;
}

void write_element(Bytes& bytes, DType dtype, int64_t element, double value) {
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return put<uint8_t>(bytes, element, static_cast<uint8_t>(value));
    case DType::I32:
      return put<int32_t>(bytes, element, static_cast<int32_t>(value));
    case DType::I64:
      return put<int64_t>(bytes, element, static_cast<int64_t>(value));
    case DType::F32:
      return put<float>(bytes, element, static_cast<float>(value));
    case DType::F64:
      return put<double>(bytes, element, value);
    case DType::F16:
    case DType::BF16:
      return put<uint16_t>(bytes, element, half_bits(round_to_half(value, dtype), dtype));
  }
}

}  // namespace tarn::testing
