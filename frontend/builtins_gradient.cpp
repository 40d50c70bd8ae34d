// Gradients as values: grad, jvp, and parameters by their paths.
#include <fmt/format.h>

#include "frontend/evaluator.h"
#include "frontend/optimizer.h"
#include "frontend/reach.h"

namespace tarn {

static bool is_float_tensor(const Term& x) {
  return x.is_tensor() && is_float(x.dtype) && !x.weak;
}

static bool depends_on(Evaluator& e, const Term& y, const Term& x) {
  std::vector<bool> reach = gradient_reach(e.emit.module(), e.emit.func(), y.value);
  return x.value.index < reach.size() && reach[x.value.index];
}

static Term run_grad(Evaluator& e, BuiltinCall& call) {
  const Term &loss = *call.args[0], &x = *call.args[1];
  if (!is_float_tensor(loss) || !loss.axes.empty() || !is_float_tensor(x)) {
    e.session.error(call.span,
                    fmt::format("`grad(loss, x)` takes a scalar and a tensor of floats, but these are {} and {}",
                                describe(loss), describe(x)),
                    "grad.C1");
    return {};
  }
  if (!depends_on(e, loss, x)) {
    e.session.error(call.span, "the first argument of `grad` does not depend on the second", "grad.C2");
    return {};
  }
  return e.emit.like(x, e.emit.at().gradient(loss.value, {x.value})[0]);
}

// The derivative of y along v: d/du of the gradient of sum(u * y), which is linear in u, times v.
// J. Townsend, "A new trick for calculating Jacobian vector products", 2017.
static Term run_jvp(Evaluator& e, BuiltinCall& call) {
  const Term &y = *call.args[0], &x = *call.args[1], &v = *call.args[2];
  bool is_sound =
      is_float_tensor(y) && is_float_tensor(x) && is_float_tensor(v) && x.dtype == v.dtype && x.shape() == v.shape();
  if (!is_sound) {
    e.session.error(call.span,
                    fmt::format("`jvp(y, x, v)` takes tensors of floats, v like x, but these are {}, {} and {}",
                                describe(y), describe(x), describe(v)),
                    "grad.C1");
    return {};
  }
  if (!depends_on(e, y, x)) {
    e.session.error(call.span, "the first argument of `jvp` does not depend on the second", "grad.C2");
    return {};
  }
  Builder& b = e.emit.at();
  auto total = [&](ValueId value) {
    std::vector<int64_t> axes;
    for (size_t i = 0; i < b.type(value).shape.size(); ++i) axes.push_back(static_cast<int64_t>(i));
    return b.sum(value, axes);
  };
  ValueId u = b.constant_like(y.value, 1);
  ValueId back = b.gradient(total(b.mul(u, y.value)), {x.value})[0];
  return e.emit.like(y, b.gradient(total(b.mul(back, v.value)), {u})[0]);
}

// The value of a parameter or state before the step, by its path.
static Term run_param(Evaluator& e, BuiltinCall& call) {
  const Term& path = *call.args[0];
  if (path.kind != TermKind::Text) {
    e.session.error(call.span, fmt::format("`param` takes a path such as \"fc1.w\", but this is {}", describe(path)),
                    "type.mismatch");
    return {};
  }
  std::vector<std::string> paths;
  for (const std::string& known : e.session.param_order) {
    const ParamSpec& spec = e.session.params.at(known);
    if (spec.role == Role::Slot) continue;
    if (known == path.text) return e.emit.argument(known, spec.role, spec.dtype, spec.axes);
    paths.push_back(known);
  }
  // A layer that comes later in the text may have it: the search for parameters is run once more.
  if (e.missing_params) {
    *e.missing_params = true;
    return {};
  }
  report_empty_glob(e.session, path.text, paths, call.span);
  return {};
}

void add_gradient_builtins(std::vector<Builtin>& table) {
  table.push_back({"grad", {{"loss"}, {"x"}}, run_grad, "d loss / d x"});
  table.push_back({"jvp", {{"y"}, {"x"}, {"v"}}, run_jvp, "the derivative of y in x along v"});
  table.push_back({"param", {{"path", ArgKind::Static}}, run_param, "a parameter by its path"});
}

}  // namespace tarn
