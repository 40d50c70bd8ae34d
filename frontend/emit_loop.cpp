// Loops over time.  An iteration is emitted among the ops around it, with values that stand for carries and slices;
// when the loop is closed, what depends on these moves to a body function, and the rest, the same in each iteration,
// stays.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "frontend/emitter.h"
#include "ir/op_def.h"
#include "ir/scan.h"

namespace tarn {

Term Emitter::open_loop(const Axis& time, bool reverse, int64_t unroll) {
  Loop loop;
  loop.time = time;
  loop.reverse = reverse;
  loop.unroll = unroll;
  loop.first_op = func().ops.size();
  ValueId places =
      at().op("iota", {}, {{"axis", int64_t{0}}, {"dtype", std::string("i32")}, {"shape", Shape{time.size}}});
  loop.index = tensor(sequence_slice(loop, places), {});
  loops_.push_back(std::move(loop));
  return loops_.back().index;
}

Term Emitter::loop_carry(const std::string& name, const Term& initial) {
  Term value = initial;
  value.value = func().add_value(func().type(initial.value), name);
  loops_.back().carries.push_back({value, initial.value});
  return value;
}

bool Emitter::is_loop_index(const Term& x) const {
  return x.is_tensor() &&
         std::any_of(loops_.begin(), loops_.end(), [&](const Loop& loop) { return loop.index.value == x.value; });
}

Emitter::Loop& Emitter::loop_of(const Term& index) {
  return *std::find_if(loops_.begin(), loops_.end(), [&](const Loop& loop) { return loop.index.value == index.value; });
}

// Which values differ from one iteration to the next.
std::vector<bool> Emitter::varying_values(const Loop& loop) {
  std::vector<bool> varying(func().values.size(), false);
  for (const Loop::Carry& carry : loop.carries) varying[carry.value.value.index] = true;
  for (const Loop::Sequence& sequence : loop.sequences) varying[sequence.slice.index] = true;
  for (size_t i = loop.first_op; i < func().ops.size(); ++i) {
    const Op& op = func().ops[i];
    bool any = std::any_of(op.operands.begin(), op.operands.end(), [&](ValueId v) { return varying[v.index]; });
    for (ValueId result : op.results) varying[result.index] = any;
  }
  return varying;
}

ValueId Emitter::sequence_slice(Loop& loop, ValueId stack) {
  for (const Loop::Sequence& sequence : loop.sequences) {
    if (sequence.stack == stack) return sequence.slice;
  }
  Type type = slice_type(func().type(stack));
  ValueId slice = func().add_value(type, func().name_of(stack) + ".t");
  loop.sequences.push_back({stack, slice});
  return slice;
}

Term Emitter::loop_slice(const Term& x, size_t axis, const Term& index, Span span) {
  Loop& loop = loop_of(index);
  if (!loop.place) {
    loop.place = axis;
    loop.time.identity = x.axes[axis].identity;
  }
  if (varying_values(loop)[x.value.index]) return gather(x, index, axis, 0, span);
  std::vector<int64_t> order(x.axes.size());
  std::iota(order.begin(), order.end(), 0);
  std::rotate(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(axis),
              order.begin() + static_cast<std::ptrdiff_t>(axis) + 1);
  ValueId stack = axis == 0 ? x.value : at().op("transpose", {x.value}, {{"perm", order}});
  std::vector<Axis> axes = x.axes;
  axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(axis));
  return tensor(sequence_slice(loop, stack), axes, x.classes);
}

static std::string unused_name(const Module& module, const std::string& wanted) {
  std::string name = wanted;
  for (int i = 1; module.find(name); ++i) name = fmt::format("{}.{}", wanted, i);
  return name;
}

// A second function like the body @name, with bodies of its own.
static std::string copied_body(Module& module, const std::string& name) {
  Func body = *module.find(name);
  body.name = unused_name(module, name);
  std::string made = body.name;
  Func& added = module.funcs.emplace_back(std::move(body));
  for (Op& op : added.ops) {
    if (is_scan(op)) op.attrs["callee"] = copied_body(module, ScanParts(op).body);
  }
  return made;
}

