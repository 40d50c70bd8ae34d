// Tensors and entry points of a program as its C header names them.
#include "codegen/program/header_facts.h"

namespace tarn {

HeaderFacts header_facts(const Program& program, const std::string& name, const std::string& source,
                         const std::string& cpu) {
  HeaderFacts facts;
  facts.name = name;
  facts.source = source;
  facts.version = TARN_VERSION;
  facts.cpu = cpu;
  facts.arena_bytes = program.arena_bytes;
  facts.batch = static_cast<uint32_t>(program.batch);
  facts.has_train = find_entry(program, EntryPoint::TrainStep) != nullptr;
  facts.has_eval = find_entry(program, EntryPoint::EvalStep) != nullptr;
  facts.has_predict = find_entry(program, EntryPoint::Predict) != nullptr;
  for (const ProgramTensor& tensor : program.tensors) {
    facts.tensors.push_back({tensor.name, static_cast<uint32_t>(tensor.role), static_cast<uint32_t>(tensor.type.dtype),
                             tensor.type.shape, tensor.initial, (tensor.flags & kUsedByPredict) != 0, "",
                             (tensor.flags & kWithoutBatch) == 0});
  }
  return facts;
}

}  // namespace tarn
