// Puts the arguments into an arena and reads the results from it.
#include "tests/graphs/machine_code.h"

#include <algorithm>

#include "ir/base/check.h"
#include "tests/codegen_cpu/run_kernel.h"

namespace tarn {

static const ProgramTensor& tensor_named(const Program& program, const std::string& name) {
  for (const ProgramTensor& tensor : program.tensors) {
    if (tensor.name == name) return tensor;
  }
  TARN_CHECK(false, "no tensor {}", name);
  return program.tensors.front();
}

std::vector<Tensor> run_machine_code(const Program& program, const JitProgram& code, const Func& func,
                                     const std::vector<Tensor>& args, uint32_t threads) {
  testing::Arena arena(program.arena_bytes);
  for (size_t i = 0; i < args.size(); ++i) {
    const ProgramTensor& tensor = tensor_named(program, func.name_of(func.args[i].value));
    testing::Bytes bytes(static_cast<size_t>(tensor.type.bytes()));
    for (int64_t e = 0; e < tensor.type.elements(); ++e)
      testing::write_element(bytes, tensor.type.dtype, e, args[i].data[static_cast<size_t>(e)]);
    std::copy(bytes.begin(), bytes.end(), arena.data() + tensor.offset);
  }
  int status = testing::run_entry(code.program()->train_step, arena.data(), threads);
  TARN_CHECK(status == 0, "status {}", status);
  std::vector<Tensor> results;
  for (const FuncResult& result : func.results) {
    const ProgramTensor& tensor = tensor_named(program, result.name);
    testing::Bytes bytes(arena.data() + tensor.offset, arena.data() + tensor.offset + tensor.type.bytes());
    Tensor found{tensor.type, {}};
    for (int64_t e = 0; e < tensor.type.elements(); ++e)
      found.data.push_back(testing::read_element(bytes, tensor.type.dtype, e));
    results.push_back(std::move(found));
  }
  return results;
}

}  // namespace tarn
