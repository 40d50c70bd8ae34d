// An instance of a compiled model as the program uses it: tensors by role and name, typed access to the scalars, and all
// bytes through its device.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "device_mapped.h"
#include "instance.h"
#include "result.h"
#include "tarn_abi.h"

namespace tarn::runtime {

class Model {
 public:
  // Lets the device allocate an arena of zeros; hypers at their defaults, no parameters.
  static Result<Model> create(const tarn_program& program, Device device);

  const tarn_program& program() const { return *instance_.program; }
  int64_t batch() const { return program().batch; }
  const tarn_instance& instance() const { return instance_; }

  const tarn_tensor* find(tarn_role role, std::string_view name) const;
  const std::vector<const tarn_tensor*>& metrics() const { return metrics_; }
  const std::vector<const tarn_tensor*>& inputs() const { return inputs_; }
  const std::vector<const tarn_tensor*>& hypers() const { return hypers_; }
  const std::vector<const tarn_tensor*>& outputs() const { return outputs_; }
  bool is_read_by_predict(const tarn_tensor& input) const { return tarn_instance_predict_reads(&instance_, &input); }

  // The i64 scalar of a role; a program without it has 0, and takes any.
  int64_t scalar(tarn_role role) const { return tarn_instance_scalar(&instance_, role, 0); }
  void set_scalar(tarn_role role, int64_t value) { tarn_instance_set_scalar(&instance_, role, value); }
  double hyper(const tarn_tensor& tensor) const { return tarn_instance_number(&instance_, &tensor); }
  void set_hyper(const tarn_tensor& tensor, double value) { tarn_instance_write(&instance_, &tensor, &value); }
  double loss() const { return loss_ != nullptr ? tarn_instance_number(&instance_, loss_) : 0; }
  double metric(size_t index) const { return tarn_instance_number(&instance_, metrics_[index]); }

  // A tensor's bytes, copied; `view` and `begin_write` without a copy, as device.h has it.
  void read(const tarn_tensor& tensor, void* to) const { tarn_instance_read(&instance_, &tensor, to); }
  void write(const tarn_tensor& tensor, const void* from) { tarn_instance_write(&instance_, &tensor, from); }
  void read_part(const tarn_tensor& tensor, uint64_t at, void* to, uint64_t bytes) const;
  const unsigned char* view(const tarn_tensor& tensor) const { return view(tensor.offset, tensor.bytes); }
  const unsigned char* view(uint64_t offset, uint64_t bytes) const;
  void* begin_write(const tarn_tensor& tensor);
  void end_write(const tarn_tensor& tensor);

  // A batch of one input: tarn_instance_begin_rows.
  unsigned char* begin_rows(const tarn_tensor& input) { return tarn_instance_begin_rows(&instance_, &input); }
  void end_rows(const tarn_tensor& input, unsigned char* memory, int64_t rows) {
    tarn_instance_end_rows(&instance_, &input, memory, static_cast<uint64_t>(rows));
  }

  // Runs one of the program's entry points over the rows that are set.  TARN_DIVERGED: the loss is not finite.
  tarn_result run(const tarn_entry& entry, const tarn_observer* observer = nullptr) {
    return tarn_instance_run(&instance_, &entry, observer);
  }
  // The parameters were written, not made by `init`; or the model has none.
  void set_ready() { instance_.ready = 1; }

 private:
  Model(Device device, const tarn_program& program) : device_(std::move(device)), mark_(program.tensor_count) {}

  Device device_;
  std::vector<uint64_t> mark_;
  tarn_instance instance_ = {};
  const tarn_tensor* loss_ = nullptr;
  std::vector<const tarn_tensor*> metrics_, inputs_, hypers_, outputs_;
};

std::vector<const tarn_tensor*> tensors_of_role(const tarn_program& program, tarn_role role);
const char* dtype_name(uint32_t dtype);
uint64_t dtype_bytes(uint32_t dtype);
int64_t element_count(const tarn_tensor& tensor);
// Index of the first value of f32/f64 data that is not finite, or -1.
int64_t first_not_finite(const unsigned char* data, uint32_t dtype, uint64_t elements);

}  // namespace tarn::runtime
