// Blocks and values of a kernel in tiles.
#include "codegen/target/cpu/emit/kernel_emitter.h"

#include <llvm/IR/Constants.h>

#include <algorithm>

#include "ir/base/check.h"

namespace tarn {

namespace {

std::vector<ScalarIndex> loaded_indices(const Access& access) {
  std::vector<ScalarIndex> scalars;
  for (const IndexExpression& index : access.indices) {
    for (const auto& loaded : index.loaded) scalars.push_back(loaded.scalar);
  }
  return scalars;
}

bool holds_store(const Block& block) {
  return std::any_of(block.begin(), block.end(), [](const Statement& statement) {
    const ForLoop* loop = std::get_if<ForLoop>(&statement.node);
    return std::holds_alternative<Store>(statement.node) || (loop && holds_store(loop->body));
  });
}

}  // namespace

KernelEmitter::Scope::~Scope() {
  while (emitter_.memo_log_.size() > memo_) {
    auto [scalar, slot] = emitter_.memo_log_.back();
    emitter_.memo_[scalar][slot] = nullptr;
    emitter_.memo_log_.pop_back();
  }
  while (emitter_.binding_log_.size() > bindings_) {
    emitter_.bindings_[emitter_.binding_log_.back()] = {};
    emitter_.binding_log_.pop_back();
  }
  emitter_.dimensions_.resize(dimensions_);
}

KernelEmitter::KernelEmitter(llvm::Module& module, const CpuTraits& target, const Schedule& schedule,
                             const LaunchStep& call, bool is_shared)
    : module_(module),
      schedule_(schedule),
      call_(call),
      is_shared_(is_shared),
      kernel_(schedule.kernel),
      facts_(find_facts(schedule.kernel)),
      builder_(module.getContext()),
      code_(builder_, target) {
  bindings_.resize(kernel_.variables.size());
  memo_.resize(kernel_.scalars.size());
  make_alias_scopes();
}

KernelCode KernelEmitter::run(const std::string& name) {
  KernelCode result;
  result.tasks = schedule_.threads.tasks;
  std::vector<llvm::Type*> parameters = {builder_.getPtrTy()};
  if (result.tasks > 0) parameters.insert(parameters.end(), 2, builder_.getInt64Ty());
  auto first_iteration = static_cast<unsigned>(parameters.size());
  parameters.insert(parameters.end(), call_.loop_lengths.size(), builder_.getInt64Ty());
  if (is_shared_) parameters.push_back(builder_.getPtrTy());
  auto* type = llvm::FunctionType::get(builder_.getVoidTy(), parameters, false);
  function_ = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, name, module_);
  function_->setDoesNotThrow();
  function_->addParamAttr(0, llvm::Attribute::NoAlias);
  function_->addParamAttr(0, llvm::Attribute::getWithAlignment(module_.getContext(), llvm::Align(64)));
  builder_.SetInsertPoint(llvm::BasicBlock::Create(module_.getContext(), "entry", function_));
  move_buffers(first_iteration);
  if (result.tasks > 0) {
    TaskRange range = task_range();
    emit_nest(*domain_of(kernel_), &range);
  } else {
    emit_block(kernel_.body);
  }
  builder_.CreateRetVoid();
  result.function = function_;
  return result;
}

KernelCode emit_kernel(llvm::Module& module, const CpuTraits& target, const Schedule& schedule, const LaunchStep& call,
                       const std::string& name, bool is_shared) {
  return KernelEmitter(module, target, schedule, call, is_shared).run(name);
}

// --- blocks ---

void KernelEmitter::emit_block(const Block& block) {
  size_t begin = 0;
  size_t pending = pending_loads_.size();
  while (begin < block.size()) {
    if (const ForLoop* loop = std::get_if<ForLoop>(&block[begin].node)) {
      if (holds_store(loop->body)) {
        for (const Point& point : points(nullptr)) do_pending_loads(point);
      }
      emit_nest(*loop, nullptr);
      ++begin;
    } else if (const ReduceLoop* loop = std::get_if<ReduceLoop>(&block[begin].node)) {
      emit_reduce(*loop);
      ++begin;
    } else {
      size_t end = begin;
      while (end < block.size() && !std::holds_alternative<ForLoop>(block[end].node) &&
             !std::holds_alternative<ReduceLoop>(block[end].node)) {
        ++end;
      }
      emit_straight(std::span(block).subspan(begin, end - begin));
      begin = end;
    }
  }
  pending_loads_.resize(pending);
}

// Loads from memory that the kernel writes: late, so that few values are alive at a time, but before any store.
void KernelEmitter::do_pending_loads(const Point& point) {
  for (ScalarIndex scalar : pending_loads_) evaluate(scalar, point);
}

