// Loads and stores: splat, contiguous, gathered or guarded, with what is known of alignment and aliasing.
#include <llvm/IR/Constants.h>
#include <llvm/IR/MDBuilder.h>

#include <numeric>

#include "codegen/target/cpu/emit/kernel_emitter.h"
#include "ir/base/check.h"

namespace tarn {

// Buffers of a kernel overlap only where an output lies over an input; the rest may be reordered freely.
void KernelEmitter::make_alias_scopes() {
  size_t count = kernel_.buffers.size();
  std::vector<size_t> group(count);
  std::iota(group.begin(), group.end(), size_t{0});
  is_overwritten_.assign(count, false);
  auto first = [&](size_t b) { return call_.buffer_offsets[b]; };
  auto last = [&](size_t b) { return first(b) + call_.bytes_in_loops(b); };
  for (size_t a = 0; a < count; ++a) {
    if (kernel_.buffers[a].kind == BufferKind::Out) is_overwritten_[a] = true;
    for (size_t b = 0; b < a; ++b) {
      if (first(a) >= last(b) || first(b) >= last(a)) continue;
      if (kernel_.buffers[a].kind == BufferKind::Out) is_overwritten_[b] = true;
      if (kernel_.buffers[b].kind == BufferKind::Out) is_overwritten_[a] = true;
      size_t from = group[a], to = group[b];
      for (size_t& entry : group) entry = entry == from ? to : entry;
    }
  }
  llvm::MDBuilder metadata(module_.getContext());
  llvm::MDNode* domain = metadata.createAnonymousAliasScopeDomain(kernel_.name);
  std::vector<llvm::MDNode*> scopes;
  for (const KernelBuffer& buffer : kernel_.buffers) {
    scopes.push_back(metadata.createAnonymousAliasScope(domain, buffer.name));
  }
  for (size_t a = 0; a < count; ++a) {
    std::vector<llvm::Metadata*> others;
    for (size_t b = 0; b < count; ++b) {
      if (group[b] != group[a] && group[b] == b) others.push_back(scopes[b]);
    }
    own_scope_.push_back(llvm::MDNode::get(module_.getContext(), {scopes[group[a]]}));
    other_scopes_.push_back(llvm::MDNode::get(module_.getContext(), others));
  }
}

void KernelEmitter::move_buffers(unsigned first_iteration) {
  moved_.assign(kernel_.buffers.size(), nullptr);
  moved_multiple_.assign(kernel_.buffers.size(), 64);
  for (size_t b = 0; b < kernel_.buffers.size(); ++b) {
    Value* distance = nullptr;
    for (size_t loop = 0; loop < call_.loop_lengths.size(); ++loop) {
      int64_t stride = call_.buffer_strides[b][loop];
      if (stride == 0) continue;
      Value* iteration = function_->getArg(first_iteration + static_cast<unsigned>(loop));
      Value* part = builder_.CreateMul(iteration, i64(stride), "", true, true);
      distance = distance ? builder_.CreateAdd(distance, part, "", true, true) : part;
      moved_multiple_[b] = std::gcd(moved_multiple_[b], stride);
    }
    if (is_shared_) {
      Value* places = function_->getArg(first_iteration + static_cast<unsigned>(call_.loop_lengths.size()));
      auto* place =
          builder_.CreateLoad(builder_.getInt64Ty(), builder_.CreateConstGEP1_64(builder_.getInt64Ty(), places, b));
      place->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(module_.getContext(), {}));
      distance = distance ? builder_.CreateAdd(distance, place, "", true, true) : place;
    }
    if (distance) moved_[b] = builder_.CreateGEP(builder_.getInt8Ty(), function_->getArg(0), distance);
  }
}

