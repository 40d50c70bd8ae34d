// One op: plain loops over the forms.
#include "ir/interpret.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/accumulation.h"
#include "ir/base/check.h"
#include "ir/contract_spec.h"
#include "ir/half.h"
#include "ir/view_map.h"

namespace tarn {

double to_dtype(double value, DType dtype, const InterpretOptions& options) {
  switch (dtype) {
    case DType::F64:
      return value;
    case DType::F32:
      return options.round_f32 ? static_cast<double>(static_cast<float>(value)) : value;
    case DType::F16:
    case DType::BF16:
      return options.round_half ? round_to_half(value, dtype) : value;
    case DType::Bool:
      return value != 0 ? 1 : 0;
    case DType::U8:
    case DType::I32:
    case DType::I64:
      break;
  }
  if (!std::isfinite(value)) return 0;
  value = std::trunc(value) + 0.0;  // no integer is -0.0
  double range = std::ldexp(1.0, static_cast<int>(8 * dtype_bytes(dtype)));
  double wrapped = std::fmod(value, range);
  if (dtype == DType::U8) return wrapped < 0 ? wrapped + range : wrapped;
  if (wrapped >= range / 2) return wrapped - range;
  return wrapped < -range / 2 ? wrapped + range : wrapped;
}

static bool becomes_integer(DType from, DType to) {
  return is_float(from) && is_integer(to);
}

// The nearest number that an integer of that dtype can be; NaN stays.  u8 is cut out of an i32.
static double within_range(double value, DType dtype) {
  constexpr double kBelowInt64 = 0x1p63 - 1024;  // the greatest f64 that is an i64
  return dtype == DType::I64 ? std::clamp(value, -0x1p63, kBelowInt64) : std::clamp(value, -0x1p31, 0x1p31 - 1);
}

double element_of(const Elementwise& form, std::span<const double> x, DType from, DType to,
                  const InterpretOptions& options) {
  double value = form.eval(x);
  return to_dtype(becomes_integer(from, to) ? within_range(value, to) : value, to, options);
}

// Whether to_dtype() changes nothing.
static bool is_kept(DType dtype, const InterpretOptions& options) {
  return dtype == DType::F64 || (dtype == DType::F32 && !options.round_f32) || (is_half(dtype) && !options.round_half);
}

// Steps `index` through `shape` in row-major order; false after the last.  An empty shape has one index.
static bool advance(std::vector<int64_t>& index, const Shape& shape) {
  for (size_t d = shape.size(); d-- > 0;) {
    if (++index[d] < shape[d]) return true;
    index[d] = 0;
  }
  return false;
}

static int64_t dot(const std::vector<int64_t>& index, const std::vector<int64_t>& strides) {
  int64_t offset = 0;
  for (size_t d = 0; d < index.size(); ++d) offset += index[d] * strides[d];
  return offset;
}

namespace {

// Evaluates one op; one overload for each form.
struct Evaluator {
  const Attrs& attrs;
  const std::vector<const Tensor*>& operands;
  const InterpretOptions& options;
  Tensor& result;
  DType accumulated;  // dtype of a reduction's partial results; evaluate() brings the last one into the result's

  const Tensor& operand(size_t i) const { return *operands[i]; }

  void operator()(const Elementwise& form) const {
    std::vector<double> x(operands.size());
    for (size_t i = 0; i < result.data.size(); ++i) {
      for (size_t k = 0; k < x.size(); ++k) x[k] = operand(k).data[i];
      result.data[i] = form.eval(x);
    }
    if (operands.empty() || !becomes_integer(operands.back()->type.dtype, result.type.dtype)) return;
    for (double& element : result.data) element = within_range(element, result.type.dtype);
  }

  void operator()(const Generate& form) const {
    std::vector<double> scalars;
    for (const Tensor* scalar : operands) scalars.push_back(scalar->data[0]);
    std::vector<int64_t> index(result.type.shape.size(), 0);
    for (double& element : result.data) {
      element = form.eval(index, result.type.shape, scalars, attrs);
      advance(index, result.type.shape);
    }
  }

  static double identity(ReduceKind kind) {
    switch (kind) {
      case ReduceKind::Sum:
        return 0;
      case ReduceKind::Prod:
        return 1;
      case ReduceKind::Max:
      case ReduceKind::ArgMax:
        return -std::numeric_limits<double>::infinity();
      case ReduceKind::Min:
        return std::numeric_limits<double>::infinity();
    }
    return 0;
  }

