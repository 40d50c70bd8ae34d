// Loops of a kernel: counted loops with carried values, nests in tiles, the range of tasks of one thread.
#include <llvm/IR/Constants.h>

#include "codegen/target/cpu/emit/kernel_emitter.h"
#include "ir/base/check.h"

namespace tarn {

// Runs body(index, carried) for index in begin..end-1.  Constant bounds: no loop for fewer than two iterations.
// Other bounds may be empty, and carry nothing.
KernelEmitter::Values KernelEmitter::counted_loop(Value* begin, Value* end, const Values& carried, const LoopBody& body,
                                                  bool is_nonempty) {
  auto* first = llvm::dyn_cast<llvm::ConstantInt>(begin);
  auto* last = llvm::dyn_cast<llvm::ConstantInt>(end);
  bool is_static = first && last;
  if (is_static) {
    int64_t count = last->getSExtValue() - first->getSExtValue();
    if (count <= 0) return carried;
    if (count == 1) return body(begin, carried);
  }
  is_nonempty |= is_static;
  TARN_CHECK(is_nonempty || carried.empty(), "a loop of unknown length carries values");
  llvm::LLVMContext& context = module_.getContext();
  auto* before = builder_.GetInsertBlock();
  auto* loop = llvm::BasicBlock::Create(context, "loop", function_);
  auto* after = llvm::BasicBlock::Create(context, "after", function_);
  if (is_nonempty) {
    builder_.CreateBr(loop);
  } else {
    builder_.CreateCondBr(builder_.CreateICmpSLT(begin, end), loop, after);
  }
  builder_.SetInsertPoint(loop);
  llvm::PHINode* index = builder_.CreatePHI(builder_.getInt64Ty(), 2, "i");
  index->addIncoming(begin, before);
  std::vector<llvm::PHINode*> phis;
  Values inside;
  for (Value* value : carried) {
    phis.push_back(builder_.CreatePHI(value->getType(), 2));
    phis.back()->addIncoming(value, before);
    inside.push_back(phis.back());
  }
  Values result = body(index, inside);
  Value* next = builder_.CreateAdd(index, i64(1), "", true, true);
  builder_.CreateCondBr(builder_.CreateICmpNE(next, end), loop, after);
  auto* latch = builder_.GetInsertBlock();
  index->addIncoming(next, latch);
  for (size_t i = 0; i < phis.size(); ++i) phis[i]->addIncoming(result[i], latch);
  builder_.SetInsertPoint(after);
  return result;
}

void KernelEmitter::bind_serial(VariableIndex variable, Index index) {
  bindings_[variable] = {Binding::Serial, index, 0};
  binding_log_.push_back(variable);
}

void KernelEmitter::bind_tile(const LoopPlan& loop, const Segment& segment, Index base) {
  if (loop.lanes == 1 && segment.copies == 1) {
    bind_serial(loop.variable, base);
    return;
  }
  TARN_CHECK(dimensions_.size() < kMaxDimensions, "@{} nests too many tiles", kernel_.name);
  bindings_[loop.variable] = {Binding::Tiled, {}, dimensions_.size()};
  binding_log_.push_back(loop.variable);
  dimensions_.push_back({loop.variable, loop.lanes, segment.copies, segment.last_lanes, base});
}

// Binds the loop's variable to tile number `tile` of the segment.
void KernelEmitter::bind_segment(const LoopPlan& loop, const Segment& segment, Value* tile) {
  int64_t step = int64_t{segment.copies} * loop.lanes;
  Index base{nullptr, segment.start, 1};
  if (auto* number = llvm::dyn_cast<llvm::ConstantInt>(tile)) {
    base.constant += number->getSExtValue() * step;
  } else {
    base.dynamic = step == 1 ? tile : builder_.CreateMul(tile, i64(step), "", true, true);
    base.multiple = step;
  }
  bind_tile(loop, segment, base);
}

// The tasks of this call of the function: its second and third argument.
KernelEmitter::TaskRange KernelEmitter::task_range() {
  TaskRange range{function_->getArg(1), function_->getArg(2)};
  if (schedule_.threads.levels == 2) {
    Value* inner = i64(schedule_.threads.inner_tasks);
    range.first_outer = builder_.CreateUDiv(range.begin, inner);
    range.last_outer = builder_.CreateUDiv(builder_.CreateSub(range.end, i64(1)), inner);
  }
  return range;
}

void KernelEmitter::emit_nest(const ForLoop& loop, const TaskRange* range) {
  const NestPlan& plan = schedule_.nests.at(loop.variable);
  const Block& body = *perfect_nest(loop).body;
  panel_ = nullptr;
  if (plan.block) {
    std::vector<TileRange> groups;
    emit_groups(plan, body, range, nullptr, groups);
  } else {
    emit_level(plan, body, 0, range, nullptr, nullptr);
  }
}

// What of a level the thread runs.
KernelEmitter::TileRange KernelEmitter::share_of(const TaskRange* range, size_t level, Value* outer_task) {
  auto& b = builder_;
  const ThreadPlan& threads = schedule_.threads;
  if (!range || level < threads.first_level) return {};
  level -= threads.first_level;
  if (level >= static_cast<size_t>(threads.levels)) return {};
  if (threads.levels == 1) return {range->begin, range->end};
  if (level == 0) return {range->first_outer, b.CreateAdd(range->last_outer, i64(1))};
  Value* inner = i64(threads.inner_tasks);
  Value* low = b.CreateSelect(b.CreateICmpEQ(outer_task, range->first_outer),
                              b.CreateSub(range->begin, b.CreateMul(range->first_outer, inner)), i64(0));
  Value* high = b.CreateSelect(b.CreateICmpEQ(outer_task, range->last_outer),
                               b.CreateSub(range->end, b.CreateMul(range->last_outer, inner)), inner);
  return {low, high};
}

void KernelEmitter::emit_level(const NestPlan& plan, const Block& body, size_t level, const TaskRange* range,
                               const std::vector<TileRange>* groups, Value* outer_task) {
  if (level == plan.loops.size()) {
    if (partials_.begin) {
      add_to_partials(*partials_.loop);
    } else {
      emit_block(body);
    }
    return;
  }
  const LoopPlan& loop = plan.loops[level];
  if (!partials_.begin) hoist(body, {}, true);
  auto [low, high] = groups ? (*groups)[level] : share_of(range, level, outer_task);
  Value* outer_tile = partials_.tile;
  int64_t task = 0;
  for (const Segment& segment : loop.segments) {
    Value *begin = i64(0), *end = i64(segment.iterations);
    if (low) {
      begin = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, builder_.CreateSub(low, i64(task)), begin);
      end = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, builder_.CreateSub(high, i64(task)), end);
    }
    counted_loop(begin, end, {}, [&](Value* tile, const Values&) {
      Scope scope(*this);
      bind_segment(loop, segment, tile);
      Value* number = builder_.CreateAdd(tile, i64(task));
      if (groups) {
        Value* in_group = low ? builder_.CreateSub(number, low) : number;
        partials_.tile = builder_.CreateAdd(builder_.CreateMul(outer_tile, i64(plan.block->group[level])), in_group);
      }
      bool packs = plan.pack && plan.pack->level == level;
      if (packs) pack_panel(*plan.pack);
      emit_level(plan, body, level + 1, range, groups, number);
      if (packs) packed_ = {};
      return Values{};
    });
    task += segment.iterations;
  }
  partials_.tile = outer_tile;
}