// Null where all lanes of the point are active.
llvm::Value* KernelEmitter::active_mask(const Point& point, int dimension) {
  const TileDimension& tile = dimensions_[static_cast<size_t>(dimension)];
  if (tile.last_lanes == tile.lanes || point[static_cast<size_t>(dimension)] + 1 < tile.copies) return nullptr;
  std::vector<llvm::Constant*> lanes;
  for (int lane = 0; lane < tile.lanes; ++lane) lanes.push_back(builder_.getInt1(lane < tile.last_lanes));
  return llvm::ConstantVector::get(lanes);
}

bool KernelEmitter::varies_over_lanes(ScalarIndex scalar) const {
  int vector = vector_dimension();
  return vector >= 0 && facts_.depends[scalar][dimensions_[static_cast<size_t>(vector)].variable];
}

// A loaded index times its coefficient as i64: a scalar, or a vector where it differs from lane to lane.
llvm::Value* KernelEmitter::loaded_offset(const IndexExpression::Loaded& loaded, const Point& point) {
  Value* index = evaluate(loaded.scalar, point);
  // It may be the same in all lanes after all: the place of a maximum among one.
  if (varies_over_lanes(loaded.scalar))
    index = as_vector(index, dimensions_[static_cast<size_t>(vector_dimension())].lanes);
  llvm::Type* type = builder_.getInt64Ty();
  if (auto* vector = llvm::dyn_cast<llvm::VectorType>(index->getType())) {
    type = llvm::VectorType::get(type, vector->getElementCount());
  }
  index = builder_.CreateSExt(index, type);
  return loaded.coefficient == 1
             ? index
             : builder_.CreateMul(index, llvm::ConstantInt::getSigned(type, loaded.coefficient), "", true, true);
}

// The address of lane 0, without the loaded indices that differ from lane to lane.
KernelEmitter::Address KernelEmitter::simple_address(const Access& access, const FlatAddress& flat,
                                                     const Point& point) {
  int64_t size = dtype_bytes(kernel_.buffers[access.buffer].type.dtype);
  int64_t constant = flat.offset;
  int64_t alignment = moved_multiple_[access.buffer];
  Value* dynamic = nullptr;
  for (const IndexExpression::Term& term : flat.terms) {
    const Binding& binding = bindings_[term.variable];
    TARN_CHECK(binding.kind != Binding::Free, "@{} uses variable {} outside its loop", kernel_.name,
               kernel_.variables[term.variable].name);
    bool is_tiled = binding.kind == Binding::Tiled;
    const Index& index = is_tiled ? dimensions_[binding.dimension].base : binding.index;
    int64_t position = index.constant;
    if (is_tiled) position += int64_t{point[binding.dimension]} * dimensions_[binding.dimension].lanes;
    constant += position * term.coefficient;
    if (!index.dynamic) continue;
    int64_t scale = term.coefficient * size;
    alignment = std::gcd(alignment, scale * index.multiple);
    Value* part = scale == 1 ? index.dynamic : builder_.CreateMul(index.dynamic, i64(scale), "", true, true);
    dynamic = dynamic ? builder_.CreateAdd(dynamic, part, "", true, true) : part;
  }
  for (const IndexExpression::Loaded& loaded : flat.loaded) {
    if (varies_over_lanes(loaded.scalar)) continue;
    alignment = std::gcd(alignment, loaded.coefficient * size);
    Value* part = loaded_offset({loaded.scalar, loaded.coefficient * size}, point);
    dynamic = dynamic ? builder_.CreateAdd(dynamic, part, "", true, true) : part;
  }
  int64_t bytes = known_offset(access.buffer) + constant * size;
  Value* pointer = moved_arena(access.buffer);
  if (dynamic) pointer = builder_.CreateGEP(builder_.getInt8Ty(), pointer, dynamic);
  if (bytes != 0) pointer = builder_.CreateGEP(builder_.getInt8Ty(), pointer, i64(bytes));
  return {pointer, std::gcd(alignment, bytes)};
}

llvm::Value* KernelEmitter::lane_offsets(int64_t stride, int lanes) {
  std::vector<uint64_t> offsets;
  for (int lane = 0; lane < lanes; ++lane) offsets.push_back(static_cast<uint64_t>(lane * stride));
  return llvm::ConstantDataVector::get(module_.getContext(), offsets);
}

