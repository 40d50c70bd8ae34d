// Reductions: accumulators in registers for all results of a tile, combined in an order fixed by the kernel's text.
#include <llvm/IR/Constants.h>

#include <algorithm>
#include <limits>

#include "codegen/target/cpu/emit/kernel_emitter.h"
#include "ir/base/check.h"

namespace tarn {

void KernelEmitter::emit_reduce(const ReduceLoop& loop) {
  if (loop.variables.empty()) {  // all its variables had one value
    emit_block(loop.body);
    for (const Point& point : points(&facts_.depends[loop.result])) {
      bool is_index = loop.kind == ReduceKind::ArgMax;
      remember(loop.result, point, is_index ? builder_.getInt32(0) : evaluate(loop.yield, point));
    }
    return;
  }
  Reduction reduction = start_reduction(loop);
  Values sums;
  if (partials_.loop == &loop) {
    auto* type = as_vector(code_.identity(loop.kind, reduction.dtype), reduction.lanes)->getType();
    for (size_t r = 0; r < reduction.results.size(); ++r) {
      sums.push_back(builder_.CreateAlignedLoad(type, partial_place(reduction, r),
                                                llvm::Align(static_cast<uint64_t>(partials_.bytes))));
    }
  } else {
    sums = run_reduction(reduction);
    if (loop.kind != ReduceKind::ArgMax) sums = joined(reduction, sums);
  }
  for (size_t r = 0; r < reduction.results.size(); ++r) {
    bool is_index = loop.kind == ReduceKind::ArgMax;
    remember(loop.result, reduction.results[r],
             is_index ? finish_arg_max(reduction, sums, r) : finish(reduction, sums[r]));
  }
}

KernelEmitter::Reduction KernelEmitter::start_reduction(const ReduceLoop& loop) {
  Reduction reduction;
  reduction.loop = &loop;
  reduction.results = points(&facts_.depends[loop.result]);
  TileShape tile;
  for (const TileDimension& dimension : dimensions_) tile.push_back({dimension.variable, dimension.copies});
  reduction.plan = &schedule_.reduction(loop.result, tile);
  reduction.dtype = kernel_.scalars[loop.yield];
  reduction.product = product_of(kernel_, facts_, loop);
  reduction.copies = 1;
  reduction.lanes = 1;
  int vector = vector_dimension();
  if (vector >= 0 && facts_.depends[loop.result][dimensions_[static_cast<size_t>(vector)].variable]) {
    reduction.lanes = dimensions_[static_cast<size_t>(vector)].lanes;
  }
  if (reduction.plan->inner) {
    for (const Segment& segment : reduction.plan->inner->segments) {
      reduction.copies = std::max(reduction.copies, segment.copies);
    }
    if (reduction.plan->inner->lanes > 1) reduction.lanes = reduction.plan->inner->lanes;
  }
  order_results(reduction);
  return reduction;
}

KernelEmitter::Values KernelEmitter::run_reduction(const Reduction& reduction) {
  const ReduceLoop& loop = *reduction.loop;
  std::vector<ScalarIndex> roots = {loop.yield};
  hoist(loop.body, roots, false);
  size_t count = reduction.results.size() * static_cast<size_t>(reduction.copies);
  Values sums(count, as_vector(code_.identity(loop.kind, reduction.dtype), reduction.lanes));
  if (loop.kind == ReduceKind::ArgMax) {
    Value* none = builder_.getInt32(static_cast<uint32_t>(std::numeric_limits<int32_t>::max()));
    sums.insert(sums.end(), count, as_vector(none, reduction.lanes));
  }
  return reduce_level(reduction, 0, sums);
}

llvm::Value* KernelEmitter::partial_place(const Reduction&, size_t result) {
  Value* tile = builder_.CreateMul(partials_.tile, i64(partials_.results * partials_.bytes));
  Value* place = builder_.CreateGEP(builder_.getInt8Ty(), partials_.memory, tile);
  return builder_.CreateGEP(builder_.getInt8Ty(), place, i64(static_cast<int64_t>(result) * partials_.bytes));
}

// Adds this block's sums of one tile to its partial sums.
void KernelEmitter::add_to_partials(const ReduceLoop& loop) {
  Scope scope(*this);
  Reduction reduction = start_reduction(loop);
  Values sums = joined(reduction, run_reduction(reduction));
  llvm::Align align(static_cast<uint64_t>(partials_.bytes));
  for (size_t r = 0; r < sums.size(); ++r) {
    Value* place = partial_place(reduction, r);
    Value* before = builder_.CreateAlignedLoad(sums[r]->getType(), place, align);
    builder_.CreateAlignedStore(code_.combine(loop.kind, before, sums[r], reduction.dtype), place, align);
  }
}

// All results that share what passes by come together.
void KernelEmitter::order_results(Reduction& reduction) const {
  if (!reduction.plan->held) return;
  auto depends = [&](int operand, size_t d) {
    return facts_.depends[reduction.product->operands[static_cast<size_t>(operand)]][dimensions_[d].variable];
  };
  int held = *reduction.plan->held;
  std::stable_sort(reduction.results.begin(), reduction.results.end(), [&](const Point& a, const Point& b) {
    Point streamed_a{}, streamed_b{};
    for (size_t d = 0; d < dimensions_.size(); ++d) {
      if (depends(held, d) && !depends(1 - held, d)) continue;
      streamed_a[d] = a[d];
      streamed_b[d] = b[d];
    }
    return streamed_a < streamed_b;
  });
}

KernelEmitter::Values KernelEmitter::reduce_level(const Reduction& reduction, size_t level, const Values& sums) {
  const ReducePlan& plan = *reduction.plan;
  if (level == plan.serial.size()) {
    if (plan.inner) return reduce_inner(reduction, sums);
    return reduce_step(reduction, sums, false);
  }
  VariableIndex variable = plan.serial[level];
  int64_t extent = kernel_.variables[variable].extent;
  bool is_innermost = level + 1 == plan.serial.size() && !plan.inner;
  bool is_block = partials_.begin && partials_.loop == reduction.loop && level == 0;
  int64_t unroll = is_innermost && !is_block ? std::min<int64_t>(plan.unroll, std::max<int64_t>(extent, 1)) : 1;
  auto body = [&](Index index, const Values& carried) {
    Scope scope(*this);
    bind_serial(variable, index);
    return reduce_level(reduction, level + 1, carried);
  };
  if (is_block) {
    auto step = [&](Value* i, const Values& carried) { return body({i, 0, 1}, carried); };
    return counted_loop(partials_.begin, partials_.end, sums, step, true);
  }
  Values result = counted_loop(i64(0), i64(extent / unroll), sums, [&](Value* i, const Values& carried) {
    Values inside = carried;
    Index index{nullptr, 0, 1};
    if (auto* number = llvm::dyn_cast<llvm::ConstantInt>(i)) {
      index.constant = number->getSExtValue() * unroll;
    } else {
      index.dynamic = unroll == 1 ? i : builder_.CreateMul(i, i64(unroll), "", true, true);
      index.multiple = unroll;
    }
    for (int64_t step = 0; step < unroll; ++step) {
      inside = body({index.dynamic, index.constant + step, index.multiple}, inside);
    }
    return inside;
  });
  for (int64_t i = extent / unroll * unroll; i < extent; ++i) result = body({nullptr, i, 1}, result);
  return result;
}

KernelEmitter::Values KernelEmitter::reduce_inner(const Reduction& reduction, const Values& sums) {
  const LoopPlan& loop = *reduction.plan->inner;
  Values result = sums;
  for (const Segment& segment : loop.segments) {
    result = counted_loop(i64(0), i64(segment.iterations), result, [&](Value* tile, const Values& carried) {
      Scope scope(*this);
      bind_segment(loop, segment, tile);
      return reduce_step(reduction, carried, true);
    });
  }
  return result;
}

// True where lanes of `variable` beyond the last are zero without a mask: they are loaded as zero.
bool KernelEmitter::is_zero_outside(ScalarIndex scalar, VariableIndex variable) const {
  if (!facts_.depends[scalar][variable]) return false;
  const Statement* definition = facts_.definition[scalar];
  if (std::holds_alternative<Load>(definition->node)) return true;
  const Compute* compute = std::get_if<Compute>(&definition->node);
  if (!compute || (compute->op != ScalarOp::Mul && compute->op != ScalarOp::Cast)) return false;
  return std::all_of(compute->operands.begin(), compute->operands.end(),
                     [&](ScalarIndex operand) { return is_zero_outside(operand, variable); });
}

// Adds the body's yield at every point to the accumulators.
KernelEmitter::Values KernelEmitter::reduce_step(const Reduction& reduction, Values sums, bool has_inner) {
  emit_block(reduction.loop->body);
  const Binding* inner = has_inner ? &bindings_[reduction.plan->inner->variable] : nullptr;
  bool is_tiled = inner && inner->kind == Binding::Tiled;
  int copies = is_tiled ? dimensions_[inner->dimension].copies : 1;
  bool needs_mask = reduction.loop->kind != ReduceKind::Sum ||
                    (has_inner && !is_zero_outside(reduction.loop->yield, reduction.plan->inner->variable));
  size_t count = reduction.results.size() * static_cast<size_t>(reduction.copies);
  for (size_t r = 0; r < reduction.results.size(); ++r) {
    for (int copy = 0; copy < copies; ++copy) {
      Point point = reduction.results[r];
      if (is_tiled) point[inner->dimension] = copy;
      size_t slot = r * static_cast<size_t>(reduction.copies) + static_cast<size_t>(copy);
      Value* mask = is_tiled ? active_mask(point, static_cast<int>(inner->dimension)) : nullptr;
      if (reduction.loop->kind == ReduceKind::ArgMax) {
        arg_max_step(reduction, sums, slot, count, point);
        continue;
      }
      Value* sum = combined(reduction, sums[slot], point);
      sums[slot] = mask && needs_mask ? builder_.CreateSelect(mask, sum, sums[slot]) : sum;
    }
  }
  return sums;
}

llvm::Value* KernelEmitter::combined(const Reduction& reduction, Value* sum, const Point& point) {
  if (reduction.product) {
    Value* a = as_vector(evaluate(reduction.product->operands[0], point), reduction.lanes);
    Value* b = as_vector(evaluate(reduction.product->operands[1], point), reduction.lanes);
    return code_.multiply_add(a, b, sum, reduction.dtype);
  }
  Value* value = as_vector(evaluate(reduction.loop->yield, point), reduction.lanes);
  return code_.combine(reduction.loop->kind, sum, value, reduction.dtype);
}

void KernelEmitter::arg_max_step(const Reduction& reduction, Values& sums, size_t slot, size_t count,
                                 const Point& point) {
  Value* value = as_vector(evaluate(reduction.loop->yield, point), reduction.lanes);
  Value* position = nullptr;
  for (VariableIndex variable : reduction.loop->variables) {
    Value* index = as_vector(read_index(variable, point), reduction.lanes);
    auto extent = static_cast<uint64_t>(kernel_.variables[variable].extent);
    Value* before = position ? builder_.CreateMul(position, llvm::ConstantInt::get(index->getType(), extent)) : nullptr;
    position = before ? builder_.CreateAdd(before, index) : index;
  }
  Value* is_better = code_.is_preferred(value, sums[slot], reduction.dtype);
  const Binding& binding = bindings_[reduction.loop->variables.back()];
  if (binding.kind == Binding::Tiled) {
    Value* mask = active_mask(point, static_cast<int>(binding.dimension));
    if (mask) is_better = builder_.CreateAnd(is_better, mask);
  }
  sums[slot] = builder_.CreateSelect(is_better, value, sums[slot]);
  sums[count + slot] = builder_.CreateSelect(is_better, position, sums[count + slot]);
}

namespace {

// Lanes [first, first + count) of a vector; a scalar where count is 1.
llvm::Value* part_of(llvm::IRBuilder<>& builder, llvm::Value* vector, int first, int count) {
  if (count == 1) return builder.CreateExtractElement(vector, static_cast<uint64_t>(first));
  std::vector<int> lanes;
  for (int lane = first; lane < first + count; ++lane) lanes.push_back(lane);
  return builder.CreateShuffleVector(vector, lanes);
}

}  // namespace

// The accumulators of each result added up, neighbours first.
KernelEmitter::Values KernelEmitter::joined(const Reduction& reduction, const Values& sums) {
  Values result;
  for (size_t r = 0; r < reduction.results.size(); ++r) {
    auto first = sums.begin() + static_cast<std::ptrdiff_t>(r) * reduction.copies;
    Values parts(first, first + reduction.copies);
    while (parts.size() > 1) {
      Values pairs;
      for (size_t i = 0; i + 1 < parts.size(); i += 2) {
        pairs.push_back(code_.combine(reduction.loop->kind, parts[i], parts[i + 1], reduction.dtype));
      }
      if (parts.size() % 2 == 1) pairs.push_back(parts.back());
      parts = std::move(pairs);
    }
    result.push_back(parts[0]);
  }
  return result;
}

// The lanes of one result added up, halves of the vector first.
llvm::Value* KernelEmitter::finish(const Reduction& reduction, Value* sum) {
  if (!reduction.plan->inner || reduction.plan->inner->lanes == 1) return sum;
  for (int half = reduction.lanes / 2; half >= 1; half /= 2) {
    sum = code_.combine(reduction.loop->kind, part_of(builder_, sum, 0, half), part_of(builder_, sum, half, half),
                        reduction.dtype);
  }
  return sum;
}

llvm::Value* KernelEmitter::finish_arg_max(const Reduction& reduction, const Values& sums, size_t result) {
  auto& b = builder_;
  size_t count = reduction.results.size() * static_cast<size_t>(reduction.copies);
  size_t slot = result * static_cast<size_t>(reduction.copies);
  Value *best = sums[slot], *position = sums[count + slot];
  auto merge = [&](Value* other, Value* other_position) {
    Value* is_better = code_.is_preferred(other, best, reduction.dtype);
    Value* is_tied = b.CreateNot(code_.is_preferred(best, other, reduction.dtype));  // or better
    Value* is_earlier = b.CreateAnd(is_tied, b.CreateICmpSLT(other_position, position));
    Value* take = b.CreateOr(is_better, is_earlier);
    best = b.CreateSelect(take, other, best);
    position = b.CreateSelect(take, other_position, position);
  };
  for (int copy = 1; copy < reduction.copies; ++copy) {
    merge(sums[slot + static_cast<size_t>(copy)], sums[count + slot + static_cast<size_t>(copy)]);
  }
  if (reduction.plan->inner && reduction.plan->inner->lanes > 1) {
    for (int half = reduction.lanes / 2; half >= 1; half /= 2) {
      Value *high = part_of(b, best, half, half), *high_position = part_of(b, position, half, half);
      best = part_of(b, best, 0, half);
      position = part_of(b, position, 0, half);
      merge(high, high_position);
    }
  }
  // Nothing was greater than the identity: all elements equal it, and the first is at 0.
  Value* none = llvm::ConstantInt::get(position->getType(), static_cast<uint64_t>(std::numeric_limits<int32_t>::max()));
  return b.CreateSelect(b.CreateICmpEQ(position, none), llvm::Constant::getNullValue(position->getType()), position);
}

}  // namespace tarn
