// A kernel to one LLVM function, in tiles as its schedule says (codegen/target/cpu/schedule/schedule.h).
//
// Scalar code is emitted on demand: evaluate() follows a scalar's definition and remembers the result for each distinct
// combination of tile copies it depends on, so that nothing is computed twice.  Stores and reductions keep their order;
// loads from memory that the kernel also writes are done before the next store of their iteration.
#pragma once

#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>

#include <array>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "codegen/kernel/facts.h"
#include "codegen/program/program.h"
#include "codegen/target/cpu/emit/machine.h"
#include "codegen/target/cpu/emit/scalar_code.h"
#include "codegen/target/cpu/schedule/schedule.h"

namespace tarn {

// `tasks` > 0: void(ptr arena, i64 begin, i64 end) runs tasks begin..end-1, begin < end.
// `tasks` == 0: void(ptr arena) runs all of it.
// In loops, an i64 for each loop around follows: its iteration, outermost first.
// Code of several calls: last, a ptr to the i64 places of the call's buffers in the arena.
struct KernelCode {
  llvm::Function* function = nullptr;
  int64_t tasks = 0;
  llvm::Constant* places = nullptr;  // of this call's buffers, where the code is shared
};

// `schedule`: of call.kernel.
KernelCode emit_kernel(llvm::Module& module, const CpuTraits& target, const Schedule& schedule, const LaunchStep& call,
                       const std::string& name, bool is_shared);

// An index: dynamic + constant, where dynamic is null (0) or known to be a multiple of `multiple`.
struct Index {
  llvm::Value* dynamic = nullptr;
  int64_t constant = 0;
  int64_t multiple = 1;
};

class KernelEmitter {
 public:
  KernelEmitter(llvm::Module& module, const CpuTraits& target, const Schedule& schedule, const LaunchStep& call,
                bool is_shared);
  KernelCode run(const std::string& name);

 private:
  using Value = llvm::Value;
  using Values = std::vector<Value*>;

  // A tiled variable of an enclosing loop.
  struct TileDimension {
    VariableIndex variable;
    int lanes;
    int copies;
    int last_lanes;  // active in the last copy
    Index base;
  };
  static constexpr size_t kMaxDimensions = 6;
  using Point = std::array<int, kMaxDimensions>;  // the copy along each tile dimension

  struct Binding {
    enum Kind { Free, Serial, Tiled } kind = Free;
    Index index;           // Serial
    size_t dimension = 0;  // Tiled: in dimensions_
  };

  // Which of the domain's tasks to run.
  struct TaskRange {
    Value* begin = nullptr;
    Value* end = nullptr;
    // Where two loops share out their tiles: of the outer one.
    Value* first_outer = nullptr;
    Value* last_outer = nullptr;
  };

  // Forgets, at its end, the values and bindings made since its start.
  class Scope;

  // kernel_emitter.cpp: blocks and values
  void emit_block(const Block& block);
  void emit_straight(std::span<const Statement> statements);
  void do_pending_loads(const Point& point);
  Value* evaluate(ScalarIndex scalar, const Point& point);
  Value* compute(ScalarIndex scalar, const Point& point);
  Value* as_vector(Value* value, int lanes);
  Value* read_index(VariableIndex variable, const Point& point);
  std::vector<Point> points(const VariableSet* depends) const;
  size_t memo_slot(ScalarIndex scalar, const Point& point) const;
  void remember(ScalarIndex scalar, const Point& point, Value* value);
  Value* recall(ScalarIndex scalar, const Point& point) const;
  int vector_dimension() const;  // in dimensions_, or -1
  // Evaluates what the loop over `block` uses but does not change, before the loop.
  void hoist(const Block& block, const std::vector<ScalarIndex>& roots, bool keep_cheap);
  void collect_uses(const Block& block, std::vector<ScalarIndex>& uses) const;
  bool is_invariant(ScalarIndex scalar, const Point& point) const;
  void hoist_scalar(ScalarIndex scalar, bool keep_cheap, std::vector<bool>& visited);