  double combine(ReduceKind kind, double sofar, double x) const {
    switch (kind) {
      case ReduceKind::Sum:
        return to_dtype(sofar + x, accumulated, options);
      case ReduceKind::Prod:
        return to_dtype(sofar * x, accumulated, options);
      case ReduceKind::Max:
        return std::isnan(sofar) || sofar > x ? sofar : x;
      case ReduceKind::Min:
        return std::isnan(sofar) || sofar < x ? sofar : x;
      case ReduceKind::ArgMax:
        break;
    }
    return 0;
  }

  void operator()(const Reduce& form) const {
    const Tensor& x = operand(0);
    const std::vector<int64_t>& axes = attr_ints(attrs, "axes");
    // Strides of the result for each dimension of x: zero along the axes that are combined.
    std::vector<int64_t> strides(x.type.shape.size(), 0), inner = row_major_strides(result.type.shape);
    for (size_t d = 0, kept = 0; d < strides.size(); ++d) {
      bool combined = false;
      for (int64_t axis : axes) combined = combined || axis == static_cast<int64_t>(d);
      if (!combined) strides[d] = inner[kept++];
    }
    // Where a dimension is searched, by how much a step along it changes the number of an element.
    std::vector<int64_t> steps(x.type.shape.size(), 0);
    int64_t step = 1;
    for (auto axis = axes.rbegin(); axis != axes.rend(); step *= x.type.shape[*axis++]) steps[*axis] = step;
    std::vector<double> best(result.data.size(), identity(form.kind));
    std::vector<int64_t> index(x.type.shape.size(), 0);
    for (double element : x.data) {
      int64_t at = dot(index, strides);
      if (form.kind != ReduceKind::ArgMax) {
        best[at] = combine(form.kind, best[at], element);
        advance(index, x.type.shape);
        continue;
      }
      int64_t number = dot(index, steps);
      if (number == 0 || element > best[at] || (std::isnan(element) && !std::isnan(best[at]))) {
        best[at] = element;
        result.data[at] = static_cast<double>(number);
      }
      advance(index, x.type.shape);
    }
    if (form.kind != ReduceKind::ArgMax) result.data = best;
  }

  void operator()(const View& form) const {
    const Tensor& x = operand(0);
    std::optional<std::vector<AffineIndex>> map = form.map(attrs, x.type.shape, result.type.shape);
    if (!map) {
      result.data = x.data;
      return;
    }
    if (!x.data.empty() && !leaves_range(*map, result.type.shape, x.type.shape)) return copy_strided(*map, x);
    std::vector<int64_t> index(result.type.shape.size(), 0), strides = row_major_strides(x.type.shape);
    for (double& element : result.data) {
      int64_t offset = 0;
      bool inside = true;
      for (size_t d = 0; d < map->size(); ++d) {
        const AffineIndex& affine = (*map)[d];
        int64_t numerator = dot(index, affine.coefficients) + affine.offset;
        int64_t position = numerator / affine.divisor;
        inside = inside && numerator >= 0 && numerator % affine.divisor == 0 && position < x.type.shape[d];
        offset += position * strides[d];
      }
      element = inside ? x.data[offset] : 0;
      advance(index, result.type.shape);
    }
  }

  // A view that stays inside reads x in equal steps along each dimension.
  void copy_strided(const std::vector<AffineIndex>& map, const Tensor& x) const {
    Shape rows = result.type.shape;
    if (rows.empty() || result.data.empty()) {
      for (double& element : result.data) element = x.data[0];
      return;
    }
    std::vector<int64_t> steps(rows.size(), 0), strides = row_major_strides(x.type.shape), index(rows.size(), 0);
    int64_t first = 0, length = rows.back();
    for (size_t d = 0; d < map.size(); ++d) {
      first += map[d].offset * strides[d];
      for (size_t r = 0; r < steps.size(); ++r) steps[r] += map[d].coefficients[r] * strides[d];
    }
    rows.back() = 1;
    double* to = result.data.data();
    do {
      const double* from = x.data.data() + first + dot(index, steps);
      for (int64_t i = 0; i < length; ++i) *to++ = from[i * steps.back()];
    } while (advance(index, rows));
  }

  // The strides of `term`'s dimensions in the order of `labels`; 0 for a label that the term has not.
  static std::vector<int64_t> strides_of(const std::string& labels, const std::string& term, const Shape& shape) {
    std::vector<int64_t> strides, own = row_major_strides(shape);
    for (char label : labels) {
      size_t position = term.find(label);
      strides.push_back(position == std::string::npos ? 0 : own[position]);
    }
    return strides;
  }

