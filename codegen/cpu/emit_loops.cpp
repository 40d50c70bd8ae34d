// Loops of a kernel: counted loops with carried values, nests in tiles, the range of tasks of one thread.
#include <llvm/IR/Constants.h>

#include "codegen/cpu/kernel_emitter.h"
#include "ir/base/check.h"

namespace tarn {

// Runs body(index, carried) for index in begin..end-1.  Constant bounds: no loop for fewer than two iterations.
// Other bounds may be empty, and carry nothing.
KernelEmitter::Values KernelEmitter::counted_loop(Value* begin, Value* end, const Values& carried,
                                                  const LoopBody& body) {
  auto* first = llvm::dyn_cast<llvm::ConstantInt>(begin);
  auto* last = llvm::dyn_cast<llvm::ConstantInt>(end);
  bool is_static = first && last;
  if (is_static) {
    int64_t count = last->getSExtValue() - first->getSExtValue();
    if (count <= 0) return carried;
    if (count == 1) return body(begin, carried);
  }
  TARN_CHECK(is_static || carried.empty(), "a loop of unknown length carries values");
  llvm::LLVMContext& context = module_.getContext();
  auto* before = builder_.GetInsertBlock();
  auto* loop = llvm::BasicBlock::Create(context, "loop", function_);
  auto* after = llvm::BasicBlock::Create(context, "after", function_);
  if (is_static) {
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

// Copies the operand's vectors of this tile, for all steps of the reduction, to the stack.
void KernelEmitter::pack_panel(const PackPlan& plan) {
  if (!panel_) {
    llvm::IRBuilder<> entry(&function_->getEntryBlock(), function_->getEntryBlock().begin());
    panel_ = entry.CreateAlloca(entry.getInt8Ty(), i64(plan.bytes));
    panel_->setAlignment(llvm::Align(64));
  }
  std::vector<Point> copies = points(&facts_.depends[plan.operand]);
  int64_t step =
      dimensions_[static_cast<size_t>(vector_dimension())].lanes * dtype_bytes(kernel_.scalars[plan.operand]);
  counted_loop(i64(0), i64(kernel_.variables[plan.depth].extent), {}, [&](Value* i, const Values&) {
    Scope scope(*this);
    auto* number = llvm::dyn_cast<llvm::ConstantInt>(i);
    bind_serial(plan.depth, number ? Index{nullptr, number->getSExtValue(), 1} : Index{i, 0, 1});
    Value* row = builder_.CreateMul(i, i64(step * static_cast<int64_t>(copies.size())));
    for (size_t c = 0; c < copies.size(); ++c) {
      Value* offset = builder_.CreateAdd(row, i64(static_cast<int64_t>(c) * step));
      Value* place = builder_.CreateGEP(builder_.getInt8Ty(), panel_, offset);
      builder_.CreateAlignedStore(evaluate(plan.operand, copies[c]), place, llvm::Align(static_cast<uint64_t>(step)));
    }
    return Values{};
  });
  packed_ = {plan.operand, plan.depth, panel_};
}

void KernelEmitter::emit_nest(const NestPlan& plan, const TaskRange* range) {
  panel_ = nullptr;
  emit_level(plan, 0, range, nullptr);
}

void KernelEmitter::emit_level(const NestPlan& plan, size_t level, const TaskRange* range, Value* outer_task) {
  if (level == plan.loops.size()) {
    emit_block(*plan.body);
    return;
  }
  const LoopPlan& loop = plan.loops[level];
  hoist(*plan.body, {}, true);
  Value *low = nullptr, *high = nullptr;
  if (range && range->levels == 1 && level == 0) {
    low = range->begin;
    high = range->end;
  } else if (range && range->levels == 2 && level == 0) {
    low = range->first_outer;
    high = builder_.CreateAdd(range->last_outer, i64(1));
  } else if (range && range->levels == 2 && level == 1) {
    auto& b = builder_;
    Value* inner = i64(range->inner_tasks);
    low = b.CreateSelect(b.CreateICmpEQ(outer_task, range->first_outer),
                         b.CreateSub(range->begin, b.CreateMul(range->first_outer, inner)), i64(0));
    high = b.CreateSelect(b.CreateICmpEQ(outer_task, range->last_outer),
                          b.CreateSub(range->end, b.CreateMul(range->last_outer, inner)), inner);
  }
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
      if (plan.pack && plan.pack->level == level) pack_panel(*plan.pack);
      emit_level(plan, level + 1, range, builder_.CreateAdd(tile, i64(task)));
      if (plan.pack && plan.pack->level == level) packed_ = {};
      return Values{};
    });
    task += segment.iterations;
  }
}

}  // namespace tarn
