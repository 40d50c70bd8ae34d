// A tarn_program plus its arena: the tensors by role and name, typed access to the scalars.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "result.h"
#include "tarn_abi.h"

namespace tarn::runtime {

class Model {
 public:
  // Maps the arena, zeroed; hypers at their defaults.
  static Result<Model> create(const tarn_program& program);
  Model(Model&& other) noexcept;
  Model& operator=(Model&& other) = delete;
  ~Model();

  const tarn_program& program() const { return *program_; }
  unsigned char* arena() const { return arena_; }
  int64_t batch() const { return program_->batch; }

  std::vector<const tarn_tensor*> of_role(tarn_role role) const;
  const tarn_tensor* find(tarn_role role, std::string_view name) const;
  unsigned char* data(const tarn_tensor& tensor) const { return arena_ + tensor.offset; }

  // The i64 scalar of a role; a program without it has a place to write to all the same.
  int64_t& scalar(tarn_role role);
  double& hyper(const tarn_tensor& tensor) const { return *reinterpret_cast<double*>(data(tensor)); }
  float loss() const;
  float metric(size_t index) const;
  const std::vector<const tarn_tensor*>& metrics() const { return metrics_; }
  const std::vector<const tarn_tensor*>& inputs() const { return inputs_; }

 private:
  explicit Model(const tarn_program& program);

  const tarn_program* program_;
  unsigned char* arena_ = nullptr;
  size_t mapped_bytes_ = 0;
  const tarn_tensor* loss_ = nullptr;
  std::vector<const tarn_tensor*> metrics_, inputs_;
  int64_t* scalars_[TARN_OUTPUT + 1] = {};
  int64_t absent_[TARN_OUTPUT + 1] = {};
};

const char* dtype_name(uint32_t dtype);
uint64_t dtype_bytes(uint32_t dtype);
int64_t element_count(const tarn_tensor& tensor);
// Index of the first value of f32/f64 data that is not finite, or -1.
int64_t first_not_finite(const unsigned char* data, uint32_t dtype, uint64_t elements);

}  // namespace tarn::runtime
