// Gradients by autodiff against central differences of the loss.
#include "driver/gradient_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>

#include "driver/loss_function.h"
#include "ir/builder.h"
#include "ir/entry.h"
#include "ir/interpret.h"
#include "ir/op_def.h"
#include "passes/pipeline.h"

namespace tarn {

namespace {

PipelineResult run_pass(Module& module, std::string name) {
  PipelineOptions options;
  options.passes = {std::move(name)};
  return run_pipeline(module, options);
}

// h of (f(p + h v) - f(p - h v)) / 2h; |v| = 1.  A kink (relu, abs, max) that lies between the two points spoils the
// difference, and among a million elements one often does, but not for all smaller h; a wrong gradient stays wrong.
constexpr double kSteps[] = {1e-5, 1e-6, 1e-7};
constexpr int kDirections = 3;
constexpr double kRoundings = 64;  // of one loss, in units of its last place: sums over rows and layers, generously

// train_step cut at a `grad`: the same arguments; results are the loss and each gradient that was asked for.
struct GradientFunction {
  Module module;
  std::vector<ValueId> targets;  // values of @gradients that have a gradient, in order of its results after the loss
};

// The gradients that the optimizer reads, in the order of the losses: of each parameter the last one that is taken, for
// the model's own gradients come before.
std::vector<const Op*> optimizers_gradients(const Func& step) {
  std::set<ValueId> open;  // parameters whose gradient is not found yet
  for (const Argument& arg : step.args) {
    if (arg.role == Role::Param) open.insert(arg.value);
  }
  std::vector<const Op*> found;
  for (auto op = step.ops.rbegin(); op != step.ops.rend(); ++op) {
    if (!std::holds_alternative<Gradient>(op->def->body)) continue;
    size_t still_open = open.size();
    for (size_t i = 1; i < op->operands.size(); ++i) open.erase(op->operands[i]);
    if (open.size() != still_open) found.push_back(&*op);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

Result<GradientFunction> gradient_function(const Module& source, const Op* gradient) {
  const Func* step = find_entry(source, EntryPoint::TrainStep);
  GradientFunction made;
  made.module.name = source.name;
  Func& func = made.module.funcs.emplace_back();
  func.name = "gradients";
  func.kind = FuncKind::Entry;
  Builder builder(func);
  std::map<ValueId, ValueId> mapped;
  for (const Argument& arg : step->args) {
    mapped[arg.value] = builder.argument(step->type(arg.value), step->name_of(arg.value), arg.role, arg.initial);
  }
  for (const Op* op = step->ops.data(); op != gradient + 1; ++op) {
    std::vector<ValueId> operands;
    for (ValueId operand : op->operands) operands.push_back(mapped.at(operand));
    builder.set_location(op->location);
    const Op& copied = builder.copy(*step, *op, std::move(operands));
    for (size_t r = 0; r < op->results.size(); ++r) mapped[op->results[r]] = copied.results[r];
  }
  builder.result(mapped.at(gradient->operands[0]), "loss", Role::Loss);
  for (size_t i = 0; i < gradient->results.size(); ++i) {
    made.targets.push_back(mapped.at(gradient->operands[i + 1]));
    builder.result(mapped.at(gradient->results[i]), fmt::format("d.{}", i), Role::Output);
  }
  for (const Func& body : source.funcs) {  // of the loops before the gradient, and others, which do no harm
    if (body.kind == FuncKind::Body) made.module.funcs.push_back(body);
  }
  PipelineResult result = run_pass(made.module, "autodiff");
  if (!result.ok()) return result.errors.front();
  return made;
}

// Class counts by input name, from the records of the data.
int64_t classes_of(const Module& module, const std::string& input) {
  const Record* record = module.find_record("input", input);
  if (!record) return 0;
  auto found = record->attrs.find("classes");
  const int64_t* held = found == record->attrs.end() ? nullptr : std::get_if<int64_t>(&found->second);
  return held ? *held : 0;
}

// A made-up batch and the settings of a first step.
Tensor made_up(const Module& source, const Func& step, const Argument& arg, uint64_t seed, std::mt19937_64& random) {
  const Type& type = step.type(arg.value);
  Tensor tensor{type, std::vector<double>(static_cast<size_t>(type.elements()), 0.0)};
  switch (arg.role) {
    case Role::Hyper:
      tensor.data.assign(1, arg.initial);
      break;
    case Role::Seed:
      tensor.data.assign(1, static_cast<double>(seed));
      break;
    case Role::TotalSteps:
      tensor.data.assign(1, 1000);
      break;
    case Role::Input: {
      int64_t classes = classes_of(source, step.name_of(arg.value));
      std::uniform_real_distribution<double> uniform(0, 1);
      for (double& value : tensor.data) {
        double drawn = uniform(random);
        if (classes > 0)
          value = std::floor(drawn * static_cast<double>(classes));
        else if (type.dtype == DType::U8)
          value = std::floor(drawn * 256);
        else if (type.dtype == DType::Bool)
          value = drawn < 0.5;
        else if (!is_float(type.dtype))
          value = std::floor(drawn * 10);
        else
          value = drawn * 2 - 1;
      }
      break;
    }
    case Role::Count:
      tensor.data.assign(1, static_cast<double>(batch_of(source).value_or(1)));
      break;
    case Role::Param:
    case Role::State:
    case Role::Slot:
    case Role::Step:
    case Role::Epoch:
    case Role::Loss:
    case Role::Metric:
    case Role::Output:
    case Role::None:
      break;
  }
  return tensor;
}

Result<std::vector<Tensor>> make_arguments(const Module& source, const Func& step, uint64_t seed,
                                           std::mt19937_64& random) {
  std::map<std::string, Tensor> initial;
  if (const Func* init = find_entry(source, EntryPoint::Init)) {
    std::vector<Tensor> args;
    for (const Argument& arg : init->args) args.push_back(made_up(source, *init, arg, seed, random));
    Result<std::vector<Tensor>> results = interpret(source, *init, std::move(args));
    if (!results) return results.error();
    for (size_t i = 0; i < results->size(); ++i) initial[init->results[i].name] = std::move((*results)[i]);
  }
  std::vector<Tensor> args;
  for (const Argument& arg : step.args) {
    auto found = initial.find(step.name_of(arg.value));
    args.push_back(found != initial.end() ? found->second : made_up(source, step, arg, seed, random));
  }
  return args;
}

std::vector<double> random_direction(size_t size, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::vector<double> direction(size);
  double square = 0;
  for (double& value : direction) {
    value = normal(random);
    square += value * value;
  }
  for (double& value : direction) value /= std::sqrt(square);
  return direction;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// The central difference of the loss along `direction` of argument number `position`.
Result<double> slope_along(LossFunction& loss_function, size_t position, const Tensor& at,
                           const std::vector<double>& direction, double h) {
  double losses[2];
  for (int side : {0, 1}) {
    Tensor moved = at;
    for (size_t i = 0; i < direction.size(); ++i) moved.data[i] += (side == 0 ? h : -h) * direction[i];
    Result<double> loss = loss_function.at(position, std::move(moved));
    if (!loss) return loss.error();
    losses[side] = *loss;
  }
  return (losses[0] - losses[1]) / (2 * h);
}

}  // namespace

// Checks the gradients of one loss.
static std::optional<Error> check_loss(const Module& module, const Op* gradient, uint64_t seed,
                                       std::vector<GradientCheck>& checks) {
  Result<GradientFunction> made = gradient_function(module, gradient);
  if (!made) return made.error();
  const Func& step = *find_entry(module, EntryPoint::TrainStep);
  const Func& gradients = *made->module.find("gradients");
  std::mt19937_64 random(seed);
  Result<std::vector<Tensor>> args = make_arguments(module, step, seed, random);
  if (!args) return args.error();
  Result<std::vector<Tensor>> exact = interpret(made->module, gradients, *args, kAllDigits);
  if (!exact) return exact.error();
  // The loss alone, for the differences: its gradients need not be computed again and again.
  Module loss_only = made->module;
  loss_only.funcs[0].results.resize(1);
  if (PipelineResult result = run_pass(loss_only, "dce"); !result.ok()) return result.errors.front();

  Result<LossFunction> loss_function = LossFunction::make(loss_only, loss_only.funcs[0], *args);
  if (!loss_function) return loss_function.error();

  for (size_t t = 0; t < made->targets.size(); ++t) {
    size_t position = 0;
    while (gradients.args[position].value != made->targets[t] && position + 1 < gradients.args.size()) ++position;
    if (gradients.args[position].value != made->targets[t]) continue;  // a target that is no argument
    const std::vector<double>& gradient = (*exact)[t + 1].data;
    GradientCheck check{gradients.name_of(made->targets[t]), std::sqrt(dot(gradient, gradient))};
    for (int n = 0; n < kDirections && !gradient.empty(); ++n) {
      std::vector<double> direction = random_direction(gradient.size(), random);
      double analytic = dot(gradient, direction);
      // A random direction sees about |gradient| / sqrt(size) of it; the error is judged against that, so that a
      // direction that happens to be orthogonal does not blow it up.
      double scale = std::max(std::abs(analytic), check.norm / std::sqrt(static_cast<double>(gradient.size())));
      scale = std::max(scale, 1e-300);
      double least = std::numeric_limits<double>::infinity();  // relative error over the steps
      bool agrees = false;
      for (double h : kSteps) {
        Result<double> slope = slope_along(*loss_function, position, (*args)[position], direction, h);
        if (!slope) return slope.error();
        // What rounding of the two losses alone can make of their difference: a gradient that is zero by symmetry (a
        // bias before batch norm, say) shows no more than this.
        double noise = kRoundings * std::numeric_limits<double>::epsilon() * std::abs((*exact)[0].data[0]) / h;
        double difference = std::abs(*slope - analytic);
        agrees = difference - noise <= kGradientTolerance * scale;  // false for NaN
        // A difference within the noise says nothing relative to a gradient that is smaller still.
        least = std::min(least, difference > noise || scale > noise ? difference / scale : 0);
        if (agrees) break;
      }
      check.agrees = check.agrees && agrees;
      check.relative_error = std::max(check.relative_error, least);
      ++check.directions;
    }
    checks.push_back(std::move(check));
  }
  return std::nullopt;
}

Result<std::vector<GradientCheck>> check_gradients(const Module& module, uint64_t seed) {
  const Func* step = find_entry(module, EntryPoint::TrainStep);
  if (!step) return Error{"the model has no `train` block, so there is no loss to differentiate", "check.train"};
  std::vector<GradientCheck> checks;
  std::vector<const Op*> gradients = optimizers_gradients(*step);
  if (gradients.empty()) return Error{"the model computes no gradient", "check.gradient"};
  for (const Op* gradient : gradients) {
    if (std::optional<Error> error = check_loss(module, gradient, seed, checks)) return *error;
  }
  return checks;
}

}  // namespace tarn
