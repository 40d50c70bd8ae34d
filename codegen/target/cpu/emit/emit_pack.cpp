// Copies of a product's operand in which the vectors of one tile are contiguous; blocks transposed in registers.
#include <fmt/format.h>
#include <llvm/IR/Constants.h>

#include <algorithm>

#include "codegen/target/cpu/emit/kernel_emitter.h"

namespace tarn {

// Rows of a square block to its columns.  At each stage, elements of two rows `distance` apart change places across the
// diagonal of blocks that are `distance` wide: shuffles that are one instruction each.
KernelEmitter::Values KernelEmitter::transposed(Values block) {
  size_t lanes = block.size();
  for (size_t distance = 1; distance < lanes; distance *= 2) {
    std::vector<int> low, high;
    for (size_t lane = 0; lane < lanes; ++lane) {
      bool is_second = (lane & distance) != 0;
      low.push_back(static_cast<int>(is_second ? lanes + lane - distance : lane));
      high.push_back(static_cast<int>(is_second ? lanes + lane : lane + distance));
    }
    for (size_t row = 0; row < lanes; ++row) {
      if (row & distance) continue;
      Value *first = block[row], *second = block[row + distance];
      block[row] = builder_.CreateShuffleVector(first, second, low);
      block[row + distance] = builder_.CreateShuffleVector(first, second, high);
    }
  }
  return block;
}

// void(from, to, from_step, to_step, count): `count` blocks of lanes by lanes elements, each row `from_step` bytes
// after the one before, to their columns, `to_step` bytes apart.  One function for all kernels: LLVM takes long over
// shuffles. The other form, with `is_part`: void(from, to, from_step, to_step, rows, columns) of one block, zero after
// its rows.
llvm::Function* KernelEmitter::transposer(DType dtype, int lanes, bool is_part) {
  std::string name = fmt::format("tarn.transpose.{}.{}{}", dtype_name(dtype), lanes, is_part ? ".part" : "");
  if (llvm::Function* found = module_.getFunction(name)) return found;
  auto& b = builder_;
  llvm::IRBuilder<>::InsertPointGuard guard(b);
  llvm::Function* caller = function_;
  std::vector<llvm::Type*> parameters(2, b.getPtrTy());
  parameters.insert(parameters.end(), is_part ? 4 : 3, b.getInt64Ty());
  auto* type = llvm::FunctionType::get(b.getVoidTy(), parameters, false);
  function_ = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, name, module_);
  function_->setDoesNotThrow();
  function_->addFnAttr(llvm::Attribute::NoInline);
  function_->addParamAttr(0, llvm::Attribute::NoAlias);
  function_->addParamAttr(1, llvm::Attribute::NoAlias);
  b.SetInsertPoint(llvm::BasicBlock::Create(module_.getContext(), "entry", function_));
  llvm::Type* vector = code_.memory_type(dtype, lanes);
  int64_t size = dtype_bytes(dtype);
  llvm::Align element(static_cast<uint64_t>(size)), whole(static_cast<uint64_t>(lanes * size));
  Value *from_step = function_->getArg(2), *to_step = function_->getArg(3);
  auto row_of = [&](Value* base, Value* step, int row) {
    return b.CreateGEP(b.getInt8Ty(), base, b.CreateMul(step, i64(row)));
  };
  if (is_part) {
    std::vector<uint64_t> numbers;
    for (int lane = 0; lane < lanes; ++lane) numbers.push_back(static_cast<uint64_t>(lane));
    Value* lane = llvm::ConstantDataVector::get(module_.getContext(), numbers);
    Value *rows = function_->getArg(4), *columns = function_->getArg(5), *zero = llvm::Constant::getNullValue(vector);
    Values block;
    for (int row = 0; row < lanes; ++row) {
      Value* active = b.CreateSelect(b.CreateICmpULT(i64(row), rows), columns, i64(0));
      Value* mask = b.CreateICmpULT(lane, as_vector(active, lanes));
      block.push_back(b.CreateMaskedLoad(vector, row_of(function_->getArg(0), from_step, row), element, mask, zero));
    }
    block = transposed(std::move(block));
    for (int row = 0; row < lanes; ++row) {
      Value* is_column = as_vector(b.CreateICmpULT(i64(row), columns), lanes);
      Value* place = row_of(function_->getArg(1), to_step, row);
      b.CreateMaskedStore(block[static_cast<size_t>(row)], place, whole, is_column);
    }
  } else {
    counted_loop(i64(0), function_->getArg(4), {}, [&](Value* i, const Values&) {
      Value* from = b.CreateGEP(b.getInt8Ty(), function_->getArg(0), b.CreateMul(i, i64(lanes * size)));
      Value* to = row_of(function_->getArg(1), b.CreateMul(i, to_step), lanes);
      Values block;
      for (int row = 0; row < lanes; ++row) {
        block.push_back(b.CreateAlignedLoad(vector, row_of(from, from_step, row), element));
      }
      block = transposed(std::move(block));
      for (int row = 0; row < lanes; ++row) {
        b.CreateAlignedStore(block[static_cast<size_t>(row)], row_of(to, to_step, row), whole);
      }
      return Values{};
    });
  }
  b.CreateRetVoid();
  llvm::Function* made = function_;
  function_ = caller;
  return made;
}

