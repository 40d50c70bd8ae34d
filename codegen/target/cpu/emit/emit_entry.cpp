// Entry points: the steps in order, each thread with its share of the tasks, and barriers only where one
// kernel touches what another thread's kernel has touched.
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicsX86.h>

#include <algorithm>
#include <cstddef>
#include <map>

#include "codegen/target/cpu/emit/emit_program.h"
#include "runtime/tarn_abi.h"

namespace tarn {

namespace {

struct Span {
  uint64_t begin, end;
  bool is_written;
  bool is_shared;  // by a kernel that runs on all threads
};

// What has been touched since the last barrier.
class BarrierPlan {
 public:
  // True where a barrier must come before code that touches `spans`.
  bool needs_barrier(const std::vector<Span>& spans) {
    bool conflict = false;
    for (const Span& next : spans) {
      for (const Span& before : touched_) {
        bool overlaps = next.begin < before.end && before.begin < next.end;
        conflict |= overlaps && (next.is_written || before.is_written) && (next.is_shared || before.is_shared);
      }
    }
    if (conflict) touched_.clear();
    touched_.insert(touched_.end(), spans.begin(), spans.end());
    return conflict;
  }
  void barrier_done() { touched_.clear(); }

 private:
  std::vector<Span> touched_;
};

std::vector<Span> spans_of(const LaunchStep& launch, bool is_shared) {
  std::vector<Span> spans;
  for (size_t b = 0; b < launch.kernel.buffers.size(); ++b) {
    uint64_t bytes = launch.bytes_in_loops(b);
    if (bytes == 0) continue;
    spans.push_back({launch.buffer_offsets[b], launch.buffer_offsets[b] + bytes,
                     launch.kernel.buffers[b].kind == BufferKind::Out, is_shared});
  }
  return spans;
}

class EntryEmitter {
  using Value = llvm::Value;

 public:
  EntryEmitter(llvm::Module& module, const ProgramEntry& entry)
      : module_(module), entry_(entry), b_(module.getContext()) {}

  llvm::Function* run(const std::vector<KernelCode>& kernels) {
    std::vector<const LaunchStep*> launches = launches_of(entry_);
    for (size_t k = 0; k < launches.size(); ++k) code_[launches[k]] = {kernels[k], static_cast<uint32_t>(k)};
    auto* type = llvm::FunctionType::get(b_.getInt32Ty(), {b_.getPtrTy(), b_.getPtrTy()}, false);
    function_ = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, "tarn." + entry_.name, module_);
    b_.SetInsertPoint(llvm::BasicBlock::Create(module_.getContext(), "entry", function_));
    flush_denormals();
    arena_ = function_->getArg(0);
    team_ = function_->getArg(1);
    Value* thread = field(offsetof(tarn_team, thread), b_.getInt32Ty());
    Value* threads = field(offsetof(tarn_team, threads), b_.getInt32Ty());
    thread_ = b_.CreateZExt(thread, b_.getInt64Ty());
    threads_ = b_.CreateZExt(threads, b_.getInt64Ty());
    is_first_ = b_.CreateICmpEQ(thread, b_.getInt32(0));
    is_team_ = b_.CreateICmpUGT(threads, b_.getInt32(1));
    Value* trace = field(offsetof(tarn_team, trace), b_.getPtrTy());
    is_traced_ = b_.CreateICmpNE(trace, llvm::ConstantPointerNull::get(b_.getPtrTy()));
    emit_steps(entry_.steps, true);
    finish(0);
    return function_;
  }

 private:
  Value* field(size_t offset, llvm::Type* type) {
    Value* place = b_.CreateGEP(b_.getInt8Ty(), team_, b_.getInt64(offset));
    return b_.CreateLoad(type, place);
  }

  Value* at(uint64_t offset) { return b_.CreateGEP(b_.getInt8Ty(), arena_, b_.getInt64(offset)); }

