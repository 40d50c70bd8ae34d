// A product of two tensors summed over shared labels: matrix product, its transposes, batched, outer and inner
// products.
#include "ir/op_file.h"

#include <fmt/format.h>

#include "ir/accumulation.h"
#include "ir/contract_spec.h"

namespace tarn {

static Result<Type> contract_type(const ShapeArgs& args) {
  Result<ContractSpec> spec = parse_contract_spec(attr_string(args.attrs, "spec"));
  if (!spec) return spec.error();
  const Type &lhs = args.inputs[0], &rhs = args.inputs[1];
  for (int i = 0; i < 2; ++i) {
    const std::string& term = i == 0 ? spec->lhs : spec->rhs;
    if (term.size() == args.inputs[i].shape.size()) continue;
    return Error{fmt::format("operand {} is {}, but `{}` has {} labels", i, args.inputs[i].text(), term, term.size()),
                 "C3", i};
  }
  for (size_t d = 0; d < spec->rhs.size(); ++d) {
    if (rhs.shape[d] == label_size(*spec, spec->rhs[d], lhs.shape, rhs.shape)) continue;
    return Error{fmt::format("sizes of label `{}` differ: {} x {} by \"{}\"", spec->rhs[d], lhs.text(), rhs.text(),
                             spec->text()),
                 "C4", 1};
  }
  if (lhs.dtype != rhs.dtype || !is_float(lhs.dtype)) {
    return Error{fmt::format("operands are {} and {}, not of one float dtype", lhs.text(), rhs.text()), "C7"};
  }
  if (std::optional<Error> error = accumulation_error(args.attrs, lhs.dtype, "C8")) return *error;
  Type result{lhs.dtype, {}};
  for (char label : spec->result) result.shape.push_back(label_size(*spec, label, lhs.shape, rhs.shape));
  return result;
}

// With z = x,y->z: dx = dz,y->x and dy = x,dz->y.  Each label of x is in y or in z, so both are contracts again.
static Gradients contract_vjp(const VjpArgs& a) {
  ContractSpec spec = *parse_contract_spec(attr_string(a.op.attrs, "spec"));
  Gradients grads(2);
  if (a.needs[0]) {
    std::string back = spec.result + "," + spec.rhs + "->" + spec.lhs;
    grads[0] = a.b.op("contract", {a.cotangent, a.inputs[1]}, with_attr(a.op.attrs, "spec", back));
  }
  if (a.needs[1]) {
    std::string back = spec.lhs + "," + spec.result + "->" + spec.rhs;
    grads[1] = a.b.op("contract", {a.inputs[0], a.cotangent}, with_attr(a.op.attrs, "spec", back));
  }
  return grads;
}

static Sample contract_sample(std::string spec, Shape lhs, Shape rhs, Attrs attrs = {}, DType dtype = DType::F32) {
  attrs["spec"] = std::move(spec);
  return {{SampleInput{Type{dtype, std::move(lhs)}}, SampleInput{Type{dtype, std::move(rhs)}}}, std::move(attrs), {}};
}

extern const OpDef op_contract;
const OpDef op_contract{
    .name = "contract",
    .summary = "sum of products over shared labels (einsum of two)",
    .doc =
        "result[labels] = sum over the labels absent from the result of lhs[labels] * rhs[labels]; spec \"bk,kn->bn\" "
        "is a matrix product.\n"
        "(C1) spec is of the form \"bk,kn->bn\" with labels a-z.\n"
        "(C2) no label stands twice in one term (no diagonals).\n"
        "(C3) each term has one label for each dimension of its operand.\n"
        "(C4) a label has one size.\n"
        "(C5) each label of the result is in an operand.\n"
        "(C6) a label of only one operand is in the result (sum first).\n"
        "(C7) the operands share one dtype, a float.\n"
        "(C8) accumulate is a wider float than that.",
    .source = "https://numpy.org/doc/stable/reference/generated/numpy.einsum.html",
    .arity = 2,
    .attrs = {kAccumulateAttr, {"spec", AttrKind::String, "labels of lhs, rhs and result"}},
    .shape = contract_type,
    .vjp = &contract_vjp,
    .body = Contract{},
    .may_diverge = true,
    // 17 products below 4, one rounding each: 17 * 2^-24 * 17 * 4 / max(1, |sum|) in the worst order; 4e-6 measured
    // bound.
    .tolerance = {.forward_f32 = 4e-6, .grad_f64 = kGradientF64},
    .samples = {contract_sample("bk,kn->bn", {3, 5}, {5, 4}), contract_sample(",->", {}, {}),
                contract_sample("bk,kn->bn", {0, 4}, {4, 3}), contract_sample("bk,kn->bn", {3, 0}, {0, 2}),
                contract_sample("k,k->", {17}, {17}), contract_sample("m,n->nm", {3}, {5}),
                contract_sample("kb,nk->nb", {7, 3}, {2, 7}),
                contract_sample("btnk,bsnk->bnts", {2, 3, 2, 5}, {2, 1, 2, 5}),
                contract_sample("ab,ab->ab", {2, 3}, {2, 3}), contract_sample("a,->a", {3}, {}),
                contract_sample("bk,kn->bn", {3, 17}, {17, 5}, {{"accumulate", "f64"}}),
                contract_sample("bk,nk->bn", {17, 33}, {9, 33}, {{"accumulate", "f64"}}),
                contract_sample("bk,kn->bn", {9, 33}, {33, 35}, {}, DType::F16),
                contract_sample("kb,nk->bn", {17, 9}, {33, 17}, {}, DType::BF16),
                contract_sample("k,k->", {33}, {33}, {{"accumulate", "f64"}}, DType::F16)},
};

}  // namespace tarn