// Copies the operand's vectors of this tile, for all steps of the reduction, to the stack.
void KernelEmitter::pack_panel(const PackPlan& plan) {
  if (!panel_) {
    llvm::IRBuilder<> entry(&function_->getEntryBlock(), function_->getEntryBlock().begin());
    panel_ = entry.CreateAlloca(entry.getInt8Ty(), i64(plan.bytes));
    panel_->setAlignment(llvm::Align(64));
  }
  const Load& load = std::get<Load>(facts_.definition[plan.operand]->node);
  std::vector<Point> copies = points(&facts_.depends[plan.operand]);
  Scope scope(*this);
  for (VariableIndex variable : plan.depth) bind_serial(variable, {nullptr, 0, 1});
  for (size_t c = 0; c < copies.size(); ++c) pack_copy(plan, load, copies[c], c, copies.size());
  packed_ = {plan.operand, plan.depth};
}

llvm::Value* KernelEmitter::panel_place(Value* depth, int64_t row_bytes, int64_t offset) {
  Value* row = builder_.CreateGEP(builder_.getInt8Ty(), panel_, builder_.CreateMul(depth, i64(row_bytes)));
  return builder_.CreateGEP(builder_.getInt8Ty(), row, i64(offset));
}

namespace {

struct Depth {
  int64_t extent, stride;  // stride in elements of the operand
};

// The reduction's variables, outermost first; neighbours that are one walk through memory are one.
std::vector<Depth> depths_of(const Kernel& kernel, const PackPlan& plan, const FlatAddress& flat) {
  std::vector<Depth> result;
  for (VariableIndex variable : plan.depth) {
    Depth next{kernel.variables[variable].extent, flat.stride(variable)};
    if (!result.empty() && result.back().stride == next.extent * next.stride) {
      result.back() = {result.back().extent * next.extent, next.stride};
    } else {
      result.push_back(next);
    }
  }
  return result;
}

}  // namespace

