// A tarn_program plus its arena: the tensors by role and name, typed access to the scalars.
#include "model.h"

#include <sys/mman.h>

#include <cmath>
#include <cstring>

#include "text.h"

namespace tarn::runtime {

Model::Model(const tarn_program& program) : program_(&program) {}

Model::Model(Model&& other) noexcept
    : program_(other.program_),
      arena_(std::exchange(other.arena_, nullptr)),
      mapped_bytes_(other.mapped_bytes_),
      loss_(other.loss_),
      metrics_(std::move(other.metrics_)),
      inputs_(std::move(other.inputs_)) {
  // A scalar that the program lacks points into absent_, which does not move along: those stay null here.
  for (int role = 0; role <= TARN_OUTPUT; ++role) scalars_[role] = other.scalars_[role];
}

Model::~Model() {
  if (arena_ != nullptr) munmap(arena_, mapped_bytes_);
}

Result<Model> Model::create(const tarn_program& program) {
  if (program.abi_version != TARN_ABI_VERSION || program.struct_size < sizeof(tarn_program))
    return Error{format("the model was compiled for runtime ABI %u, this runtime has %u", program.abi_version,
                        TARN_ABI_VERSION)};
  Model model(program);
  model.mapped_bytes_ = program.arena_bytes + program.arena_alignment;
  void* memory = mmap(nullptr, model.mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return Error{format("cannot map the arena of %llu bytes: %s", static_cast<unsigned long long>(program.arena_bytes),
                        strerror(errno))};
  model.arena_ = static_cast<unsigned char*>(memory);   // page-aligned, and zero
  madvise(memory, model.mapped_bytes_, MADV_HUGEPAGE);  // a hint; it may fail
  for (uint32_t i = 0; i < program.tensor_count; ++i) {
    const tarn_tensor& tensor = program.tensors[i];
    if (tensor.role == TARN_HYPER) model.hyper(tensor) = tensor.initial;
    if (tensor.role == TARN_METRIC) model.metrics_.push_back(&tensor);
    if (tensor.role == TARN_INPUT) model.inputs_.push_back(&tensor);
    if (tensor.role == TARN_LOSS) model.loss_ = &tensor;
    if (tensor.role >= TARN_STEP && tensor.role <= TARN_EPOCH)
      model.scalars_[tensor.role] = reinterpret_cast<int64_t*>(model.data(tensor));
  }
  return model;
}

std::vector<const tarn_tensor*> Model::of_role(tarn_role role) const {
  std::vector<const tarn_tensor*> found;
  for (uint32_t i = 0; i < program_->tensor_count; ++i)
    if (program_->tensors[i].role == static_cast<uint32_t>(role)) found.push_back(&program_->tensors[i]);
  return found;
}

const tarn_tensor* Model::find(tarn_role role, std::string_view name) const {
  for (uint32_t i = 0; i < program_->tensor_count; ++i) {
    const tarn_tensor& tensor = program_->tensors[i];
    if (tensor.role == static_cast<uint32_t>(role) && name == tensor.name) return &tensor;
  }
  return nullptr;
}

int64_t& Model::scalar(tarn_role role) {
  return scalars_[role] != nullptr ? *scalars_[role] : absent_[role];
}

static float read_f32(const unsigned char* data) {
  float value = 0;
  memcpy(&value, data, sizeof value);
  return value;
}

float Model::loss() const {
  return loss_ != nullptr ? read_f32(data(*loss_)) : 0;
}
float Model::metric(size_t index) const {
  return read_f32(data(*metrics_[index]));
}

const char* dtype_name(uint32_t dtype) {
  static const char* const kNames[] = {"bool", "u8", "i32", "i64", "f32", "f64"};
  return dtype <= TARN_F64 ? kNames[dtype] : "?";
}

uint64_t dtype_bytes(uint32_t dtype) {
  static const uint64_t kBytes[] = {1, 1, 4, 8, 4, 8};
  return dtype <= TARN_F64 ? kBytes[dtype] : 1;
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
  return -1;
}

}  // namespace tarn::runtime