  // emit_loops.cpp
  using LoopBody = std::function<Values(Value* index, const Values& carried)>;
  // `is_nonempty`: the loop runs once at least, though its bounds are not constant.
  Values counted_loop(Value* begin, Value* end, const Values& carried, const LoopBody& body, bool is_nonempty = false);
  // Tiles low..high-1 of one loop; null: all of them.
  struct TileRange {
    Value* low = nullptr;
    Value* high = nullptr;
  };
  TaskRange task_range();
  void emit_nest(const ForLoop& loop, const TaskRange* range);
  TileRange share_of(const TaskRange* range, size_t level, Value* outer_task);
  // `groups`: of a nest in blocks, the tiles of the current group; `range`: of any other nest.
  void emit_level(const NestPlan& plan, const Block& body, size_t level, const TaskRange* range,
                  const std::vector<TileRange>* groups, Value* outer_task);
  void emit_groups(const NestPlan& plan, const Block& body, const TaskRange* range, Value* outer_task,
                   std::vector<TileRange>& groups);
  void emit_blocks(const NestPlan& plan, const Block& body, const std::vector<TileRange>& groups);
  void bind_serial(VariableIndex variable, Index index);
  void bind_tile(const LoopPlan& loop, const Segment& segment, Index base);
  void bind_segment(const LoopPlan& loop, const Segment& segment, Value* tile);
  Value* i64(int64_t value) { return builder_.getInt64(static_cast<uint64_t>(value)); }

  // emit_reduce.cpp
  struct Reduction {
    const ReduceLoop* loop;
    const ReducePlan* plan;
    std::vector<Point> results;
    int copies;  // accumulators for each result
    int lanes;   // of each accumulator
    DType dtype;
    const Compute* product;  // see product_of
  };
  void emit_reduce(const ReduceLoop& loop);
  Reduction start_reduction(const ReduceLoop& loop);
  Values run_reduction(const Reduction& reduction);
  Value* partial_place(const Reduction& reduction, size_t result);
  void add_to_partials(const ReduceLoop& loop);
  Values joined(const Reduction& reduction, const Values& sums);
  void order_results(Reduction& reduction) const;
  Values reduce_level(const Reduction& reduction, size_t level, const Values& sums);
  Values reduce_inner(const Reduction& reduction, const Values& sums);
  Values reduce_step(const Reduction& reduction, Values sums, bool has_inner);
  bool is_zero_outside(ScalarIndex scalar, VariableIndex variable) const;
  Value* combined(const Reduction& reduction, Value* sum, const Point& point);
  void arg_max_step(const Reduction& reduction, Values& sums, size_t slot, size_t count, const Point& point);
  Value* finish(const Reduction& reduction, Value* sum);
  Value* finish_arg_max(const Reduction& reduction, const Values& sums, size_t result);

  // emit_pack.cpp
  void pack_panel(const PackPlan& plan);
  void pack_copy(const PackPlan& plan, const Load& load, const Point& point, size_t copy, size_t copies);
  Value* load_packed(const Point& point);
  Value* panel_place(Value* depth, int64_t row_bytes, int64_t offset);
  Values transposed(Values block);
  llvm::Function* transposer(DType dtype, int lanes, bool is_part);

  // emit_strided.cpp
  Value* picked(const Values& vectors, const std::vector<int>& positions);
  Value* first_lanes(int64_t active, int lanes);
  Value* load_strided(Value* pointer, int stride, int active, DType dtype, int lanes, const Access& access);
  std::optional<size_t> interleaved_dimension(const Store& store) const;
  void store_interleaved(const Store& store, const Point& point, size_t dimension);

