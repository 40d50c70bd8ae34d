// Entry points: the calls of kernels in order, each thread with its share of the tasks, and barriers only where one
// kernel touches what another thread's kernel has touched.
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicsX86.h>

#include <cstddef>

#include "codegen/cpu/emit_program.h"
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

std::vector<Span> spans_of(const KernelCall& call, bool is_shared) {
  std::vector<Span> spans;
  for (size_t b = 0; b < call.kernel.buffers.size(); ++b) {
    auto bytes = static_cast<uint64_t>(call.kernel.buffers[b].type.bytes());
    if (bytes == 0) continue;
    spans.push_back({call.buffer_offsets[b], call.buffer_offsets[b] + bytes,
                     call.kernel.buffers[b].kind == BufferKind::Out, is_shared});
  }
  return spans;
}

class EntryEmitter {
  using Value = llvm::Value;

 public:
  EntryEmitter(llvm::Module& module, const ProgramEntry& entry)
      : module_(module), entry_(entry), b_(module.getContext()) {}

  llvm::Function* run(const std::vector<KernelCode>& kernels) {
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
    for (size_t k = 0; k < kernels.size(); ++k) {
      check_loss(static_cast<int>(k));
      call_kernel(entry_.calls[k], kernels[k]);
      trace_kernel(trace, static_cast<uint32_t>(k));
    }
    check_loss(static_cast<int>(kernels.size()));
    copy_results();
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

  void call_kernel(const KernelCall& call, const KernelCode& kernel) {
    std::vector<Span> spans = spans_of(call, kernel.tasks > 0);
    if (barriers_.needs_barrier(spans)) {
      barrier();
      barriers_.needs_barrier(spans);
    }
    if (kernel.tasks == 0) {
      when(is_first_, [&] { b_.CreateCall(kernel.function, {arena_}); });
      return;
    }
    // Shares depend on the shape and the team only.
    Value* tasks = b_.getInt64(static_cast<uint64_t>(kernel.tasks));
    auto share = [&](Value* thread) { return b_.CreateUDiv(b_.CreateMul(tasks, thread), threads_); };
    Value* begin = share(thread_);
    Value* end = share(b_.CreateAdd(thread_, b_.getInt64(1)));
    when(b_.CreateICmpULT(begin, end), [&] { b_.CreateCall(kernel.function, {arena_, begin, end}); });
  }

  // With trace set in every thread's team: all threads wait while thread 0 looks.
  void trace_kernel(Value* trace, uint32_t kernel) {
    when(is_traced_, [&] {
      barrier_keeping_plan();
      when(is_first_, [&] {
        auto* type = llvm::FunctionType::get(b_.getVoidTy(), {b_.getPtrTy(), b_.getInt32Ty()}, false);
        b_.CreateCall(type, trace, {team_, b_.getInt32(kernel)});
      });
      barrier_keeping_plan();
    });
  }

  void barrier_keeping_plan() {
    BarrierPlan saved = barriers_;
    barrier();
    barriers_ = saved;  // this one is only met while tracing
  }

  void check_loss(int calls_done) {
    if (entry_.check_loss_after != calls_done) return;
    barrier();
    Value* loss = b_.CreateLoad(b_.getFloatTy(), at(entry_.loss_offset));
    Value* magnitude = b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, loss);
    Value* is_finite = b_.CreateFCmpOLT(magnitude, llvm::ConstantFP::getInfinity(b_.getFloatTy()));
    auto* diverged = llvm::BasicBlock::Create(module_.getContext(), "diverged", function_);
    auto* go_on = llvm::BasicBlock::Create(module_.getContext(), "finite", function_);
    b_.CreateCondBr(is_finite, go_on, diverged);
    b_.SetInsertPoint(diverged);
    finish(1);
    b_.SetInsertPoint(go_on);
  }

  void copy_results() {
    if (entry_.copies.empty()) return;
    barrier();
    when(is_first_, [&] {
      for (const ArenaCopy& copy : entry_.copies) {
        b_.CreateMemCpy(at(copy.to), llvm::Align(64), at(copy.from), llvm::Align(64), copy.bytes);
      }
    });
  }

  llvm::Module& module_;
  const ProgramEntry& entry_;
  llvm::IRBuilder<> b_;
  llvm::Function* function_ = nullptr;
  Value* caller_mode_ = nullptr;
  Value *arena_ = nullptr, *team_ = nullptr, *thread_ = nullptr, *threads_ = nullptr;
  Value *is_first_ = nullptr, *is_team_ = nullptr, *is_traced_ = nullptr;
  BarrierPlan barriers_;
};

}  // namespace

llvm::Function* emit_entry(llvm::Module& module, const ProgramEntry& entry, const std::vector<KernelCode>& kernels) {
  return EntryEmitter(module, entry).run(kernels);
}

}  // namespace tarn