void KernelEmitter::emit_straight(std::span<const Statement> statements) {
  auto is_store = [](const Statement& statement) { return std::holds_alternative<Store>(statement.node); };
  auto is_overwritten_load = [&](const Statement& statement) {
    const Load* load = std::get_if<Load>(&statement.node);
    return load && is_overwritten_[load->access.buffer];
  };
  if (std::none_of(statements.begin(), statements.end(), is_store)) {
    for (const Statement& statement : statements) {
      if (is_overwritten_load(statement)) pending_loads_.push_back(std::get<Load>(statement.node).result);
    }
    return;
  }
  auto load_overwritten = [&](const Point& point) {
    do_pending_loads(point);
    for (const Statement& statement : statements) {
      if (is_overwritten_load(statement)) evaluate(std::get<Load>(statement.node).result, point);
    }
  };
  // An iteration's stores touch what this iteration alone loads (kernel.h, K4), so point by point is safe.
  for (const Point& point : points(nullptr)) {
    do_pending_loads(point);
    for (const Statement& statement : statements) {
      if (is_store(statement)) {
        const Store& store = std::get<Store>(statement.node);
        std::optional<size_t> interleaved = interleaved_dimension(store);
        if (!interleaved) {
          emit_store(store, point);
        } else if (point[*interleaved] == 0) {
          for (int copy = 0; copy < dimensions_[*interleaved].copies; ++copy) {
            Point other = point;
            other[*interleaved] = copy;
            load_overwritten(other);
          }
          store_interleaved(store, point, *interleaved);
        }
      } else if (is_overwritten_load(statement)) {
        evaluate(std::get<Load>(statement.node).result, point);
      }
    }
  }
}

// --- values ---

int KernelEmitter::vector_dimension() const {
  for (size_t d = 0; d < dimensions_.size(); ++d) {
    if (dimensions_[d].lanes > 1) return static_cast<int>(d);
  }
  return -1;
}

// One point for each combination of copies along the dimensions in `depends` (all of them where null).
std::vector<KernelEmitter::Point> KernelEmitter::points(const VariableSet* depends) const {
  std::vector<Point> result = {Point{}};
  for (size_t d = 0; d < dimensions_.size(); ++d) {
    if (depends && !(*depends)[dimensions_[d].variable]) continue;
    std::vector<Point> longer;
    for (const Point& point : result) {
      for (int copy = 0; copy < dimensions_[d].copies; ++copy) {
        longer.push_back(point);
        longer.back()[d] = copy;
      }
    }
    result = std::move(longer);
  }
  return result;
}

size_t KernelEmitter::memo_slot(ScalarIndex scalar, const Point& point) const {
  size_t slot = 0, stride = 1;
  for (size_t d = 0; d < dimensions_.size(); ++d) {
    if (facts_.depends[scalar][dimensions_[d].variable]) slot += static_cast<size_t>(point[d]) * stride;
    stride *= static_cast<size_t>(dimensions_[d].copies);
  }
  return slot;
}

void KernelEmitter::remember(ScalarIndex scalar, const Point& point, Value* value) {
  size_t slot = memo_slot(scalar, point);
  if (memo_[scalar].size() <= slot) memo_[scalar].resize(slot + 1, nullptr);
  memo_[scalar][slot] = value;
  memo_log_.emplace_back(scalar, slot);
}

llvm::Value* KernelEmitter::recall(ScalarIndex scalar, const Point& point) const {
  size_t slot = memo_slot(scalar, point);
  return slot < memo_[scalar].size() ? memo_[scalar][slot] : nullptr;
}

llvm::Value* KernelEmitter::evaluate(ScalarIndex scalar, const Point& point) {
  if (Value* known = recall(scalar, point)) return known;
  Value* value = compute(scalar, point);
  remember(scalar, point, value);
  return value;
}

llvm::Value* KernelEmitter::as_vector(Value* value, int lanes) {
  if (lanes == 1 || value->getType()->isVectorTy()) return value;
  return builder_.CreateVectorSplat(static_cast<unsigned>(lanes), value);
}

llvm::Value* KernelEmitter::compute(ScalarIndex scalar, const Point& point) {
  const Statement* definition = facts_.definition[scalar];
  TARN_CHECK(definition, "scalar %{} of @{} is never defined", scalar, kernel_.name);
  DType dtype = kernel_.scalars[scalar];
  if (const Constant* node = std::get_if<Constant>(&definition->node)) return code_.constant(node->value, dtype);
  if (const ReadIndex* node = std::get_if<ReadIndex>(&definition->node)) return read_index(node->variable, point);
  if (packed_.operand == scalar) return load_packed(point);
  if (const Load* node = std::get_if<Load>(&definition->node)) return emit_load(*node, point);
  const Compute* node = std::get_if<Compute>(&definition->node);
  TARN_CHECK(node, "scalar %{} of @{} is used before its reduction", scalar, kernel_.name);
  Values operands;
  int lanes = 1;
  for (ScalarIndex operand : node->operands) {
    operands.push_back(evaluate(operand, point));
    if (operands.back()->getType()->isVectorTy()) lanes = dimensions_[static_cast<size_t>(vector_dimension())].lanes;
  }
  for (Value*& operand : operands) operand = as_vector(operand, lanes);
  return code_.apply(node->op, operands, kernel_.scalars[node->operands.back()], dtype);
}