// `offsets`: elements from `pointer`; `mask`: null for all lanes.
llvm::Value* KernelEmitter::gather(Value* pointer, Value* offsets, Value* mask, DType dtype, int lanes,
                                   const Access& access) {
  Value* pointers = builder_.CreateGEP(code_.memory_type(dtype, 1), pointer, offsets);
  llvm::Type* type = code_.memory_type(dtype, lanes);
  llvm::Align align(static_cast<uint64_t>(dtype_bytes(dtype)));
  return tag(builder_.CreateMaskedGather(type, pointers, align, mask, llvm::Constant::getNullValue(type)), access);
}

llvm::Value* KernelEmitter::load_transposed(const Load& load, const FlatAddress& flat, const Point& point) {
  auto vector = static_cast<size_t>(vector_dimension());
  const TileDimension& columns = dimensions_[vector];
  int lanes = columns.lanes;
  if (active_mask(point, static_cast<int>(vector)) || !flat.loaded.empty()) return nullptr;
  size_t rows = dimensions_.size();
  for (size_t d = 0; d < dimensions_.size(); ++d) {
    if (d != vector && dimensions_[d].copies == lanes && flat.stride(dimensions_[d].variable) == 1) rows = d;
  }
  if (rows == dimensions_.size()) return nullptr;
  DType dtype = kernel_.buffers[load.access.buffer].type.dtype;
  Point first = point;
  first[rows] = 0;
  Values block;
  for (int lane = 0; lane < lanes; ++lane) {
    FlatAddress shifted = flat;
    shifted.offset += lane * flat.stride(columns.variable);
    Address address = simple_address(load.access, shifted, first);
    block.push_back(tag(builder_.CreateAlignedLoad(code_.memory_type(dtype, lanes), address.pointer,
                                                   llvm::Align(static_cast<uint64_t>(address.alignment))),
                        load.access));
  }
  block = transposed(std::move(block));
  for (int row = 0; row < lanes; ++row) {
    Point place = first;
    place[rows] = row;
    remember(load.result, place, code_.from_memory(block[static_cast<size_t>(row)], dtype));
  }
  return recall(load.result, point);
}

llvm::Value* KernelEmitter::emit_load(const Load& load, const Point& point) {
  if (!is_simple(load.access)) return load_guarded(load, point);
  DType dtype = kernel_.buffers[load.access.buffer].type.dtype;
  FlatAddress flat = flat_address(kernel_, load.access);
  Address address = simple_address(load.access, flat, point);
  llvm::Align align(static_cast<uint64_t>(address.alignment));
  int vector = vector_dimension();
  int64_t stride = vector < 0 ? 0 : flat.stride(dimensions_[static_cast<size_t>(vector)].variable);
  Value* loaded = nullptr;  // offsets of the lanes from loaded indices
  for (const IndexExpression::Loaded& index : flat.loaded) {
    if (!varies_over_lanes(index.scalar)) continue;
    Value* part = loaded_offset(index, point);
    loaded = loaded ? builder_.CreateAdd(loaded, part) : part;
  }
  if (stride == 0 && !loaded) {
    Value* value = tag(builder_.CreateAlignedLoad(code_.memory_type(dtype, 1), address.pointer, align), load.access);
    return code_.from_memory(value, dtype);
  }
  int lanes = dimensions_[static_cast<size_t>(vector)].lanes;
  Value* mask = active_mask(point, vector);
  llvm::Type* type = code_.memory_type(dtype, lanes);
  Value* value = nullptr;
  if (loaded) {
    Value* offsets = stride == 0 ? loaded : builder_.CreateAdd(loaded, lane_offsets(stride, lanes));
    value = gather(address.pointer, offsets, mask, dtype, lanes, load.access);
  } else if (stride != 1) {
    if (schedule_.is_interleaved(stride)) {
      int active = mask ? dimensions_[static_cast<size_t>(vector)].last_lanes : lanes;
      value = load_strided(address.pointer, static_cast<int>(stride), active, dtype, lanes, load.access);
    } else {
      if (Value* transposed = load_transposed(load, flat, point)) return transposed;
      value = gather(address.pointer, lane_offsets(stride, lanes), mask, dtype, lanes, load.access);
    }
  } else if (mask) {
    llvm::Constant* zero = llvm::Constant::getNullValue(type);
    value = tag(builder_.CreateMaskedLoad(type, address.pointer, align, mask, zero), load.access);
  } else {
    value = tag(builder_.CreateAlignedLoad(type, address.pointer, align), load.access);
  }
  return code_.from_memory(value, dtype);
}

