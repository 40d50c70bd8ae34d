// The constant tables of a program, field by field as in runtime/tarn_abi.h.
#include <llvm/IR/Constants.h>
#include <llvm/IR/DataLayout.h>

#include "codegen/target/cpu/emit/emit_program.h"
#include "ir/base/check.h"
#include "runtime/tarn_abi.h"

namespace tarn {

// A change of the contract must change this file; field order is checked by the sizes and by the tests, which read
// every field through the C structs.
static_assert(sizeof(tarn_tensor) == 56 && offsetof(tarn_tensor, shape) == 24 && offsetof(tarn_tensor, initial) == 48);
static_assert(uint32_t{kUsedByPredict} == TARN_USED_BY_PREDICT && uint32_t{kOnlyByPredict} == TARN_ONLY_BY_PREDICT &&
              uint32_t{kWithoutBatch} == TARN_WITHOUT_BATCH);
static_assert(sizeof(tarn_kernel_output) == 56 && offsetof(tarn_kernel_output, offset) == 32);
static_assert(sizeof(tarn_kernel) == 48 && offsetof(tarn_kernel, outputs) == 24 && offsetof(tarn_kernel, bytes) == 40);
static_assert(sizeof(tarn_entry) == 24 && offsetof(tarn_entry, kernels) == 16);
static_assert(sizeof(tarn_program) == 184 && offsetof(tarn_program, batch) == 64 &&
              offsetof(tarn_program, init) == 80 && offsetof(tarn_program, config) == 176);

namespace {

class TableEmitter {
  using Constant = llvm::Constant;

 public:
  TableEmitter(llvm::Module& module, const Program& program, const CpuTraits& target)
      : module_(module), program_(program), target_(target), context_(module.getContext()) {}

  void run(const std::string& symbol, const std::vector<llvm::Function*>& entries) {
    std::vector<Constant*> tensors;
    for (const ProgramTensor& tensor : program_.tensors) tensors.push_back(tensor_record(tensor));
    std::vector<Constant*> fields = {
        u32(sizeof(tarn_program)),
        u32(TARN_ABI_VERSION),
        text(program_.name),
        text(program_.hash),
        text(target_.level),
        text(TARN_VERSION),
        u64(program_.arena_bytes),
        u64(64),
        u64(program_.persistent_bytes),
        u32(static_cast<uint64_t>(program_.batch)),
        u32(program_.tensors.size()),
        array(tensors),
    };
    for (EntryPoint entry : all_entry_points()) fields.push_back(entry_record(entry, entries));
    fields.push_back(text(program_.config));
    Constant* value = record(fields, sizeof(tarn_program));
    auto* global =
        new llvm::GlobalVariable(module_, value->getType(), true, llvm::GlobalValue::ExternalLinkage, value, symbol);
    global->setAlignment(llvm::Align(8));
  }

 private:
  Constant* u32(uint64_t value) { return llvm::ConstantInt::get(llvm::Type::getInt32Ty(context_), value); }
  Constant* u64(uint64_t value) { return llvm::ConstantInt::get(llvm::Type::getInt64Ty(context_), value); }
  Constant* f64(double value) { return llvm::ConstantFP::get(llvm::Type::getDoubleTy(context_), value); }
  Constant* null() { return llvm::ConstantPointerNull::get(llvm::PointerType::get(context_, 0)); }

  Constant* record(const std::vector<Constant*>& fields, uint64_t size) {
    Constant* value = llvm::ConstantStruct::getAnon(context_, fields);
    TARN_CHECK(module_.getDataLayout().getTypeAllocSize(value->getType()) == size,
               "a record of the program's tables differs from runtime/tarn_abi.h");
    return value;
  }

  Constant* hidden(Constant* value) {
    auto* global = new llvm::GlobalVariable(module_, value->getType(), true, llvm::GlobalValue::PrivateLinkage, value,
                                            "tarn.table");
    return global;
  }

  Constant* text(const std::string& value) {
    auto* global = llvm::cast<llvm::GlobalVariable>(hidden(llvm::ConstantDataArray::getString(context_, value)));
    global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);  // equal strings may be one
    global->setAlignment(llvm::Align(1));
    return global;
  }

  Constant* array(const std::vector<Constant*>& elements) {
    if (elements.empty()) return null();
    return hidden(llvm::ConstantArray::get(llvm::ArrayType::get(elements[0]->getType(), elements.size()), elements));
  }

  Constant* tensor_record(const ProgramTensor& tensor) {
    std::vector<Constant*> sizes;
    for (int64_t size : tensor.type.shape) sizes.push_back(u64(static_cast<uint64_t>(size)));
    return record(
        {text(tensor.name), u32(static_cast<uint64_t>(tensor.type.dtype)), u32(static_cast<uint64_t>(tensor.role)),
         u32(tensor.type.shape.size()), u32(tensor.flags), array(sizes), u64(tensor.offset),
         u64(static_cast<uint64_t>(tensor.type.bytes())), f64(tensor.initial)},
        sizeof(tarn_tensor));
  }

  Constant* kernel_record(const LaunchStep& launch) {
    std::vector<Constant*> outputs;
    size_t info = 0;
    for (size_t b = 0; b < launch.kernel.buffers.size(); ++b) {
      const KernelBuffer& buffer = launch.kernel.buffers[b];
      if (buffer.kind != BufferKind::Out || info >= launch.outputs.size()) continue;
      const KernelOutputInfo& output = launch.outputs[info++];
      std::vector<Constant*> strides;
      for (size_t loop = 0; loop < launch.loop_lengths.size() && loop < TARN_MAX_LOOPS; ++loop) {
        strides.push_back(u64(static_cast<uint64_t>(launch.buffer_strides[b][loop])));
      }
      outputs.push_back(
          record({text(output.name), text(output.op), text(output.location),
                  u32(static_cast<uint64_t>(buffer.type.dtype)), u32(strides.size()), u64(launch.buffer_offsets[b]),
                  u64(static_cast<uint64_t>(buffer.type.elements())), array(strides)},
                 sizeof(tarn_kernel_output)));
    }
    KernelCost cost = cost_of(launch.kernel);
    return record({text(launch.kernel.name), text(launch.summary), u32(outputs.size()), u32(0), array(outputs),
                   f64(cost.flops), f64(cost.bytes)},
                  sizeof(tarn_kernel));
  }

  Constant* entry_record(EntryPoint point, const std::vector<llvm::Function*>& functions) {
    const ProgramEntry* entry = find_entry(program_, point);
    if (!entry) return record({null(), u32(0), u32(0), null()}, sizeof(tarn_entry));
    std::vector<Constant*> kernels;
    for (const LaunchStep* launch : launches_of(*entry)) kernels.push_back(kernel_record(*launch));
    llvm::Function* function = functions[static_cast<size_t>(entry - program_.entries.data())];
    return record({function, u32(kernels.size()), u32(0), array(kernels)}, sizeof(tarn_entry));
  }

  llvm::Module& module_;
  const Program& program_;
  const CpuTraits& target_;
  llvm::LLVMContext& context_;
};

}  // namespace

void emit_tables(llvm::Module& module, const Program& program, const CpuTraits& target, const std::string& symbol,
                 const std::vector<llvm::Function*>& entries) {
  TableEmitter(module, program, target).run(symbol, entries);
}

}  // namespace tarn
