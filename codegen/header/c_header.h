// Facts about a compiled model -> NAME.h, the C99 header that stands beside libNAME.a.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tarn {

// One entry of tarn_program.tensors, in the same order (runtime/tarn_abi.h).
struct HeaderTensor {
  std::string name;
  uint32_t role = 0;   // enum tarn_role
  uint32_t dtype = 0;  // enum tarn_dtype
  std::vector<int64_t> shape;
  double initial = 0;            // a hyper's default
  bool used_by_predict = false;  // an input that predict reads
  std::string doc;               // optional, one line
  bool has_batch = true;         // inputs, outputs: the first dimension is the batch
};

struct HeaderFacts {
  std::string name;       // of the model: "mnist"; the library's symbol is NAME_program
  std::string source;     // "mnist.tarn"
  std::string version;    // of the compiler
  std::string cpu;        // "x86-64-v3"
  std::string link = {};  // what to do with the code; "": link libNAME.a and the C math library
  uint64_t arena_bytes = 0;
  uint64_t arena_alignment = 64;
  uint32_t batch = 0;
  bool has_train = false;
  bool has_eval = false;
  bool has_predict = false;
  std::vector<HeaderTensor> tensors;
};

// The whole text; C99 and C++11 and later, -pedantic clean, self-contained: it holds the text of runtime/embed.h.  A
// tensor is called as in the model, with a `_` behind where the header has that name already: field `rows` is set by
// NAME_set_rows_.
std::string c_header(const HeaderFacts& facts);

// Why no header can be called NAME.h: it would hide one of C's, or define what the embedding API defines; "" where one can.
std::string header_name_fault(const std::string& name);

// `name` as a C identifier: "fc1.w" -> "fc1_w".
std::string c_identifier(const std::string& name);

}  // namespace tarn