void KernelEmitter::emit_store(const Store& store, const Point& point) {
  TARN_CHECK(is_simple(store.access), "@{} has a guarded store", kernel_.name);
  DType dtype = kernel_.buffers[store.access.buffer].type.dtype;
  FlatAddress flat = flat_address(kernel_, store.access);
  Value* value = code_.to_memory(evaluate(store.value, point), dtype);
  Address address = simple_address(store.access, flat, point);
  llvm::Align align(static_cast<uint64_t>(address.alignment));
  int vector = vector_dimension();
  int64_t stride = vector < 0 ? 0 : flat.stride(dimensions_[static_cast<size_t>(vector)].variable);
  if (stride == 0) {
    TARN_CHECK(!value->getType()->isVectorTy(), "@{} stores many values in one place", kernel_.name);
    tag(builder_.CreateAlignedStore(value, address.pointer, align), store.access);
    return;
  }
  int lanes = dimensions_[static_cast<size_t>(vector)].lanes;
  value = as_vector(value, lanes);
  Value* mask = active_mask(point, vector);
  if (stride != 1) {
    Value* pointers = builder_.CreateGEP(code_.memory_type(dtype, 1), address.pointer, lane_offsets(stride, lanes));
    llvm::Align element(static_cast<uint64_t>(dtype_bytes(dtype)));
    tag(builder_.CreateMaskedScatter(value, pointers, element, mask), store.access);
  } else if (mask) {
    tag(builder_.CreateMaskedStore(value, address.pointer, align, mask), store.access);
  } else {
    tag(builder_.CreateAlignedStore(value, address.pointer, align), store.access);
  }
}

// coefficient * variable as an i64, for lane 0.
llvm::Value* KernelEmitter::index_value(const IndexExpression::Term& term, const Point& point) {
  const Binding& binding = bindings_[term.variable];
  TARN_CHECK(binding.kind != Binding::Free, "@{} uses a variable outside its loop", kernel_.name);
  bool is_tiled = binding.kind == Binding::Tiled;
  const Index& index = is_tiled ? dimensions_[binding.dimension].base : binding.index;
  int64_t constant = index.constant;
  if (is_tiled) constant += int64_t{point[binding.dimension]} * dimensions_[binding.dimension].lanes;
  Value* value = i64(constant);
  if (index.dynamic) value = builder_.CreateAdd(index.dynamic, value);
  return term.coefficient == 1 ? value : builder_.CreateMul(value, i64(term.coefficient));
}

KernelEmitter::Position KernelEmitter::guarded_position(const IndexExpression& index, const Point& point, int lanes) {
  int vector = vector_dimension();
  Position made{i64(index.offset)};
  for (const IndexExpression::Term& term : index.terms) {
    made.value = builder_.CreateAdd(made.value, index_value(term, point));
    if (vector >= 0 && term.variable == dimensions_[static_cast<size_t>(vector)].variable) made.step = term.coefficient;
  }
  for (const IndexExpression::Loaded& loaded : index.loaded) {
    if (varies_over_lanes(loaded.scalar)) {
      made.is_scattered = true;
    } else {
      made.value = builder_.CreateAdd(made.value, loaded_offset(loaded, point));
    }
  }
  if (made.is_uniform()) return made;
  made.value = builder_.CreateAdd(as_vector(made.value, lanes), lane_offsets(made.step, lanes));
  for (const IndexExpression::Loaded& loaded : index.loaded) {
    if (varies_over_lanes(loaded.scalar)) made.value = builder_.CreateAdd(made.value, loaded_offset(loaded, point));
  }
  return made;
}

