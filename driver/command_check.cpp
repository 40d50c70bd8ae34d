// tarn check: diagnostics only; with --gradients the model's gradients against finite differences.
#include <fmt/format.h>

#include "driver/compilation.h"
#include "driver/gradient_check.h"
#include "driver/options.h"

namespace tarn {

// A gradient's formula is the same for any number of rows, and the interpreter is slow: few are enough.
constexpr int64_t kCheckedRows = 4;

static std::optional<Module> with_few_rows(Compilation& compilation, const CheckOptions& options,
                                           const Module& module) {
  if (options.compile.batch || batch_of(module).value_or(0) <= kCheckedRows) return std::nullopt;
  return compilation.load_at_batch(kCheckedRows);
}

static void report(Compilation& compilation, const std::vector<GradientCheck>& checks) {
  size_t width = 9;
  for (const GradientCheck& check : checks) width = std::max(width, check.parameter.size());
  fmt::print("{:<{}}  {:>12}  {:>14}\n", "parameter", width, "|gradient|", "relative error");
  for (const GradientCheck& check : checks) {
    fmt::print("{:<{}}  {:12.4e}  {:14.2e}  {}\n", check.parameter, width, check.norm, check.relative_error,
               check.agrees ? "ok" : "WRONG");
    if (!check.agrees) {
      compilation.error(
          fmt::format("the gradient of `{}` differs from finite differences by {:.2e} relative, more than {:.0e}; "
                      "a kink (relu, abs, max) near a parameter does this too: try another --seed",
                      check.parameter, check.relative_error, kGradientTolerance),
          "check.gradient");
    }
  }
}

int run_check(const CheckOptions& options) {
  Compilation compilation(options.compile);
  std::optional<Module> module = compilation.load();
  if (!module) return compilation.finish();
  if (options.gradients) {
    std::optional<Module> small = with_few_rows(compilation, options, *module);
    Result<std::vector<GradientCheck>> checks = check_gradients(small ? *small : *module, options.seed);
    if (checks)
      report(compilation, *checks);
    else
      compilation.error(checks.error());
  }
  if (!compilation.sink().has_errors()) compilation.run_passes(*module);
  return compilation.finish();
}

}  // namespace tarn
