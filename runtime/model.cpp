// An instance of a compiled model as the program uses it.
#include "model.h"

#include <cmath>
#include <cstring>

#include "half.h"
#include "text.h"

namespace tarn::runtime {

std::vector<const tarn_tensor*> tensors_of_role(const tarn_program& program, tarn_role role) {
  std::vector<const tarn_tensor*> found;
  for (uint32_t i = 0; i < program.tensor_count; ++i)
    if (program.tensors[i].role == static_cast<uint32_t>(role)) found.push_back(&program.tensors[i]);
  return found;
}

Result<Model> Model::create(const tarn_program& program, Device device) {
  if (!tarn_is_known_version(&program))
    return Error{format("the model was compiled for runtime ABI %u, this runtime has %u", program.abi_version,
                        TARN_ABI_VERSION)};
  Model model(std::move(device), program);
  if (tarn_instance_make(&model.instance_, &program, model.device_.get(), model.mark_.data(), 0, 0) != TARN_OK)
    return Error{
        format("there is no memory for the arena of %llu bytes", static_cast<unsigned long long>(program.arena_bytes))};
  model.loss_ = tarn_instance_first(&model.instance_, TARN_LOSS);
  model.metrics_ = tensors_of_role(program, TARN_METRIC);
  model.inputs_ = tensors_of_role(program, TARN_INPUT);
  model.hypers_ = tensors_of_role(program, TARN_HYPER);
  model.outputs_ = tensors_of_role(program, TARN_OUTPUT);
  return model;
}

const tarn_tensor* Model::find(tarn_role role, std::string_view name) const {
  for (uint32_t i = 0; i < program().tensor_count; ++i) {
    const tarn_tensor& tensor = program().tensors[i];
    if (tensor.role == static_cast<uint32_t>(role) && name == tensor.name) return &tensor;
  }
  return nullptr;
}

void Model::read_part(const tarn_tensor& tensor, uint64_t at, void* to, uint64_t bytes) const {
  device_->table->read(device_.get(), tensor.offset + at, to, bytes);
}

const unsigned char* Model::view(uint64_t offset, uint64_t bytes) const {
  return static_cast<const unsigned char*>(device_->table->view(device_.get(), offset, bytes));
}

void* Model::begin_write(const tarn_tensor& tensor) {
  return device_->table->begin_write(device_.get(), tensor.offset, tensor.bytes);
}

void Model::end_write(const tarn_tensor& tensor) {
  device_->table->end_write(device_.get(), tensor.offset, tensor.bytes);
}

const char* dtype_name(uint32_t dtype) {
  static const char* const kNames[] = {"bool", "u8", "i32", "i64", "f32", "f64", "f16", "bf16"};
  return dtype <= TARN_BF16 ? kNames[dtype] : "?";
}

uint64_t dtype_bytes(uint32_t dtype) {
  static const uint64_t kBytes[] = {1, 1, 4, 8, 4, 8, 2, 2};
  return dtype <= TARN_BF16 ? kBytes[dtype] : 1;
}

int64_t element_count(const tarn_tensor& tensor) {
  int64_t count = 1;
  for (uint32_t axis = 0; axis < tensor.rank; ++axis) count *= tensor.shape[axis];
  return count;
}

template <typename T>
static int64_t scan(const unsigned char* data, uint64_t elements) {
  for (uint64_t i = 0; i < elements; ++i) {
    T value = 0;
    memcpy(&value, data + i * sizeof(T), sizeof(T));
    if (!std::isfinite(value)) return static_cast<int64_t>(i);
  }
  return -1;
}

int64_t first_not_finite(const unsigned char* data, uint32_t dtype, uint64_t elements) {
  if (dtype == TARN_F32) return scan<float>(data, elements);
  if (dtype == TARN_F64) return scan<double>(data, elements);
  if (!is_half(dtype)) return -1;
  for (uint64_t i = 0; i < elements; ++i) {
    if (!std::isfinite(read_half(data, dtype, i))) return static_cast<int64_t>(i);
  }
  return -1;
}

}  // namespace tarn::runtime