llvm::Value* KernelEmitter::read_index(VariableIndex variable, const Point& point) {
  const Binding& binding = bindings_[variable];
  TARN_CHECK(binding.kind != Binding::Free, "variable {} of @{} is read outside its loop",
             kernel_.variables[variable].name, kernel_.name);
  bool is_tiled = binding.kind == Binding::Tiled;
  const Index& index = is_tiled ? dimensions_[binding.dimension].base : binding.index;
  int lanes = is_tiled ? dimensions_[binding.dimension].lanes : 1;
  int64_t constant = index.constant + (is_tiled ? point[binding.dimension] * lanes : 0);
  Value* value = builder_.getInt32(static_cast<uint32_t>(constant));
  if (index.dynamic) value = builder_.CreateAdd(builder_.CreateTrunc(index.dynamic, builder_.getInt32Ty()), value);
  if (lanes == 1) return value;
  std::vector<uint32_t> steps;
  for (int lane = 0; lane < lanes; ++lane) steps.push_back(static_cast<uint32_t>(lane));
  return builder_.CreateAdd(as_vector(value, lanes), llvm::ConstantDataVector::get(module_.getContext(), steps));
}

// --- values that loops do not change ---

void KernelEmitter::collect_uses(const Block& block, std::vector<ScalarIndex>& uses) const {
  for (const Statement& statement : block) {
    if (const Store* node = std::get_if<Store>(&statement.node)) {
      uses.push_back(node->value);
    } else if (const ForLoop* node = std::get_if<ForLoop>(&statement.node)) {
      collect_uses(node->body, uses);
    } else if (const ReduceLoop* node = std::get_if<ReduceLoop>(&statement.node)) {
      uses.push_back(node->yield);
      collect_uses(node->body, uses);
    }
  }
}

bool KernelEmitter::is_invariant(ScalarIndex scalar, const Point& point) const {
  if (recall(scalar, point)) return true;
  for (size_t v = 0; v < bindings_.size(); ++v) {
    if (facts_.depends[scalar][v] && bindings_[v].kind == Binding::Free) return false;
  }
  const Statement* definition = facts_.definition[scalar];
  if (std::holds_alternative<ReduceLoop>(definition->node)) return false;
  if (const Load* load = std::get_if<Load>(&definition->node)) {
    for (ScalarIndex index : loaded_indices(load->access)) {
      if (!is_invariant(index, point)) return false;
    }
    if (!is_overwritten_[load->access.buffer]) return true;
    return std::find(pending_loads_.begin(), pending_loads_.end(), scalar) != pending_loads_.end();
  }
  if (const Compute* compute = std::get_if<Compute>(&definition->node)) {
    return std::all_of(compute->operands.begin(), compute->operands.end(),
                       [&](ScalarIndex operand) { return is_invariant(operand, point); });
  }
  return true;
}

void KernelEmitter::hoist_scalar(ScalarIndex scalar, bool keep_cheap, std::vector<bool>& visited) {
  if (visited[scalar]) return;
  visited[scalar] = true;
  const Statement* definition = facts_.definition[scalar];
  TARN_CHECK(definition, "scalar %{} of @{} is never defined", scalar, kernel_.name);
  if (std::holds_alternative<Constant>(definition->node)) return;
  if (is_invariant(scalar, Point{})) {
    const VariableSet& depends = facts_.depends[scalar];
    bool is_tiled = std::any_of(dimensions_.begin(), dimensions_.end(),
                                [&](const TileDimension& dimension) { return depends[dimension.variable]; });
    if (!keep_cheap || !is_tiled || schedule_.is_slow[scalar]) {
      for (const Point& point : points(&depends)) evaluate(scalar, point);
      return;
    }
  }
  if (const Compute* compute = std::get_if<Compute>(&definition->node)) {
    for (ScalarIndex operand : compute->operands) hoist_scalar(operand, keep_cheap, visited);
  } else if (const Load* load = std::get_if<Load>(&definition->node)) {
    for (ScalarIndex index : loaded_indices(load->access)) hoist_scalar(index, keep_cheap, visited);
  }
}

void KernelEmitter::hoist(const Block& block, const std::vector<ScalarIndex>& roots, bool keep_cheap) {
  std::vector<ScalarIndex> uses = roots;
  collect_uses(block, uses);
  std::vector<bool> visited(kernel_.scalars.size(), false);
  for (ScalarIndex scalar : uses) hoist_scalar(scalar, keep_cheap, visited);
}

}  // namespace tarn
