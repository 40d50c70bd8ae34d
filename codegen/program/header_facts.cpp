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
  for (const ProgramEntry& entry : program.entries) {
    facts.has_train = facts.has_train || entry.name == "train_step";
    facts.has_eval = facts.has_eval || entry.name == "eval_step";
    facts.has_predict = facts.has_predict || entry.name == "predict";
  }
  for (const ProgramTensor& tensor : program.tensors) {
    facts.tensors.push_back({tensor.name, static_cast<uint32_t>(tensor.role), static_cast<uint32_t>(tensor.type.dtype),
                             tensor.type.shape, tensor.initial, tensor.is_used_by_predict, ""});
  }
  return facts;
}

}  // namespace tarn