  void operator()(const Contract&) const {
    ContractSpec spec = *parse_contract_spec(attr_string(attrs, "spec"));
    const Tensor &lhs = operand(0), &rhs = operand(1);
    Shape summed;
    for (char label : spec.k) summed.push_back(label_size(spec, label, lhs.type.shape, rhs.type.shape));
    std::vector<int64_t> lhs_outer = strides_of(spec.result, spec.lhs, lhs.type.shape);
    std::vector<int64_t> rhs_outer = strides_of(spec.result, spec.rhs, rhs.type.shape);
    std::vector<int64_t> lhs_inner = strides_of(spec.k, spec.lhs, lhs.type.shape);
    std::vector<int64_t> rhs_inner = strides_of(spec.k, spec.rhs, rhs.type.shape);
    join_steps(summed, lhs_inner, rhs_inner);
    // One summed label is the inner loop of each element; the others step around it.
    size_t longest = inner_label(summed, lhs_inner, rhs_inner);
    Steps inner{1, 0, 0};
    if (!summed.empty()) {
      inner = {summed[longest], lhs_inner[longest], rhs_inner[longest]};
      summed[longest] = 1;
    }
    if (inner.length == 0 || element_count(summed) == 0) return;
    // Rows of the result along which one operand stays and the other's elements lie side by side are computed at once.
    Steps row{1, 0, 0};
    Shape rows = result.type.shape;
    if (!rows.empty() && lhs_outer.back() + rhs_outer.back() == 1) {
      row = {rows.back(), lhs_outer.back(), rhs_outer.back()};
      rows.back() = 1;
    }
    std::vector<int64_t> index(rows.size(), 0), outer_summed(summed.size(), 0);
    for (size_t first = 0; first < result.data.size(); first += static_cast<size_t>(row.length)) {
      const double* x = lhs.data.data() + dot(index, lhs_outer);
      const double* y = rhs.data.data() + dot(index, rhs_outer);
      do {
        add_products(&result.data[first], row, x + dot(outer_summed, lhs_inner), y + dot(outer_summed, rhs_inner),
                     inner);
      } while (advance(outer_summed, summed));
      advance(index, rows);
    }
  }

  // A loop, and by how much each operand moves in it.
  struct Steps {
    int64_t length, lhs, rhs;
  };

  // totals[n] += the sum over i of x[n, i] * y[n, i].
  void add_products(double* totals, const Steps& row, const double* x, const double* y, const Steps& inner) const {
    bool is_exact = is_kept(accumulated, options);
    if (is_exact && row.length > 1) {
      if (row.lhs == 0) return add_scaled_rows(totals, row.length, y, inner.rhs, x, inner.lhs, inner.length);
      return add_scaled_rows(totals, row.length, x, inner.lhs, y, inner.rhs, inner.length);
    }
    for (int64_t n = 0; n < row.length; ++n) {
      totals[n] =
          sum_of_products(totals[n], x + n * row.lhs, inner.lhs, y + n * row.rhs, inner.rhs, inner.length, is_exact);
    }
  }

  // totals[n] += the sum over i of rows[i * row_step + n] * factors[i * factor_step]; four rows at once.
  static void add_scaled_rows(double* totals, int64_t length, const double* rows, int64_t row_step,
                              const double* factors, int64_t factor_step, int64_t count) {
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const double *a = rows + i * row_step, *b = a + row_step, *c = b + row_step, *d = c + row_step;
      const double* f = factors + i * factor_step;
      double fa = f[0], fb = f[factor_step], fc = f[2 * factor_step], fd = f[3 * factor_step];
      for (int64_t n = 0; n < length; ++n) totals[n] += (a[n] * fa + b[n] * fb) + (c[n] * fc + d[n] * fd);
    }
    for (; i < count; ++i) {
      for (int64_t n = 0; n < length; ++n) totals[n] += rows[i * row_step + n] * factors[i * factor_step];
    }
  }

  // Neighbouring labels along which both operands go on in equal steps become one.
  static void join_steps(Shape& sizes, std::vector<int64_t>& lhs, std::vector<int64_t>& rhs) {
    for (size_t d = sizes.size(); d-- > 1;) {
      if (lhs[d - 1] != lhs[d] * sizes[d] || rhs[d - 1] != rhs[d] * sizes[d]) continue;
      sizes[d - 1] *= sizes[d];
      lhs[d - 1] = lhs[d];
      rhs[d - 1] = rhs[d];
      for (std::vector<int64_t>* list : {&sizes, &lhs, &rhs})
        list->erase(list->begin() + static_cast<std::ptrdiff_t>(d));
    }
  }

