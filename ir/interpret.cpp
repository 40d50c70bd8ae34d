// Functions op by op; calls and loops by running other functions.
#include "ir/interpret.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/base/check.h"
#include "ir/scan.h"

namespace tarn {

static Result<std::vector<Tensor>> run(const Module& module, const Func& func, std::vector<Tensor> args,
                                       const InterpretOptions& options, int depth);

// Slice `t` of a sequence.
static Tensor slice_at(const Tensor& sequence, int64_t t) {
  Tensor slice{slice_type(sequence.type), {}};
  auto begin = sequence.data.begin() + t * slice.type.elements();
  slice.data.assign(begin, begin + slice.type.elements());
  return slice;
}

static Result<std::vector<Tensor>> run_scan(const Module& module, const Func& func, const Op& op,
                                            const std::vector<Tensor>& values, const InterpretOptions& options,
                                            int depth) {
  ScanParts parts(op);
  const Func* body = module.find(parts.body);
  TARN_CHECK(body, "scan of unknown @{}", parts.body);
  std::vector<Tensor> results;
  for (size_t r = 0; r < op.results.size(); ++r) {
    const Type& type = func.type(op.results[r]);
    bool is_carry = r < parts.carries;
    results.push_back(is_carry ? values[op.operands[r].index]
                               : Tensor{type, std::vector<double>(static_cast<size_t>(type.elements()))});
  }
  for (int64_t step = 0; step < parts.length; ++step) {
    int64_t t = parts.reverse ? parts.length - 1 - step : step;
    std::vector<Tensor> args(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(parts.carries));
    for (size_t i = parts.carries; i < op.operands.size(); ++i) {
      const Tensor& operand = values[op.operands[i].index];
      args.push_back(parts.is_sequence(i) ? slice_at(operand, t) : operand);
    }
    Result<std::vector<Tensor>> made = run(module, *body, std::move(args), options, depth + 1);
    if (!made) return made;
    for (size_t r = 0; r < results.size(); ++r) {
      Tensor& one = (*made)[r];
      if (r < parts.carries) {
        results[r] = std::move(one);
      } else {
        std::copy(one.data.begin(), one.data.end(), results[r].data.begin() + t * one.type.elements());
      }
    }
  }
  return results;
}

static Result<std::vector<Tensor>> run_op(const Module& module, const Func& func, const Op& op,
                                          const std::vector<Tensor>& values, const InterpretOptions& options,
                                          int depth) {
  if (std::holds_alternative<Gradient>(op.def->body)) {
    return Error{fmt::format("@{} holds a `grad` that the autodiff pass has not expanded", func.name),
                 "interpret.grad"};
  }
  if (is_scan(op)) return run_scan(module, func, op, values, options, depth);
  if (std::holds_alternative<Call>(op.def->body)) {
    const Func* callee = module.find(attr_string(op.attrs, "callee"));
    TARN_CHECK(callee, "call of unknown @{}", attr_string(op.attrs, "callee"));
    std::vector<Tensor> args;
    for (ValueId operand : op.operands) args.push_back(values[operand.index]);
    return run(module, *callee, std::move(args), options, depth + 1);
  }
  std::vector<const Tensor*> operands;
  for (ValueId operand : op.operands) operands.push_back(&values[operand.index]);
  std::vector<Tensor> results;
  results.push_back(evaluate(*op.def, op.attrs, func.type(op.result()), operands, options));
  return results;
}

static Result<std::vector<Tensor>> run(const Module& module, const Func& func, std::vector<Tensor> args,
                                       const InterpretOptions& options, int depth) {
  constexpr int kMaxDepth = 100;
  if (depth > kMaxDepth) return Error{fmt::format("calls nest deeper than {}", kMaxDepth), "interpret.depth"};
  std::vector<Tensor> values(func.values.size());
  for (size_t i = 0; i < args.size(); ++i) {
    for (double& element : args[i].data) element = to_dtype(element, args[i].type.dtype, options);
    values[func.args[i].value.index] = std::move(args[i]);
  }
  std::vector<int> readers = use_counts(func);
  for (const Op& op : func.ops) {
    Result<std::vector<Tensor>> results = run_op(module, func, op, values, options, depth);
    if (!results) return results;
    for (size_t i = 0; i < op.results.size(); ++i) values[op.results[i].index] = std::move((*results)[i]);
    for (ValueId operand : op.operands) {
      if (--readers[operand.index] == 0) values[operand.index] = {};  // frees memory after the last use
    }
  }
  std::vector<Tensor> results;
  for (const FuncResult& result : func.results) results.push_back(values[result.value.index]);
  return results;
}

Result<std::vector<Tensor>> interpret_op(const Module& module, const Func& func, const Op& op,
                                         const std::vector<Tensor>& values, const InterpretOptions& options) {
  return run_op(module, func, op, values, options, 0);
}

Result<std::vector<Tensor>> interpret(const Module& module, const Func& func, std::vector<Tensor> args,
                                      const InterpretOptions& options) {
  if (args.size() != func.args.size()) {
    return Error{fmt::format("@{} takes {} arguments, but {} are given", func.name, func.args.size(), args.size()),
                 "interpret.args"};
  }
  for (size_t i = 0; i < args.size(); ++i) {
    const Type& wanted = func.type(func.args[i].value);
    if (args[i].type == wanted && static_cast<int64_t>(args[i].data.size()) == wanted.elements()) continue;
    return Error{
        fmt::format("argument `{}` of @{} is {}, but {} with {} numbers is given", func.name_of(func.args[i].value),
                    func.name, wanted.text(), args[i].type.text(), args[i].data.size()),
        "interpret.args", static_cast<int>(i)};
  }
  return run(module, func, std::move(args), options, 0);
}

}  // namespace tarn
