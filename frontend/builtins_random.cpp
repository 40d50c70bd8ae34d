// Random draws: first values of parameters (`normal(0, 1)`), and tensors that are new in every step
// (`normal[B, 16](0, 1)`, `random_like(x)`).
#include <fmt/format.h>

#include <cmath>

#include "frontend/evaluator.h"

namespace tarn {

static constexpr double kPi = 3.14159265358979323846;

// One of the draws of a layer or train block, numbered in the order of the text.
static Term draw_each_step(Evaluator& e, const BuiltinCall& call, const std::vector<Axis>& axes) {
  const std::string& path = call.frame->root->path;
  int number = ++e.emit.draws[path];
  ++e.emit.draw_count;
  std::string stream = join_path(path, number == 1 ? "random" : fmt::format("random.{}", number));
  return e.emit.random_uniform(axes, stream, false);
}

static Term run_random_like(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  if (!x.is_tensor() || x.weak) {
    e.session.error(call.span, fmt::format("`random_like` takes a tensor, but this is {}", describe(x)),
                    "type.mismatch");
    return {};
  }
  Term drawn = draw_each_step(e, call, x.axes);
  return is_float(x.dtype) ? e.emit.cast(drawn, x.dtype, call.span) : drawn;
}

// Uniform in [0, 1): of the sizes in `[..]`, or one for each entry of the parameter at hand.
static Term draw(Evaluator& e, BuiltinCall& call) {
  if (!call.statics) return e.draw_uniform(call.span);
  std::optional<std::vector<Axis>> axes = axes_in_brackets(e, call);
  return axes ? draw_each_step(e, call, *axes) : Term{};
}

// [0, w) and [-w, w) for a power of two w: a draw is a multiple of 2^-24, and the result one of w * 2^-24, exactly.
static bool is_exact_unit(const Term& low, const Term& high) {
  int exponent = 0;
  bool is_literal = low.is_number() && high.is_number();
  return is_literal && std::frexp(high.number(), &exponent) == 0.5 &&
         (low.number() == 0 || low.number() == -high.number());
}

static Term run_uniform(Evaluator& e, BuiltinCall& call) {
  Term drawn = draw(e, call);
  if (drawn.is_error()) return {};
  const Term &low = *call.args[0], &high = *call.args[1];
  Term width = e.emit.arithmetic("sub", "-", high, low, call.span);
  Term value = e.emit.arithmetic("add", "+", e.emit.arithmetic("mul", "*", drawn, width, call.span), low, call.span);
  if (value.is_error() || is_exact_unit(low, high)) return value;
  // The sum may round up to `high`, which is not drawn: then it is `low`, as in torch.Tensor.uniform_.
  return e.emit.select(e.emit.compare("ne", "!=", value, high, call.span), value, low, call.span);
}

// Box and Muller, "A note on the generation of random normal deviates", 1958; 1 - u lies in (0, 1].
static Term run_normal(Evaluator& e, BuiltinCall& call) {
  Term first = draw(e, call);
  if (first.is_error()) return {};
  Term second = draw(e, call);
  second.axes = first.axes;
  Term open = e.emit.arithmetic("sub", "-", real_term(1), first, call.span);
  Term square = e.emit.arithmetic("mul", "*", e.emit.unary("log", open, call.span), real_term(-2), call.span);
  Term angle = e.emit.arithmetic("mul", "*", second, real_term(2 * kPi), call.span);
  Term deviate = e.emit.arithmetic("mul", "*", e.emit.unary("sqrt", square, call.span),
                                   e.emit.unary("cos", angle, call.span), call.span);
  return e.emit.arithmetic("add", "+", e.emit.arithmetic("mul", "*", deviate, *call.args[1], call.span), *call.args[0],
                           call.span);
}

void add_random_builtins(std::vector<Builtin>& table) {
  table.push_back({"random_like", {{"x"}}, run_random_like, "uniform draws from [0, 1), new in every step"});
  table.push_back({"uniform", {{"low"}, {"high"}}, run_uniform, "draws from [low, high)", false, true, false});
  table.push_back({"normal", {{"mean"}, {"std"}}, run_normal, "draws from a normal distribution", false, true, false});
}

}  // namespace tarn