// Copies iterations of one loop into another function.
class LoopCutter {
 public:
  LoopCutter(Emitter& emitter, const Emitter::Loop& loop, const std::vector<Term>& next,
             const std::vector<Term>& yields)
      : module_(emitter.module()),
        from_(emitter.func()),
        loop_(loop),
        next_(next),
        yields_(yields),
        end_op_(from_.ops.size()),
        varying_(emitter.varying_values(loop)),
        defining_(defining_ops(from_)) {
    body_.kind = FuncKind::Body;
    find_differentiated();
    for (const Emitter::Loop::Sequence& sequence : loop.sequences) {
      if (is_used(sequence.slice)) used_.push_back(sequence);
    }
  }

  Func& body() { return body_; }
  const std::vector<ValueId>& stacks() const { return stacks_; }
  const std::vector<ValueId>& constants() const { return constants_; }
  // Whether the value is in the body now.
  bool has_moved(ValueId value) const { return value.index < varying_.size() && varying_[value.index]; }

  // The body: `unroll` iterations one after another, their slices and outputs stacked.
  void run(Builder& outer) {
    for (const auto& carry : loop_.carries) {
      ValueId value = carry.value.value;
      carried_[value] = inner_.argument(from_.type(value), from_.name_of(value));
    }
    std::vector<ValueId> slices;
    for (const auto& sequence : used_) slices.push_back(sequence_argument(outer, sequence));
    std::vector<std::vector<ValueId>> outputs(yields_.size());
    for (int64_t k = 0; k < loop_.unroll; ++k) {
      moved_ = carried_;
      for (size_t i = 0; i < used_.size(); ++i) moved_[used_[i].slice] = part(slices[i], place_of(k));
      for (size_t i = loop_.first_op; i < end_op_; ++i) copy_op(from_.ops[i]);
      for (size_t c = 0; c < next_.size(); ++c) carried_[loop_.carries[c].value.value] = inside(next_[c].value);
      for (size_t y = 0; y < yields_.size(); ++y) outputs[y].push_back(inside(yields_[y].value));
    }
    for (const auto& carry : loop_.carries) add_result(carried_[carry.value.value], from_.name_of(carry.value.value));
    for (size_t y = 0; y < yields_.size(); ++y) add_result(joined(outputs[y]), from_.name_of(yields_[y].value));
  }

 private:
  bool is_used(ValueId slice) const {
    for (size_t i = loop_.first_op; i < from_.ops.size(); ++i) {
      const std::vector<ValueId>& operands = from_.ops[i].operands;
      if (std::find(operands.begin(), operands.end(), slice) != operands.end()) return true;
    }
    auto is_slice = [&](const Term& term) { return term.value == slice; };
    return std::any_of(next_.begin(), next_.end(), is_slice) || std::any_of(yields_.begin(), yields_.end(), is_slice);
  }

  // Where iteration k of a chunk has its slices and outputs.
  int64_t place_of(int64_t k) const { return loop_.reverse ? loop_.unroll - 1 - k : k; }

  ValueId sequence_argument(Builder& outer, const Emitter::Loop::Sequence& sequence) {
    Type type = from_.type(sequence.slice);
    Shape chunked = from_.type(sequence.stack).shape;
    if (loop_.unroll > 1) {
      chunked[0] /= loop_.unroll;
      chunked.insert(chunked.begin() + 1, loop_.unroll);
      type.shape.insert(type.shape.begin(), loop_.unroll);
    }
    stacks_.push_back(outer.reshape(sequence.stack, chunked));
    return inner_.argument(type, from_.name_of(sequence.slice));
  }

