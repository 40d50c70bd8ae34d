// Every op on each of its samples, as machine code of each processor level, within the tolerance that its file states.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "codegen/program/build_program.h"
#include "ir/builder.h"
#include "passes/pipeline.h"
#include "tests/codegen_cpu/run_kernel.h"
#include "tests/gradient_check.h"
#include "tests/graphs/machine_code.h"

namespace tarn {
namespace {

double tolerance_of(const OpDef& op, DType result) {
  double exact = op.tolerance.forward_f32;
  if (exact == kExact || !is_half(result)) return exact;
  return exact + (result == DType::F16 ? kNeighbourF16 : kNeighbourBf16);
}

// The results of the module's one function on `args`, compiled.
std::vector<Tensor> compiled_results(const Module& plain, const std::string& cpu, const std::vector<Tensor>& args) {
  Module planned = plain;
  planned.records.push_back({"model", planned.name, {{"batch", int64_t{1}}}});
  REQUIRE(run_pipeline(planned).ok());
  Result<Program> program = build_program(planned);
  REQUIRE(program);
  for (ProgramEntry& entry : program->entries) entry.name = "train_step";
  TargetOptions options;
  options.cpu = cpu;
  options.opt_level = 0;
  Result<std::unique_ptr<JitProgram>> code = testing::compile_program(*program, options);
  REQUIRE(code);
  return run_machine_code(*program, **code, plain.funcs[0], args, 1);
}

// hi * 2^32 + lo of two arguments: a 64-bit integer out of numbers that f64 holds.
ValueId joined(Builder& b, const std::string& name) {
  Type type{DType::I64, {}};
  ValueId high = b.argument(type, name + ".high", Role::Input), low = b.argument(type, name + ".low", Role::Input);
  return b.add(b.mul(high, b.constant(0x1p32, type)), low);
}

int64_t floor_div(int64_t x, int64_t y) {
  if (y == -1) return static_cast<int64_t>(0 - static_cast<uint64_t>(x));
  int64_t quotient = x / y;
  return quotient - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0);
}

}  // namespace

TEST_CASE("64-bit integers are divided as such, not as f64") {
  Module module;
  module.name = "division";
  Func& func = module.funcs.emplace_back();
  func.name = "f";
  Builder b(func);
  ValueId x = joined(b, "x"), quotient = b.op("floor_div", {x, joined(b, "y")});
  ValueId part = b.constant(0x1p32, {DType::I64, {}}), high = b.op("floor_div", {quotient, part});
  b.result(high, "high", Role::Output);
  b.result(b.sub(quotient, b.mul(high, part)), "low", Role::Output);
  std::pair<int64_t, int64_t> pairs[] = {{9007199254740993, 3}, {INT64_MAX, -1},        {INT64_MIN, -1},
                                         {INT64_MAX, 2},        {-9007199254740993, 2}, {INT64_MIN, 3},
                                         {7, INT64_MIN},        {INT64_MIN, INT64_MAX}};
  for (auto [dividend, divisor] : pairs) {
    std::vector<Tensor> args;
    for (int64_t value : {dividend, divisor}) {
      int64_t low = value & 0xFFFFFFFF;
      for (int64_t number : {(value - low) / (int64_t{1} << 32), low})
        args.push_back({{DType::I64, {}}, {static_cast<double>(number)}});
    }
    int64_t wanted = floor_div(dividend, divisor), wanted_low = wanted & 0xFFFFFFFF;
    for (const std::string& cpu : testing::runnable_cpus()) {
      std::vector<Tensor> found = compiled_results(module, cpu, args);
      CHECK(found[0].data[0] == static_cast<double>((wanted - wanted_low) / (int64_t{1} << 32)));
      CHECK(found[1].data[0] == static_cast<double>(wanted_low));
    }
  }
}

TEST_CASE("every op's machine code gives what the interpreter gives on its samples") {
  for (const OpDef* op : all_ops()) {
    for (size_t s = 0; s < op->samples.size(); ++s) {
      Module module = module_of(*op, op->samples[s]);
      std::mt19937_64 random(11 + s);
      std::vector<Tensor> args = draw(op->samples[s], random);
      Result<std::vector<Tensor>> expected = interpret(module, module.funcs[0], args);
      REQUIRE(expected);
      double tolerance = tolerance_of(*op, (*expected)[0].type.dtype);
      for (const std::string& cpu : testing::runnable_cpus()) {
        Tensor found = compiled_results(module, cpu, args)[0];
        double error = 0;
        for (size_t i = 0; i < found.data.size(); ++i) {
          double wanted = (*expected)[0].data[i];
          error = std::max(error, std::fabs(found.data[i] - wanted) / std::max(1.0, std::fabs(wanted)));
        }
        CHECK_MESSAGE(error <= tolerance, fmt::format("{} on sample {} for {}: off by {}", op->name, s, cpu, error));
      }
    }
  }
}

}  // namespace tarn