  // emit_memory.cpp
  struct Address {
    Value* pointer;
    int64_t alignment;
  };
  Value* emit_load(const Load& load, const Point& point);
  void emit_store(const Store& store, const Point& point);
  Address simple_address(const Access& access, const FlatAddress& flat, const Point& point);
  // Fills `point` and all other rows of a block of lanes by lanes elements; null where the block is not whole.
  Value* load_transposed(const Load& load, const FlatAddress& flat, const Point& point);
  // A position along one dimension of a buffer: a vector where it differs from lane to lane.
  struct Position {
    Value* value;
    int64_t step = 0;           // from lane to lane
    bool is_scattered = false;  // lanes differ in no regular way
    bool is_uniform() const { return step == 0 && !is_scattered; }
  };
  Position guarded_position(const IndexExpression& index, const Point& point, int lanes);
  // Where a guarded load reads, in elements, and whether it may: what all lanes share, and vectors of what they do not.
  struct GuardedPlace {
    Value *valid, *offset;
    Value *valid_lanes = nullptr, *lane_offset = nullptr;
    int64_t lane_stride = 0;  // unless is_scattered
    bool is_scattered = false;
  };
  GuardedPlace guarded_place(const Access& access, const Point& point, int lanes);
  Value* load_guarded(const Load& load, const Point& point);
  Value* gather(Value* pointer, Value* offsets, Value* mask, DType dtype, int lanes, const Access& access);
  Value* lane_offsets(int64_t stride, int lanes);
  bool varies_over_lanes(ScalarIndex scalar) const;
  Value* loaded_offset(const IndexExpression::Loaded& loaded, const Point& point);
  Value* active_mask(const Point& point, int dimension);  // null where all lanes are active
  Value* index_value(const IndexExpression::Term& term, const Point& point);
  template <typename Instruction>
  Instruction* tag(Instruction* instruction, const Access& access) {
    instruction->setMetadata(llvm::LLVMContext::MD_alias_scope, own_scope_[access.buffer]);
    instruction->setMetadata(llvm::LLVMContext::MD_noalias, other_scopes_[access.buffer]);
    return instruction;
  }
  void make_alias_scopes();
  void move_buffers(unsigned first_iteration);  // parameter of the function
  Value* moved_arena(BufferIndex buffer) { return moved_[buffer] ? moved_[buffer] : function_->getArg(0); }
  // Of a buffer, from there, in bytes.
  int64_t known_offset(BufferIndex buffer) const {
    return is_shared_ ? 0 : static_cast<int64_t>(call_.buffer_offsets[buffer]);
  }

  llvm::Module& module_;
  const Schedule& schedule_;
  const LaunchStep& call_;
  bool is_shared_;  // by several calls
  const Kernel& kernel_;
  KernelFacts facts_;
  llvm::IRBuilder<> builder_;
  ScalarCode code_;
  llvm::Function* function_ = nullptr;

  std::vector<Binding> bindings_;  // of each variable
  std::vector<TileDimension> dimensions_;
  std::vector<Values> memo_;  // of each scalar, by memo_slot
  std::vector<std::pair<ScalarIndex, size_t>> memo_log_;
  std::vector<VariableIndex> binding_log_;
  std::vector<ScalarIndex> pending_loads_;  // met, from overwritten memory, maybe not done yet

  // The panel that is packed now; operand none: nothing is.
  struct PackedPanel {
    std::optional<ScalarIndex> operand;
    std::vector<VariableIndex> depth;
  };
  PackedPanel packed_;
  llvm::AllocaInst* panel_ = nullptr;  // of this nest: element [depth][copy][lane]

  // The sum that is cut into blocks now: element [tile of the group][result][lane].
  struct PartialSums {
    const ReduceLoop* loop = nullptr;
    Value *begin = nullptr, *end = nullptr;  // of the outermost variable, in this block; null: all blocks are done
    llvm::AllocaInst* memory = nullptr;
    int64_t results = 0, bytes = 0;  // in one tile; of one result
    Value* tile = nullptr;           // number in the group
  };
  PartialSums partials_;

  std::vector<Value*> moved_;  // of each buffer: the arena, moved by the iterations and, in shared code, to the buffer;
                               // null where it is not moved
  std::vector<int64_t> moved_multiple_;  // of each buffer: bytes by which that is aligned
  std::vector<bool> is_overwritten_;     // of each buffer: some output lies over it
  std::vector<llvm::MDNode*> own_scope_, other_scopes_;
};

class KernelEmitter::Scope {
 public:
  explicit Scope(KernelEmitter& emitter)
      : emitter_(emitter),
        memo_(emitter.memo_log_.size()),
        bindings_(emitter.binding_log_.size()),
        dimensions_(emitter.dimensions_.size()) {}
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  KernelEmitter& emitter_;
  size_t memo_, bindings_, dimensions_;
};

}  // namespace tarn