KernelEmitter::GuardedPlace KernelEmitter::guarded_place(const Access& access, const Point& point, int lanes) {
  auto& b = builder_;
  const Shape& shape = kernel_.buffers[access.buffer].type.shape;
  Shape strides = row_major_strides(shape);
  GuardedPlace made{b.getTrue(), i64(0)};
  for (size_t d = 0; d < access.indices.size(); ++d) {
    int64_t divisor = access.indices[d].divisor;
    Position position = guarded_position(access.indices[d], point, lanes);
    made.is_scattered |= position.is_scattered;
    auto constant = [&](int64_t value) { return llvm::ConstantInt::getSigned(position.value->getType(), value); };
    Value*& condition = position.is_uniform() ? made.valid : made.valid_lanes;
    auto require = [&](Value* holds) { condition = condition ? b.CreateAnd(condition, holds) : holds; };
    if (divisor != 1) {
      require(b.CreateICmpEQ(b.CreateSRem(position.value, constant(divisor)), constant(0)));
      position.value = b.CreateSDiv(position.value, constant(divisor));
      made.is_scattered |= !position.is_uniform();
    }
    require(b.CreateICmpULT(position.value, constant(shape[d])));
    Value* part = b.CreateMul(position.value, constant(strides[d]));
    if (position.is_uniform()) {
      made.offset = b.CreateAdd(made.offset, part);
    } else {
      made.lane_offset = made.lane_offset ? b.CreateAdd(made.lane_offset, part) : part;
      made.lane_stride += position.step * strides[d];
    }
  }
  return made;
}

// Zero where an index leaves its dimension or is not divisible.
llvm::Value* KernelEmitter::load_guarded(const Load& load, const Point& point) {
  auto& b = builder_;
  const Access& access = load.access;
  DType dtype = kernel_.buffers[access.buffer].type.dtype;
  int vector = vector_dimension();
  int lanes = vector < 0 ? 1 : dimensions_[static_cast<size_t>(vector)].lanes;
  GuardedPlace from = guarded_place(access, point, lanes);
  Value* base = b.CreateGEP(b.getInt8Ty(), moved_arena(access.buffer), i64(known_offset(access.buffer)));
  llvm::Align align(static_cast<uint64_t>(dtype_bytes(dtype)));
  if (!from.lane_offset) {
    llvm::Type* element = code_.memory_type(dtype, 1);
    Value* place = b.CreateGEP(element, base, b.CreateSelect(from.valid, from.offset, i64(0)));
    Value* value = tag(b.CreateAlignedLoad(element, place, align), access);
    return code_.from_memory(b.CreateSelect(from.valid, value, llvm::Constant::getNullValue(element)), dtype);
  }
  Value* mask = b.CreateAnd(from.valid_lanes, as_vector(from.valid, lanes));
  if (Value* active = active_mask(point, vector)) mask = b.CreateAnd(mask, active);
  if (from.is_scattered || from.lane_stride != 1) {
    Value* offsets = b.CreateAdd(from.lane_offset, as_vector(from.offset, lanes));
    return code_.from_memory(gather(base, offsets, mask, dtype, lanes, access), dtype);
  }
  llvm::Type* element = code_.memory_type(dtype, 1);
  Value* first = b.CreateAdd(from.offset, b.CreateExtractElement(from.lane_offset, uint64_t{0}));
  llvm::Type* wide = code_.memory_type(dtype, lanes);
  Value* place = b.CreateGEP(element, base, first);
  Value* value = tag(b.CreateMaskedLoad(wide, place, align, mask, llvm::Constant::getNullValue(wide)), access);
  return code_.from_memory(value, dtype);
}

}  // namespace tarn