  void add_result(ValueId value, std::string name) {
    auto is_taken = [&](const FuncResult& result) { return result.name == name; };
    while (std::any_of(body_.results.begin(), body_.results.end(), is_taken)) name += ".y";
    inner_.result(value, name);
  }

  void copy_op(const Op& op) {
    if (!varying_[op.results[0].index]) return;
    std::vector<ValueId> operands;
    for (ValueId operand : op.operands) operands.push_back(inside(operand));
    std::vector<ValueId> results = inner_.copy(from_, op, std::move(operands)).results;
    for (size_t i = 0; i < results.size(); ++i) moved_[op.results[i]] = results[i];
  }

  // What a `grad` in the loop differentiates: values that depend on its targets, even where they are the same in each
  // iteration, are computed within.
  void find_differentiated() {
    std::vector<bool> is_target(from_.values.size(), false);
    for (size_t i = loop_.first_op; i < end_op_; ++i) {
      const Op& op = from_.ops[i];
      if (!std::holds_alternative<Gradient>(op.def->body) || !varying_[op.results[0].index]) continue;
      for (size_t t = 1; t < op.operands.size(); ++t) is_target[op.operands[t].index] = true;
    }
    differentiated_.assign(from_.values.size(), false);
    for (const Op& op : from_.ops) {
      bool any = std::any_of(op.operands.begin(), op.operands.end(),
                             [&](ValueId v) { return is_target[v.index] || differentiated_[v.index]; });
      for (ValueId result : op.results) differentiated_[result.index] = any;
    }
  }

  // What stands for the value in the body.  Constants and broadcasts are cheaper made than loaded.
  ValueId inside(ValueId value) {
    if (auto found = moved_.find(value); found != moved_.end()) return found->second;
    if (auto found = shared_.find(value); found != shared_.end()) return found->second;
    const Op* op = defining_[value.index] < 0 ? nullptr : &from_.ops[static_cast<size_t>(defining_[value.index])];
    bool is_free = op && (op->def->name == "broadcast" || op->def->name == "constant" || op->def->name == "iota");
    if (op && (is_free || differentiated_[value.index])) {
      std::vector<ValueId> operands;
      for (ValueId operand : op->operands) operands.push_back(inside(operand));
      Op copied = *op;
      if (is_scan(copied)) copied.attrs["callee"] = copied_body(module_, ScanParts(copied).body);
      const std::vector<ValueId> results = inner_.copy(from_, copied, std::move(operands)).results;
      for (size_t i = 0; i < results.size(); ++i) shared_[op->results[i]] = results[i];
      return shared_.at(value);
    }
    constants_.push_back(value);
    return shared_[value] = inner_.argument(from_.type(value), from_.name_of(value));
  }

  // Slice `place` of a chunk of slices.
  ValueId part(ValueId chunk, int64_t place) {
    if (loop_.unroll == 1) return chunk;
    Shape shape = body_.type(chunk).shape;
    Shape start(shape.size(), 0), limit = shape, stride(shape.size(), 1);
    start[0] = place;
    limit[0] = place + 1;
    ValueId slice = inner_.op("slice", {chunk}, {{"start", start}, {"limit", limit}, {"stride", stride}});
    return inner_.reshape(slice, Shape(shape.begin() + 1, shape.end()));
  }

  // The chunk of the outputs of all copies.
  ValueId joined(const std::vector<ValueId>& parts) {
    if (loop_.unroll == 1) return parts[0];
    ValueId sum;
    for (size_t k = 0; k < parts.size(); ++k) {
      int64_t place = place_of(static_cast<int64_t>(k));
      Shape shape = body_.type(parts[k]).shape;
      shape.insert(shape.begin(), 1);
      Shape low(shape.size(), 0), high(shape.size(), 0), interior(shape.size(), 0);
      low[0] = place;
      high[0] = loop_.unroll - 1 - place;
      ValueId one = inner_.reshape(parts[k], shape);
      ValueId padded = inner_.op("pad", {one}, {{"low", low}, {"high", high}, {"interior", interior}});
      const char* plus = body_.type(padded).dtype == DType::Bool ? "or" : "add";
      sum = sum.is_valid() ? inner_.op(plus, {sum, padded}) : padded;
    }
    return sum;
  }

