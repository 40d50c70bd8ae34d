// Vectors with a small stride in memory (every second pixel, the parts of a pair): whole vectors and shuffles instead
// of gathers and scatters.
#include <llvm/IR/Constants.h>

#include <algorithm>
#include <numeric>

#include "codegen/target/cpu/emit/kernel_emitter.h"

namespace tarn {

// Lane l is the element at positions[l] of the vectors put end to end; -1: any value.
llvm::Value* KernelEmitter::picked(const Values& vectors, const std::vector<int>& positions) {
  auto lanes = static_cast<int>(positions.size());
  Value* result = nullptr;
  for (int v = 0; v < static_cast<int>(vectors.size()); v += result ? 1 : 2) {
    bool is_first = !result;
    Value* second =
        is_first ? vectors[std::min(static_cast<size_t>(v) + 1, vectors.size() - 1)] : vectors[static_cast<size_t>(v)];
    int end = (v + (is_first ? 2 : 1)) * lanes;
    std::vector<int> mask;
    for (int lane = 0; lane < lanes; ++lane) {
      int position = positions[static_cast<size_t>(lane)];
      if (position < 0 || position >= end) {
        mask.push_back(-1);
      } else if (is_first) {
        mask.push_back(position);
      } else {
        mask.push_back(position >= v * lanes ? lanes + position - v * lanes : lane);
      }
    }
    result = builder_.CreateShuffleVector(is_first ? vectors[0] : result, second, mask);
  }
  return result;
}

// Null where the first `active` of the lanes are all of them.
llvm::Value* KernelEmitter::first_lanes(int64_t active, int lanes) {
  if (active >= lanes) return nullptr;
  std::vector<llvm::Constant*> mask;
  for (int lane = 0; lane < lanes; ++lane) mask.push_back(builder_.getInt1(lane < active));
  return llvm::ConstantVector::get(mask);
}

// Lanes at `pointer`, `pointer` + stride elements, ...; reads nothing before the first active one or after the last.
llvm::Value* KernelEmitter::load_strided(Value* pointer, int stride, int active, DType dtype, int lanes,
                                         const Access& access) {
  llvm::Type* type = code_.memory_type(dtype, lanes);
  llvm::Align align(static_cast<uint64_t>(dtype_bytes(dtype)));
  int length = stride * (active - 1) + 1;
  auto load = [&](int start, Value* mask) -> Value* {
    Value* place = builder_.CreateGEP(code_.memory_type(dtype, 1), pointer, i64(start));
    if (!mask) return tag(builder_.CreateAlignedLoad(type, place, align), access);
    return tag(builder_.CreateMaskedLoad(type, place, align, mask, llvm::Constant::getNullValue(type)), access);
  };
  Values vectors;
  int last = 0;  // where the last vector starts
  for (int start = 0; start < length; start += lanes) {
    last = active == lanes ? std::min(start, length - lanes) : start;
    vectors.push_back(load(last, first_lanes(length - last, lanes)));
  }
  auto count = static_cast<int>(vectors.size());
  std::vector<int> positions(static_cast<size_t>(lanes), -1);
  for (int lane = 0; lane < active; ++lane) {
    int position = stride * lane;
    positions[static_cast<size_t>(lane)] = position >= last ? (count - 1) * lanes + position - last : position;
  }
  Value* value = picked(vectors, positions);
  if (active == lanes) return value;
  Value* zero = llvm::Constant::getNullValue(type);
  return builder_.CreateSelect(first_lanes(active, lanes), value, zero);
}

// The tile dimension whose copies lie between the lanes of the store: together they are contiguous.
std::optional<size_t> KernelEmitter::interleaved_dimension(const Store& store) const {
  int vector = vector_dimension();
  if (vector < 0 || !is_simple(store.access)) return std::nullopt;
  FlatAddress flat = flat_address(kernel_, store.access);
  int64_t stride = flat.stride(dimensions_[static_cast<size_t>(vector)].variable);
  if (!schedule_.is_interleaved(stride)) return std::nullopt;
  for (size_t d = 0; d < dimensions_.size(); ++d) {
    bool is_scalar = dimensions_[d].lanes == 1 && dimensions_[d].copies == stride;
    if (is_scalar && flat.stride(dimensions_[d].variable) == 1) return d;
  }
  return std::nullopt;
}

// Stores all copies along `dimension`; `point` is the first of them.
void KernelEmitter::store_interleaved(const Store& store, const Point& point, size_t dimension) {
  const TileDimension& columns = dimensions_[static_cast<size_t>(vector_dimension())];
  int lanes = columns.lanes, copies = dimensions_[dimension].copies;
  int active = active_mask(point, vector_dimension()) ? columns.last_lanes : lanes;
  DType dtype = kernel_.buffers[store.access.buffer].type.dtype;
  Values values;
  for (int copy = 0; copy < copies; ++copy) {
    Point place = point;
    place[dimension] = copy;
    values.push_back(as_vector(code_.to_memory(evaluate(store.value, place), dtype), lanes));
  }
  Address address = simple_address(store.access, flat_address(kernel_, store.access), point);
  int64_t size = dtype_bytes(dtype);
  for (int first = 0; first < active * copies; first += lanes) {
    std::vector<int> positions;
    for (int position = first; position < first + lanes; ++position) {
      positions.push_back(position % copies * lanes + position / copies);
    }
    int64_t offset = first * size;
    Value* place = builder_.CreateGEP(builder_.getInt8Ty(), address.pointer, i64(offset));
    llvm::Align align(static_cast<uint64_t>(std::gcd(address.alignment, offset)));
    Value* value = picked(values, positions);
    if (Value* mask = first_lanes(active * copies - first, lanes)) {
      tag(builder_.CreateMaskedStore(value, place, align, mask), store.access);
    } else {
      tag(builder_.CreateAlignedStore(value, place, align), store.access);
    }
  }
}

}  // namespace tarn