void KernelEmitter::pack_copy(const PackPlan& plan, const Load& load, const Point& point, size_t copy, size_t copies) {
  auto& b = builder_;
  auto vector = static_cast<size_t>(vector_dimension());
  int lanes = dimensions_[vector].lanes;
  DType dtype = kernel_.buffers[load.access.buffer].type.dtype;
  int64_t size = dtype_bytes(dtype), step = lanes * size, row_bytes = step * static_cast<int64_t>(copies);
  auto panel_offset = static_cast<int64_t>(copy) * step;
  llvm::Align element(static_cast<uint64_t>(size));
  llvm::Type* type = code_.memory_type(dtype, lanes);
  FlatAddress flat = flat_address(kernel_, load.access);
  int64_t lane_stride = flat.stride(dimensions_[vector].variable);
  Value* mask = active_mask(point, static_cast<int>(vector));
  std::vector<Depth> depths = depths_of(kernel_, plan, flat);
  auto ahead = [&](Value* from, Value* elements) {
    return b.CreateGEP(b.getInt8Ty(), from, b.CreateMul(elements, i64(size)));
  };
  auto pack_step = [&](Value* from, Value* depth) {
    Value* value = nullptr;
    if (lane_stride != 1) {
      value = gather(from, lane_offsets(lane_stride, lanes), mask, dtype, lanes, load.access);
    } else if (mask) {
      value = tag(b.CreateMaskedLoad(type, from, element, mask, llvm::Constant::getNullValue(type)), load.access);
    } else {
      value = tag(b.CreateAlignedLoad(type, from, element), load.access);
    }
    Value* place = panel_place(depth, row_bytes, panel_offset);
    b.CreateAlignedStore(value, place, llvm::Align(static_cast<uint64_t>(step)));
  };
  // All steps of one walk through contiguous memory, by blocks of lanes by lanes.
  auto pack_walk = [&](Value* from, Value* depth, int64_t extent) {
    int64_t whole = mask ? 0 : extent / lanes;
    Value *from_step = i64(lane_stride * size), *to_step = i64(row_bytes);
    int active = mask ? dimensions_[vector].last_lanes : lanes;
    if (whole > 0) {
      Value* to = panel_place(depth, row_bytes, panel_offset);
      b.CreateCall(transposer(dtype, lanes, false), {from, to, from_step, to_step, i64(whole)});
    }
    for (int64_t done = whole * lanes; done < extent; done += lanes) {
      Value* to = panel_place(b.CreateAdd(depth, i64(done)), row_bytes, panel_offset);
      Value* columns = i64(std::min<int64_t>(extent - done, lanes));
      b.CreateCall(transposer(dtype, lanes, true),
                   {ahead(from, i64(done)), to, from_step, to_step, i64(active), columns});
    }
  };
  std::function<void(size_t, Value*, Value*)> walk = [&](size_t level, Value* from, Value* depth) {
    if (level == depths.size()) return pack_step(from, depth);
    const Depth& here = depths[level];
    Value* outer = b.CreateMul(depth, i64(here.extent));
    if (level + 1 == depths.size() && here.stride == 1 && lane_stride != 1) return pack_walk(from, outer, here.extent);
    counted_loop(i64(0), i64(here.extent), {}, [&](Value* i, const Values&) {
      walk(level + 1, ahead(from, b.CreateMul(i, i64(here.stride))), b.CreateAdd(outer, i));
      return Values{};
    });
  };
  walk(0, simple_address(load.access, flat, point).pointer, i64(0));
}

llvm::Value* KernelEmitter::load_packed(const Point& point) {
  auto vector = static_cast<size_t>(vector_dimension());
  DType dtype = kernel_.buffers[std::get<Load>(facts_.definition[*packed_.operand]->node).access.buffer].type.dtype;
  int64_t step = dimensions_[vector].lanes * dtype_bytes(dtype);
  int64_t copies = 1, copy = 0;
  for (size_t d = 0; d < dimensions_.size(); ++d) {
    VariableIndex variable = dimensions_[d].variable;
    bool is_depth = std::find(packed_.depth.begin(), packed_.depth.end(), variable) != packed_.depth.end();
    if (is_depth || !facts_.depends[*packed_.operand][variable]) continue;
    copies *= dimensions_[d].copies;
    copy = copy * dimensions_[d].copies + point[d];
  }
  Value* depth = i64(0);
  for (VariableIndex variable : packed_.depth) {
    Value* position = index_value({variable, 1}, point);
    depth = builder_.CreateAdd(builder_.CreateMul(depth, i64(kernel_.variables[variable].extent)), position);
  }
  Value* value = builder_.CreateAlignedLoad(code_.memory_type(dtype, dimensions_[vector].lanes),
                                            panel_place(depth, step * copies, copy * step),
                                            llvm::Align(static_cast<uint64_t>(step)));
  return code_.from_memory(value, dtype);
}

}  // namespace tarn
