// Writes fake_idx.h and fake_csv.h, as `tarn build --emit=lib` does for compiled models, into the directory given.
#include <cstdio>
#include <fstream>

#include "c_header.h"
#include "fake_program.h"

static tarn::HeaderFacts facts_of(const tarn_program& program) {
  tarn::HeaderFacts facts;
  facts.name = program.name;
  facts.source = "fake.tarn";
  facts.version = program.version;
  facts.cpu = program.cpu;
  facts.arena_bytes = program.arena_bytes;
  facts.arena_alignment = program.arena_alignment;
  facts.batch = program.batch;
  facts.has_train = facts.has_eval = facts.has_predict = true;
  for (uint32_t i = 0; i < program.tensor_count; ++i) {
    const tarn_tensor& tensor = program.tensors[i];
    facts.tensors.push_back({tensor.name,
                             tensor.role,
                             tensor.dtype,
                             {tensor.shape, tensor.shape + tensor.rank},
                             tensor.initial,
                             (tensor.reserved & TARN_USED_BY_PREDICT) != 0,
                             i == 0 ? "a hostile */ comment" : ""});
  }
  return facts;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (const tarn_program* program : {&fake_idx_program, &fake_csv_program})
    std::ofstream(std::string(argv[1]) + "/" + program->name + ".h") << tarn::c_header(facts_of(*program));
  return 0;
}