  // Denormal numbers count as zero, in and out, as in XLA and TensorFlow.  An optimizer's averages of a gradient that
  // has become zero decay through them, and each costs an assist of 150 cycles: four times the whole step of an MNIST
  // net.  The caller's mode is put back at the end.
  void flush_denormals() {
    constexpr uint32_t kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;  // bits of MXCSR
    caller_mode_ = b_.CreateAlloca(b_.getInt32Ty());
    Value* mode = b_.CreateAlloca(b_.getInt32Ty());
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_stmxcsr, {}, {caller_mode_});
    Value* flushing = b_.CreateOr(b_.CreateLoad(b_.getInt32Ty(), caller_mode_), kFlushToZero | kDenormalsAreZero);
    b_.CreateStore(flushing, mode);
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {mode});
  }

  void finish(uint32_t status) {
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {caller_mode_});
    b_.CreateRet(b_.getInt32(status));
  }

  template <typename Body>
  void when(Value* condition, const Body& body) {
    auto* then = llvm::BasicBlock::Create(module_.getContext(), "then", function_);
    auto* after = llvm::BasicBlock::Create(module_.getContext(), "after", function_);
    b_.CreateCondBr(condition, then, after);
    b_.SetInsertPoint(then);
    body();
    b_.CreateBr(after);
    b_.SetInsertPoint(after);
  }

  void barrier() {
    barriers_.barrier_done();
    when(is_team_, [&] {
      auto* type = llvm::FunctionType::get(b_.getVoidTy(), {b_.getPtrTy()}, false);
      b_.CreateCall(type, field(offsetof(tarn_team, barrier), b_.getPtrTy()), {team_});
    });
  }

  // `is_shared`: some of these steps run on all threads, or may.
  void emit_steps(const std::vector<Step>& steps, bool is_shared) {
    for (size_t s = 0; s < steps.size(); ++s) {
      if (const LaunchStep* launch = std::get_if<LaunchStep>(&steps[s].node)) {
        emit_launch(*launch);
      } else if (const LoopStep* loop = std::get_if<LoopStep>(&steps[s].node)) {
        emit_loop(*loop);
      } else if (const CheckStep* check = std::get_if<CheckStep>(&steps[s].node)) {
        emit_check(*check);
      } else {
        std::vector<const CopyStep*> copies;  // all that come now: between one pair of barriers
        for (; s < steps.size() && std::holds_alternative<CopyStep>(steps[s].node); ++s) {
          copies.push_back(&std::get<CopyStep>(steps[s].node));
        }
        --s;
        emit_copies(copies, is_shared);
      }
    }
  }

  bool has_shared_launch(const std::vector<Step>& steps) const {
    std::vector<const LaunchStep*> launches = launches_of(steps);
    return std::any_of(launches.begin(), launches.end(),
                       [&](const LaunchStep* launch) { return code_.at(launch).kernel.tasks > 0; });
  }

  // All threads go through the iterations together.  Each begins with nothing touched that a barrier has not settled,
  // unless it is all done by thread 0.
  void emit_loop(const LoopStep& loop) {
    if (loop.length == 0) return;
    bool is_shared = has_shared_launch(loop.body);
    barrier();
    llvm::BasicBlock* before = b_.GetInsertBlock();
    auto* body = llvm::BasicBlock::Create(module_.getContext(), "loop", function_);
    auto* after = llvm::BasicBlock::Create(module_.getContext(), "done", function_);
    b_.CreateBr(body);
    b_.SetInsertPoint(body);
    llvm::PHINode* count = b_.CreatePHI(b_.getInt64Ty(), 2);
    count->addIncoming(b_.getInt64(0), before);
    Value* last = b_.getInt64(static_cast<uint64_t>(loop.length - 1));
    iterations_.push_back(loop.reverse ? b_.CreateSub(last, count) : count);
    lengths_.push_back(loop.length);
    if (iterations_.size() <= TARN_MAX_LOOPS) {
      uint64_t place = offsetof(tarn_team, iterations) + sizeof(uint64_t) * (iterations_.size() - 1);
      b_.CreateStore(iterations_.back(), b_.CreateGEP(b_.getInt8Ty(), team_, b_.getInt64(place)));
    }
    emit_steps(loop.body, is_shared);
    if (is_shared) barrier();
    iterations_.pop_back();
    lengths_.pop_back();
    count->addIncoming(b_.CreateAdd(count, b_.getInt64(1)), b_.GetInsertBlock());
    b_.CreateCondBr(b_.CreateICmpULT(count, last), body, after);
    b_.SetInsertPoint(after);
  }

  Value* moved(uint64_t offset, const std::vector<int64_t>& strides) {
    Value* place = at(offset);
    for (size_t loop = 0; loop < strides.size(); ++loop) {
      if (strides[loop] == 0) continue;
      Value* distance = b_.CreateMul(iterations_[loop], b_.getInt64(static_cast<uint64_t>(strides[loop])));
      place = b_.CreateGEP(b_.getInt8Ty(), place, distance);
    }
    return place;
  }

  // By thread 0, when all before it is done.
  void emit_copies(const std::vector<const CopyStep*>& copies, bool is_shared) {
    if (is_shared) barrier();
    when(is_first_, [&] {
      for (const CopyStep* copy : copies) emit_copy(*copy);
    });
    for (const CopyStep* copy : copies) {
      barriers_.needs_barrier({{copy->from, copy->from + extent(copy->bytes, copy->from_strides), false, false},
                               {copy->to, copy->to + extent(copy->bytes, copy->to_strides), true, false}});
    }
  }

  // Bytes from where a place lies in the first iteration of the loops around to where it ends in the last.
  uint64_t extent(uint64_t bytes, const std::vector<int64_t>& strides) const {
    for (size_t loop = 0; loop < strides.size(); ++loop)
      bytes += static_cast<uint64_t>(strides[loop] * (lengths_[loop] - 1));
    return bytes;
  }

  void emit_copy(const CopyStep& copy) {
    llvm::Align align(copy.from_strides.empty() ? 64 : 1);
    b_.CreateMemCpy(moved(copy.to, copy.to_strides), align, moved(copy.from, copy.from_strides), align, copy.bytes);
  }

  std::vector<Value*> kernel_arguments(const KernelCode& kernel, std::initializer_list<Value*> first) const {
    std::vector<Value*> arguments(first);
    arguments.insert(arguments.end(), iterations_.begin(), iterations_.end());
    if (kernel.places) arguments.push_back(kernel.places);
    return arguments;
  }

  void emit_launch(const LaunchStep& launch) {
    const auto& [kernel, number] = code_.at(&launch);
    call_kernel(launch, kernel);
    trace_kernel(number);
  }

  void call_kernel(const LaunchStep& launch, const KernelCode& kernel) {
    std::vector<Span> spans = spans_of(launch, kernel.tasks > 0);
    if (barriers_.needs_barrier(spans)) {
      barrier();
      barriers_.needs_barrier(spans);
    }
    if (kernel.tasks == 0) {
      when(is_first_, [&] { b_.CreateCall(kernel.function, kernel_arguments(kernel, {arena_})); });
      return;
    }
    // Shares depend on the shape and the team only.
    Value* tasks = b_.getInt64(static_cast<uint64_t>(kernel.tasks));
    auto share = [&](Value* thread) { return b_.CreateUDiv(b_.CreateMul(tasks, thread), threads_); };
    Value* begin = share(thread_);
    Value* end = share(b_.CreateAdd(thread_, b_.getInt64(1)));
    when(b_.CreateICmpULT(begin, end),
         [&] { b_.CreateCall(kernel.function, kernel_arguments(kernel, {arena_, begin, end})); });
  }

  // With trace set in every thread's team: all threads wait while thread 0 looks.
  void trace_kernel(uint32_t kernel) {
    when(is_traced_, [&] { b_.CreateCall(tracer(), {team_, b_.getInt32(kernel)}); });
  }

  // void(team, kernel), once in the module: inline, it would be most of a large entry point's code.
  llvm::Function* tracer() {
    constexpr const char* kName = "tarn.trace";
    if (llvm::Function* found = module_.getFunction(kName)) return found;
    auto* type = llvm::FunctionType::get(b_.getVoidTy(), {b_.getPtrTy(), b_.getInt32Ty()}, false);
    llvm::Function* made = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, kName, module_);
    made->addFnAttr(llvm::Attribute::NoInline);
    made->addFnAttr(llvm::Attribute::Cold);
    llvm::IRBuilder<>::InsertPointGuard guard(b_);
    EntryEmitter(module_, entry_).run_tracer(made, type);
    return made;
  }

  void run_tracer(llvm::Function* function, llvm::FunctionType* type) {
    function_ = function;
    b_.SetInsertPoint(llvm::BasicBlock::Create(module_.getContext(), "entry", function_));
    team_ = function_->getArg(0);
    is_first_ = b_.CreateICmpEQ(field(offsetof(tarn_team, thread), b_.getInt32Ty()), b_.getInt32(0));
    is_team_ = b_.CreateICmpUGT(field(offsetof(tarn_team, threads), b_.getInt32Ty()), b_.getInt32(1));
    barrier();
    when(is_first_,
         [&] { b_.CreateCall(type, field(offsetof(tarn_team, trace), b_.getPtrTy()), {team_, function_->getArg(1)}); });
    barrier();
    b_.CreateRetVoid();
  }

  void emit_check(const CheckStep& check) {
    barrier();
    llvm::Type* type = check.dtype == DType::F64 ? b_.getDoubleTy() : b_.getFloatTy();
    Value* scalar = b_.CreateLoad(type, at(check.offset));
    Value* magnitude = b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, scalar);
    Value* is_finite = b_.CreateFCmpOLT(magnitude, llvm::ConstantFP::getInfinity(type));
    auto* diverged = llvm::BasicBlock::Create(module_.getContext(), "diverged", function_);
    auto* go_on = llvm::BasicBlock::Create(module_.getContext(), "finite", function_);
    b_.CreateCondBr(is_finite, go_on, diverged);
    b_.SetInsertPoint(diverged);
    finish(1);
    b_.SetInsertPoint(go_on);
  }

  llvm::Module& module_;
  const ProgramEntry& entry_;
  llvm::IRBuilder<> b_;
  llvm::Function* function_ = nullptr;
  Value* caller_mode_ = nullptr;
  Value *arena_ = nullptr, *team_ = nullptr, *thread_ = nullptr, *threads_ = nullptr;
  Value *is_first_ = nullptr, *is_team_ = nullptr, *is_traced_ = nullptr;
  std::vector<Value*> iterations_;  // of the loops around, outermost first
  std::vector<int64_t> lengths_;    // of the same loops
  struct LaunchCode {
    KernelCode kernel;
    uint32_t number = 0;  // among the launches of the entry point
  };
  std::map<const LaunchStep*, LaunchCode> code_;
  BarrierPlan barriers_;
};

}  // namespace

llvm::Function* emit_entry(llvm::Module& module, const ProgramEntry& entry, const std::vector<KernelCode>& kernels) {
  return EntryEmitter(module, entry).run(kernels);
}

}  // namespace tarn
