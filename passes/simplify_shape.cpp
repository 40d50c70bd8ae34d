// Rules on views, reductions and contracts.  Each is a line of math above a line of code; c is a constant.
#include <algorithm>

#include "ir/accumulation.h"
#include "ir/contract_spec.h"
#include "ir/interpret.h"
#include "ir/shape_rules.h"
#include "passes/simplify_match.h"

namespace tarn {

using Simpler = std::optional<ValueId>;

static Simpler simplify_broadcast(Match& m) {
  // broadcast x to its own shape = x
  if (m.type_of(0) == m.type) return m.x[0];
  // broadcast broadcast x = broadcast x
  if (auto inner = m.operand(0, "broadcast")) {
    std::vector<int64_t> dims = attr_ints(inner->attrs, "dims");
    for (int64_t& dim : dims) dim = m.ints("dims")[dim];
    return m.b.broadcast(inner->operands[0], m.type.shape, dims);
  }
  return std::nullopt;
}

static Simpler simplify_reshape(Match& m) {
  // reshape x to its own shape = x
  if (m.type_of(0) == m.type) return m.x[0];
  // reshape reshape x = reshape x
  if (auto inner = m.operand(0, "reshape")) return m.b.reshape(inner->operands[0], m.type.shape);
  return std::nullopt;
}

static Simpler simplify_transpose(Match& m) {
  // transpose by the identity = x
  if (std::is_sorted(m.ints("perm").begin(), m.ints("perm").end())) return m.x[0];
  // transpose transpose x = transpose x
  if (auto inner = m.operand(0, "transpose")) {
    std::vector<int64_t> perm = m.ints("perm");
    for (int64_t& from : perm) from = attr_ints(inner->attrs, "perm")[from];
    return m.b.op("transpose", {inner->operands[0]}, {{"perm", perm}});
  }
  return std::nullopt;
}

static Simpler simplify_view(Match& m) {
  // slice all of x = x, pad x by nothing = x
  bool is_forward = true;
  if (m.is("slice")) {
    const std::vector<int64_t>& stride = m.ints("stride");
    is_forward = std::all_of(stride.begin(), stride.end(), [](int64_t s) { return s > 0; });
  }
  if ((m.is("slice") || m.is("pad")) && m.type_of(0) == m.type && is_forward) return m.x[0];
  if (m.is("pad")) return std::nullopt;
  // a view of a constant is a constant
  if (auto c = m.constant(m.x[0])) return m.b.constant(*c, m.type);
  // a view of a repeated scalar is a repeated scalar
  auto repeated = m.operand(0, "broadcast");
  if (repeated && m.b.type(repeated->operands[0]).rank() == 0) {
    return m.b.broadcast(repeated->operands[0], m.type.shape, {});
  }
  if (m.is("broadcast")) return simplify_broadcast(m);
  if (m.is("reshape")) return simplify_reshape(m);
  if (m.is("transpose")) return simplify_transpose(m);
  return std::nullopt;
}

// sum over axes along which x was repeated n times = n x
static Simpler sum_of_repeated(Match& m) {
  auto broadcast = m.operand(0, "broadcast");
  if (!broadcast) return std::nullopt;
  const std::vector<int64_t>&axes = m.ints("axes"), &dims = attr_ints(broadcast->attrs, "dims");
  int64_t times = 1;
  for (int64_t axis : axes) {
    if (std::find(dims.begin(), dims.end(), axis) != dims.end()) return std::nullopt;
    times *= m.type_of(0).shape[axis];
  }
  // A 16-bit float might round n, or not hold it at all.
  if (to_dtype(static_cast<double>(times), m.type.dtype) != static_cast<double>(times)) return std::nullopt;
  std::vector<int64_t> kept = other_axes(m.type_of(0).rank(), axes), new_dims;
  for (int64_t dim : dims) new_dims.push_back(std::find(kept.begin(), kept.end(), dim) - kept.begin());
  ValueId x = broadcast->operands[0];
  ValueId scaled = m.b.mul(x, m.b.constant_like(x, static_cast<double>(times)));
  return m.b.broadcast(scaled, m.type.shape, new_dims);
}

// sum of sum = one sum, and so for max and min
static Simpler join_reductions(Match& m) {
  auto inner = m.operand(0, m.op.def->name);
  if (!inner) return std::nullopt;
  std::vector<int64_t> axes = attr_ints(inner->attrs, "axes");
  std::vector<int64_t> kept = other_axes(m.b.type(inner->operands[0]).rank(), axes);
  for (int64_t axis : m.ints("axes")) axes.push_back(kept[axis]);
  std::sort(axes.begin(), axes.end());
  return m.b.op(m.op.def->name, {inner->operands[0]},
                joined_accumulation(with_attr(m.op.attrs, "axes", axes), inner->attrs));
}

static Simpler simplify_reduce(Match& m) {
  if (m.is("argmax")) return std::nullopt;
  int64_t combined = 1;
  bool all_single = true;
  for (int64_t axis : m.ints("axes")) {
    combined *= m.type_of(0).shape[axis];
    all_single = all_single && m.type_of(0).shape[axis] == 1;
  }
  // a reduction over axes of size 1 is a reshape
  if (all_single) return m.b.reshape(m.x[0], m.type.shape);
  // sum of n times c = n c, max and min of c = c
  std::optional<double> c = m.constant(m.x[0]);
  if (c && m.is("sum") && is_float(m.type.dtype)) return m.b.constant(*c * static_cast<double>(combined), m.type);
  if (c && !m.is("sum") && !m.is("prod")) return m.b.constant(*c, m.type);
  if (m.is("sum") && is_float(m.type.dtype)) {
    if (Simpler scaled = sum_of_repeated(m)) return scaled;
  }
  return join_reductions(m);
}

// a contract of a transposed x is a contract of x with its labels permuted
static Simpler simplify_contract(Match& m) {
  ContractSpec spec = *parse_contract_spec(attr_string(m.op.attrs, "spec"));
  for (size_t side : {0, 1}) {
    auto transpose = m.operand(side, "transpose");
    if (!transpose) continue;
    std::string& term = side == 0 ? spec.lhs : spec.rhs;
    std::string permuted = term;
    const std::vector<int64_t>& perm = attr_ints(transpose->attrs, "perm");
    for (size_t d = 0; d < perm.size(); ++d) permuted[perm[d]] = term[d];
    term = permuted;
    std::vector<ValueId> operands = m.x;
    operands[side] = transpose->operands[0];
    return m.b.op("contract", operands, with_attr(m.op.attrs, "spec", spec.text()));
  }
  return std::nullopt;
}

Simpler simplify_shape(Match& m) {
  if (std::holds_alternative<View>(m.op.def->body)) return simplify_view(m);
  if (std::holds_alternative<Reduce>(m.op.def->body)) return simplify_reduce(m);
  if (std::holds_alternative<Contract>(m.op.def->body)) return simplify_contract(m);
  return std::nullopt;
}

}  // namespace tarn
