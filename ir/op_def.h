// The record that defines an op.  One op is one file, ir/ops/<name>.cpp, and the list of ops is the list of files.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ir/attr.h"
#include "ir/base/result.h"
#include "ir/graph.h"
#include "ir/op_forms.h"

namespace tarn {

class Builder;

inline constexpr int kVariadic = -1;

enum class AttrKind : uint8_t { Bool, Int, Float, String, Ints };

struct AttrSpec {
  std::string_view name;
  AttrKind kind;
  std::string_view doc;
  bool is_optional = false;  // absent where it would say what goes without saying
};

struct ShapeArgs {
  std::span<const Type> inputs;
  const Attrs& attrs;
};
// The type of the result, or the violated rule (its label stands in the op's doc: C1, C2, ...).
using ShapeRule = Result<Type> (*)(const ShapeArgs&);

struct VjpArgs {
  Builder& b;  // emits after the forward op; everything emitted is again differentiable
  const Op& op;
  std::span<const ValueId> inputs;
  ValueId result;
  ValueId cotangent;               // d loss / d result, same type as the result
  const std::vector<bool>& needs;  // which inputs' gradients are asked for
};
// For each input d loss / d input, or nullopt where it is structurally zero or was not asked for.
using Gradients = std::vector<std::optional<ValueId>>;
using VjpRule = Gradients (*)(const VjpArgs&);

struct SampleInput {
  Type type;
  double lo = -2;  // inputs are drawn uniformly from [lo, hi]
  double hi = 2;
};

// One use of the op for the tests that run over the registry.
struct Sample {
  std::vector<SampleInput> inputs;
  Attrs attrs = {};
  std::vector<double> avoid = {};  // kinks: no input lies within 0.05 of these
};

struct Tolerance {
  // |target - interpreter| / max(1, |interpreter|); results of a 16-bit dtype may besides be the neighbour of the right
  // number (kNeighbour...), unless kExact is asked for.
  double forward_f32;
  double grad_f64;  // |vjp - central difference| / |vjp|, 2-norms over all elements, in f64 with h = 1e-5
};
// One step between numbers of [1, 2): a result computed in f32 can lie on the other side of the middle of two.
inline constexpr double kNeighbourF16 = 0x1p-10, kNeighbourBf16 = 0x1p-7;
inline constexpr double kExact = 0;             // the target must give the very number
inline constexpr double kOneRounding = 1.2e-7;  // one correctly rounded f32 operation: 2^-23
inline constexpr double kFunctionF32 = 5e-7;    // 4 ulp: what a target may lose in its own exp, log, tanh ...
// Central differences in f64: truncation h^2/6 |f'''| ~ 1e-10 and rounding 2^-53 |f| / h ~ 1e-11 for f of size 1 to 10.
// Largest errors measured over all ops, their samples and 5 seeds: 8e-10 (pow); of second order 2.4e-9 (log1p).
inline constexpr double kGradientF64 = 1e-8;
inline constexpr double kNoGradientCheck = -1;  // the derivative is by definition not that of the value

struct OpDef {
  std::string_view name;
  std::string_view summary;  // one line
  std::string_view doc;      // formula; constraints (C1) ... as the shape rule cites them
  std::string_view source;   // paper, specification or page that defines it
  int arity;                 // kVariadic where it varies
  std::vector<AttrSpec> attrs;
  ShapeRule shape;
  VjpRule vjp;  // nullptr: the result is not differentiable (integers, comparisons)
  Body body;
  // Facts that passes use; an op that does not state one has not got it.
  bool commutes = false;   // op(x, y) = op(y, x), to the last bit
  bool is_linear = false;  // elementwise, and op(x + x', y + y') = op(x, y) + op(x', y') but for roundings
  bool may_diverge;        // finite operands can give NaN or infinity
  Tolerance tolerance;
  std::vector<Sample> samples;
};

// All ops, sorted by name.
std::span<const OpDef* const> all_ops();
// nullptr if there is none.
const OpDef* find_op(std::string_view name);

}  // namespace tarn