  Module& module_;
  const Func& from_;
  const Emitter::Loop& loop_;
  const std::vector<Term>&next_, &yields_;
  size_t end_op_;
  std::vector<bool> varying_;
  std::vector<int> defining_;
  std::vector<bool> differentiated_;  // by a `grad` of an iteration
  std::vector<Emitter::Loop::Sequence> used_;
  std::vector<ValueId> stacks_;  // of these, as the scan takes them
  Func body_;
  Builder inner_{body_};
  std::map<ValueId, ValueId> carried_;  // the carries of the next iteration
  std::map<ValueId, ValueId> moved_;    // to the body, in the iteration at hand
  std::map<ValueId, ValueId> shared_;   // by all iterations
  std::vector<ValueId> constants_;
};

// The value outside takes over the name of what moved to the body.
static void take_name(Func& func, ValueId result, ValueId moved) {
  constexpr std::string_view kNoName = "moved";
  std::string name = func.name_of(moved);
  if (name == kNoName) return;
  func.claim_name(moved, kNoName);
  func.claim_name(result, name);
}

// Ops from the first of the loop on, without those that moved.
static void remove_moved(std::vector<Op>& ops, size_t first, const LoopCutter& cutter) {
  auto moved = std::remove_if(ops.begin() + static_cast<std::ptrdiff_t>(first), ops.end(),
                              [&](const Op& op) { return cutter.has_moved(op.results[0]); });
  ops.erase(moved, ops.end());
}

std::vector<Term> Emitter::close_loop(const std::vector<Term>& next, const std::vector<Term>& yields) {
  Loop loop = std::move(loops_.back());
  loops_.pop_back();
  LoopCutter cutter(*this, loop, next, yields);
  cutter.run(at());
  cutter.body().name = unused_name(module_, fmt::format("{}.{}", func().name, path.empty() ? "loop" : path + ".loop"));
  Func& body = module_.funcs.emplace_back(std::move(cutter.body()));
  remove_moved(func().ops, loop.first_op, cutter);
  std::vector<ValueId> initial;
  for (const Loop::Carry& carry : loop.carries) initial.push_back(carry.initial);
  int64_t length = loop.time.size / loop.unroll;
  std::vector<ValueId> results = at().scan(body, initial, cutter.stacks(), cutter.constants(), length, loop.reverse);
  std::vector<Term> terms;
  for (size_t c = 0; c < next.size(); ++c) {
    const Term& carry = loop.carries[c].value;
    take_name(func(), results[c], carry.value);
    terms.push_back(tensor(results[c], carry.axes, carry.classes));
  }
  for (size_t y = 0; y < yields.size(); ++y) {
    ValueId result = results[next.size() + y];
    if (cutter.has_moved(yields[y].value)) take_name(func(), result, yields[y].value);
    terms.push_back(stacked(loop, yields[y], result));
  }
  return terms;
}

// All outputs of a loop, whose axis stands where it stood in what the loop took apart, else after the batch.
Term Emitter::stacked(const Loop& loop, const Term& output, ValueId stack) {
  std::vector<Axis> axes = output.axes;
  axes.insert(axes.begin(), loop.time);
  Term result = tensor(at().reshape(stack, shape_of(axes)), axes, output.classes);
  bool leads_with_batch = !output.axes.empty() && output.axes[0].is_batch();
  size_t place = std::min(loop.place.value_or(leads_with_batch ? 1 : 0), output.axes.size());
  std::vector<int64_t> order(axes.size());
  std::iota(order.begin(), order.end(), 0);
  std::rotate(order.begin(), order.begin() + 1, order.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  return transpose(result, order);
}

}  // namespace tarn
