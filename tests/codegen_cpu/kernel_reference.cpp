// Runs kernels by plain loops.
#include "tests/codegen_cpu/kernel_reference.h"

#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>

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

// A value of `dtype`; every integer of up to 53 bits is exact in a double, i64 included here.
double wrap(double value, DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return value != 0 ? 1 : 0;
    case DType::U8:
      return static_cast<double>(static_cast<uint8_t>(static_cast<int64_t>(value)));
    case DType::I32:
      return static_cast<double>(static_cast<int32_t>(static_cast<int64_t>(value)));
    case DType::I64:
      return static_cast<double>(static_cast<int64_t>(value));
    default:
      return value;
  }
}

double truncate(double value, DType dtype) {
  if (std::isnan(value)) return 0;
  double low = dtype == DType::I64 ? -9.2e18 : std::numeric_limits<int32_t>::min();
  double high = dtype == DType::I64 ? 9.2e18 : std::numeric_limits<int32_t>::max();
  return wrap(std::trunc(std::min(std::max(value, low), high)), dtype);
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
    scalars_[node.result] = node.kind == ReduceKind::ArgMax ? first : wrap(sum, kernel_.scalars[node.result]);
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
    double a = scalars_[node.operands[0]];
    double b = node.operands.size() > 1 ? scalars_[node.operands[1]] : 0;
    double c = node.operands.size() > 2 ? scalars_[node.operands[2]] : 0;
    DType from = kernel_.scalars[node.operands[0]];
    scalars_[node.result] =
        wrap(apply(node.op, a, b, c, from, kernel_.scalars[node.result]), kernel_.scalars[node.result]);
  }

  static double apply(ScalarOp op, double a, double b, double c, DType from, DType to) {
    auto bits = [](double value) { return static_cast<uint32_t>(static_cast<int64_t>(value)); };
    auto number = [](double value) { return static_cast<int64_t>(value); };
    switch (op) {
      case ScalarOp::Add:
        return a + b;
      case ScalarOp::Sub:
        return a - b;
      case ScalarOp::Mul:
        return a * b;
      case ScalarOp::Div:
        return is_float(from) ? a / b : b == 0 ? 0 : static_cast<double>(number(a) / number(b));
      case ScalarOp::Neg:
        return -a;
      case ScalarOp::Abs:
        return std::fabs(a);
      case ScalarOp::Min:
        return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b);
      case ScalarOp::Max:
        return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b);
      case ScalarOp::Fma:
        return std::fma(a, b, c);
      case ScalarOp::Sqrt:
        return std::sqrt(a);
      case ScalarOp::Exp:
        return std::exp(a);
      case ScalarOp::Log:
        return std::log(a);
      case ScalarOp::Log1p:
        return std::log1p(a);
      case ScalarOp::Tanh:
        return std::tanh(a);
      case ScalarOp::Erf:
        return std::erf(a);
      case ScalarOp::Sin:
        return std::sin(a);
      case ScalarOp::Cos:
        return std::cos(a);
      case ScalarOp::Pow:
        return std::pow(a, b);
      case ScalarOp::Floor:
        return std::floor(a);
      case ScalarOp::Round:
        return std::nearbyint(a);
      case ScalarOp::Eq:
        return a == b;
      case ScalarOp::Ne:
        return a != b;
      case ScalarOp::Lt:
        return a < b;
      case ScalarOp::Le:
        return a <= b;
      case ScalarOp::Gt:
        return a > b;
      case ScalarOp::Ge:
        return a >= b;
      case ScalarOp::And:
        return static_cast<double>(number(a) & number(b));
      case ScalarOp::Or:
        return static_cast<double>(number(a) | number(b));
      case ScalarOp::Xor:
        return static_cast<double>(number(a) ^ number(b));
      case ScalarOp::Not:
        return from == DType::Bool ? a == 0 : static_cast<double>(~number(a));
      case ScalarOp::ShiftRight:
        return static_cast<double>(static_cast<int32_t>(bits(a) >> number(b)));
      case ScalarOp::MulHigh:
        return static_cast<double>(static_cast<int32_t>((uint64_t{bits(a)} * uint64_t{bits(b)}) >> 32));
      case ScalarOp::Select:
        return a != 0 ? b : c;
      case ScalarOp::Cast:
        return is_float(from) && is_integer(to) ? truncate(a, to) : a;
    }
    return 0;
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
  }
}

}  // namespace tarn::testing