// --- long sums in blocks ---

void KernelEmitter::emit_groups(const NestPlan& plan, const Block& body, const TaskRange* range, Value* outer_task,
                                std::vector<TileRange>& groups) {
  size_t level = groups.size();
  if (level == plan.loops.size()) {
    emit_blocks(plan, body, groups);
    return;
  }
  auto [low, high] = share_of(range, level, outer_task);
  counted_loop(low ? low : i64(0), low ? high : i64(plan.tasks(level)), {}, [&](Value* group, const Values&) {
    TileRange tiles;
    if (plan.tasks(level) > 1) {
      tiles.low = builder_.CreateMul(group, i64(plan.block->group[level]));
      tiles.high = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smin,
                                                  builder_.CreateAdd(tiles.low, i64(plan.block->group[level])),
                                                  i64(plan.loops[level].tasks()));
    }
    groups.push_back(tiles);
    emit_groups(plan, body, range, group, groups);
    groups.pop_back();
    return Values{};
  });
}

// All tiles of the group block by block, then once more for what follows the sum.
void KernelEmitter::emit_blocks(const NestPlan& plan, const Block& body, const std::vector<TileRange>& groups) {
  const BlockPlan& block = *plan.block;
  partials_ = {};
  partials_.loop = &std::get<ReduceLoop>(facts_.definition[block.sum]->node);
  int64_t extent = kernel_.variables[partials_.loop->variables[0]].extent;
  partials_.results = block.results;
  partials_.bytes = block.result_bytes;
  int64_t bytes = block.tiles * block.results * block.result_bytes;
  llvm::IRBuilder<> entry(&function_->getEntryBlock(), function_->getEntryBlock().begin());
  partials_.memory = entry.CreateAlloca(entry.getInt8Ty(), i64(bytes));
  partials_.memory->setAlignment(llvm::Align(64));
  partials_.tile = i64(0);
  builder_.CreateMemSet(partials_.memory, builder_.getInt8(0), static_cast<uint64_t>(bytes), llvm::Align(64));
  counted_loop(i64(0), i64(divide_up(extent, block.size)), {}, [&](Value* number, const Values&) {
    partials_.begin = builder_.CreateMul(number, i64(block.size));
    partials_.end = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smin,
                                                   builder_.CreateAdd(partials_.begin, i64(block.size)), i64(extent));
    emit_level(plan, body, 0, nullptr, &groups, nullptr);
    return Values{};
  });
  partials_.begin = partials_.end = nullptr;
  emit_level(plan, body, 0, nullptr, &groups, nullptr);
  partials_ = {};
}

}  // namespace tarn
