// The closed set of forms that an op's body can take.  Fusion, the memory planner, the interpreter and the back ends
// handle forms, never op names, by exhaustive std::visit: a new op touches none of them.
// docs/architecture.md shows how convolution, attention, a recurrent scan, batch norm and optimizers fit this set.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/attr.h"
#include "ir/scalar.h"
#include "ir/type.h"

namespace tarn {

class Builder;
struct ValueId;

// One affine index expression: (sum of coefficients[d] * index[d] + offset) / divisor.
// A position where the division leaves a remainder or the result is out of range reads as zero.
struct AffineIndex {
  std::vector<int64_t> coefficients;  // one for each dimension of the result
  int64_t offset = 0;
  int64_t divisor = 1;
};

// result[i] = f(x0[i], x1[i], ...); all operands have the result's shape.
struct Elementwise {
  double (*eval)(std::span<const double> x);  // the meaning, in f64, used by the interpreter only
  // The same computation for targets, written independently of eval.  `result` is the result's dtype.
  Scalar (*lower)(ScalarEmitter& e, std::span<const Scalar> x, DType result);
};

// result[i] = f(i, scalars): constants, iota, random draws.  Operands are scalars (rank 0).
struct Generate {
  double (*eval)(std::span<const int64_t> index, const Shape& shape, std::span<const double> scalars, const Attrs&);
  // `index` holds one I32 scalar for each dimension.
  Scalar (*lower)(ScalarEmitter& e, std::span<const Scalar> index, const Shape& shape, std::span<const Scalar> scalars,
                  const Attrs&, DType result);
  bool is_uniform = false;  // the same number at each index
};

enum class ReduceKind : uint8_t { Sum, Prod, Max, Min, ArgMax };
std::string_view reduce_kind_name(ReduceKind kind);  // "argmax"

// Combines over the dimensions named by attribute `axes`, which leave the shape.
struct Reduce {
  ReduceKind kind;
};

// Every element of the result is one element of the operand (or zero, outside its range).
struct View {
  // One index expression for each operand dimension; nullopt: same elements in the same row-major order (reshape).
  std::optional<std::vector<AffineIndex>> (*map)(const Attrs& attrs, const Shape& operand, const Shape& result);
  // Attributes of the view that does the same to each slice of a stack of `length` operands: dimension 0 is new.
  Attrs (*of_stack)(const Attrs& attrs, int64_t length);
};

// result = sum over labels absent from the result of lhs * rhs; attribute `spec`, as "bk,kn->bn" (ir/contract_spec.h).
struct Contract {};

// result[s.., o.., i.., n..] = x[s.., o.., indices[s.., i..], n..] along attribute `axis`, or zero where that index is
// outside of x; s.. are the first `shared` dimensions.  Operands: x, indices.
struct Gather {};

// The adjoint: result[s.., o.., v, n..] = sum of updates[s.., o.., i.., n..] over all i with indices[s.., i..] == v, in
// row-major order. Attributes `axis`, `shared`, `size` (of v).  Operands: indices, updates.
struct Scatter {};

// The results of another function of the module; attribute `callee`.
struct Call {};

// The results of a body function run once for each slice of the sequences (ir/scan.h); attribute `callee`.
struct Scan {};

// The gradient of a scalar with respect to values it was computed from; expanded by the autodiff pass.
struct Gradient {};

using Body = std::variant<Elementwise, Generate, Reduce, View, Contract, Gather, Scatter, Call, Scan, Gradient>;

}  // namespace tarn