  // The label for the inner loop: long, or of steps that stay in the cache.
  static size_t inner_label(const Shape& sizes, const std::vector<int64_t>& lhs, const std::vector<int64_t>& rhs) {
    auto cost = [&](size_t d) {
      constexpr double kStart = 8, kMiss = 4;  // of a loop, and of an element far away, in elements that are near
      return kStart / static_cast<double>(std::max<int64_t>(sizes[d], 1)) + (std::max(lhs[d], rhs[d]) > 8 ? kMiss : 1);
    };
    size_t best = 0;
    for (size_t d = 1; d < sizes.size(); ++d) best = cost(d) < cost(best) ? d : best;
    return best;
  }

  double sum_of_products(double total, const double* x, int64_t x_step, const double* y, int64_t y_step, int64_t length,
                         bool is_exact) const {
    if (is_exact) {
      double parts[4] = {};  // each addition waits for the one before it: four chains wait together
      int64_t i = 0;
      for (; i + 4 <= length; i += 4) {
        for (int64_t p = 0; p < 4; ++p) parts[p] += x[(i + p) * x_step] * y[(i + p) * y_step];
      }
      for (; i < length; ++i) parts[0] += x[i * x_step] * y[i * y_step];
      return total + ((parts[0] + parts[1]) + (parts[2] + parts[3]));
    }
    for (int64_t i = 0; i < length; ++i) {
      total = to_dtype(total + x[i * x_step] * y[i * y_step], accumulated, options);
    }
    return total;
  }

  // Steps through [outer, indices, inner] of a gather's result or a scatter's updates; `visit` gets the number of the
  // element there, and of the element of x that the index names (-1 where it is outside).
  template <typename Visit>
  void for_each_indexed(const Shape& whole, const Tensor& indices, int64_t size, Visit visit) const {
    auto axis = static_cast<size_t>(attr_int(attrs, "axis")), shared = static_cast<size_t>(attr_int(attrs, "shared"));
    auto product = [](const Shape& shape, size_t begin, size_t end) {
      int64_t count = 1;
      for (size_t d = begin; d < end; ++d) count *= shape[d];
      return count;
    };
    const Shape& own = indices.type.shape;
    int64_t outer = product(whole, 0, axis), inner = product(whole, axis + own.size() - shared, whole.size());
    int64_t count = product(own, shared, own.size()), repeats = product(whole, shared, axis);
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < count; ++i) {
        double index = indices.data[o / repeats * count + i];
        bool is_inside = index >= 0 && index < static_cast<double>(size);
        for (int64_t n = 0; n < inner; ++n) {
          int64_t at = is_inside ? (o * size + static_cast<int64_t>(index)) * inner + n : -1;
          visit((o * count + i) * inner + n, at);
        }
      }
    }
  }

  void operator()(const Gather&) const {
    const Tensor& x = operand(0);
    int64_t size = x.type.shape[attr_int(attrs, "axis")];
    for_each_indexed(result.type.shape, operand(1), size,
                     [&](int64_t to, int64_t from) { result.data[to] = from < 0 ? 0 : x.data[from]; });
  }

  void operator()(const Scatter&) const {
    const Tensor& updates = operand(1);
    for_each_indexed(updates.type.shape, operand(0), attr_int(attrs, "size"), [&](int64_t from, int64_t to) {
      if (to >= 0) result.data[to] = to_dtype(result.data[to] + updates.data[from], accumulated, options);
    });
  }

  void operator()(const Call&) const { TARN_CHECK(false, "a call is no single op"); }
  void operator()(const Scan&) const { TARN_CHECK(false, "a scan is no single op"); }
  void operator()(const Gradient&) const { TARN_CHECK(false, "grad is no single op"); }
};

}  // namespace

Tensor evaluate(const OpDef& def, const Attrs& attrs, const Type& type, const std::vector<const Tensor*>& operands,
                const InterpretOptions& options) {
  Tensor result{type, std::vector<double>(type.elements(), 0)};
  std::visit(Evaluator{attrs, operands, options, result, accumulation(attrs, type.dtype)}, def.body);
  if (is_kept(type.dtype, options)) return result;
  for (double& element : result.data) element = to_dtype(element, type.dtype, options);
  return result;
}

}  // namespace tarn
