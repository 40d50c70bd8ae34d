// Models of hand-written programs, and single values of their tensors.
#pragma once

#include <cstring>
#include <vector>

#include "model.h"

inline tarn::runtime::Model make_model(const tarn_program& program, tarn::runtime::Team* team = nullptr) {
  return std::move(*tarn::runtime::Model::create(program, tarn::runtime::make_mapped_device(team)));
}

// All values of a tensor of T.
template <typename T>
std::vector<T> values_of(const tarn::runtime::Model& model, const tarn_tensor& tensor) {
  std::vector<T> values(tensor.bytes / sizeof(T));
  model.read(tensor, values.data());
  return values;
}

template <typename T>
void set_value(tarn::runtime::Model& model, const tarn_tensor& tensor, size_t element, T value) {
  std::vector<T> values = values_of<T>(model, tensor);
  values[element] = value;
  model.write(tensor, values.data());
}

// Sets every input to `rows` rows of zeros.
inline void set_zero_rows(tarn::runtime::Model& model, int64_t rows) {
  for (const tarn_tensor* input : model.inputs()) {
    unsigned char* memory = model.begin_rows(*input);
    memset(memory, 0, input->bytes);
    model.end_rows(*input, memory, rows);
  }
}
