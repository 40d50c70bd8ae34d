// Chooses loop orders and tiles: by counting, for each variable that could fill vectors, what one value of the loads,
// stores and arithmetic of a nest costs.
#include <algorithm>
#include <cmath>

#include "codegen/kernel/facts.h"
#include "codegen/target/c/schedule/nest.h"
#include "codegen/target/c/schedule/schedule.h"

namespace tarn::c_source {

namespace {

constexpr int64_t kVector = 8;  // values in a vector, for estimates

// Elements between values up to which compilers load vectors and shuffle them, and what that costs.
constexpr int64_t kShuffled = 4;
constexpr double kShuffle = 3;

// What one value costs beside a scalar instruction.
constexpr double kGuarded = 2;     // a load that may lie outside
constexpr double kFunction = 10;   // exp and its like
constexpr double kHorizontal = 8;  // putting partial results together, for each of them

class Planner {
 public:
  Planner(const Kernel& kernel, const Traits& traits, bool is_in_place)
      : kernel_(kernel), traits_(traits), is_in_place_(is_in_place), facts_(find_facts(kernel)) {}

  Schedule run() {
    block(kernel_.body, std::nullopt);
    return std::move(schedule_);
  }

 private:
  int64_t extent(VariableIndex variable) const { return kernel_.variables[variable].extent; }
  double steps(const std::vector<VariableIndex>& variables) const {
    double product = 1;
    for (VariableIndex variable : variables) product *= static_cast<double>(extent(variable));
    return product;
  }

  // `columns`: what the loops around put side by side.
  void block(const Block& body, std::optional<VariableIndex> columns) {
    for (const Statement& statement : body) {
      if (const ForLoop* loop = std::get_if<ForLoop>(&statement.node)) nest(collect_nest(*loop));
      if (const ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) {
        reduce(*loop, columns);
        block(loop->body, columns);
      }
    }
  }

  // --- costs ---

  double access_cost(const Access& access, VariableIndex vector) const {
    if (!is_simple(access)) return variables_of(access)[vector] ? kGuarded : kGuarded / kVector;
    FlatAddress address = flat_address(kernel_, access);
    int64_t stride = address.stride(vector);
    for (const auto& loaded : address.loaded) {
      if (facts_.depends[loaded.scalar][vector]) stride = 2;
    }
    if (stride == 0 || stride == 1) return 1.0 / kVector;
    return 1 < stride && stride <= kShuffled ? kShuffle / kVector : 1;
  }

  // Of one value of `vector`, loops within included.
  double cost(const Block& body, VariableIndex vector) const {
    double sum = 0;
    for (const Statement& statement : body) {
      if (const Load* load = std::get_if<Load>(&statement.node)) sum += access_cost(load->access, vector);
      if (const Store* store = std::get_if<Store>(&statement.node)) sum += access_cost(store->access, vector);
      if (const Compute* compute = std::get_if<Compute>(&statement.node))
        sum += (is_function(compute->op) ? kFunction : 1) / kVector;
      if (const ForLoop* loop = std::get_if<ForLoop>(&statement.node))
        sum += steps({loop->variable}) * cost(loop->body, vector);
      if (const ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) sum += reduce_cost(*loop, vector);
    }
    return sum;
  }

  double reduce_cost(const ReduceLoop& loop, VariableIndex vector) const {
    return steps(loop.variables) * (cost(loop.body, vector) + 1.0 / kVector);
  }

  // --- sizes of tiles ---

  // Vectors for a row of so many values; below a vector, smaller ones count as whole.
  int64_t vectors(int64_t values, DType dtype) const {
    return std::max<int64_t>(values * dtype_bytes(dtype) / traits_.vector_bytes, 1);
  }

  // Vectors for the whole extent in steps of `width`: what is left is done again, or by smaller steps, or, of partial
  // results, one by one.
  int64_t vectors_in_steps(int64_t extent, int64_t width, DType dtype, bool is_lanes) const {
    int64_t steps = extent / width, rest = extent % width;
    if (is_lanes) return steps * vectors(width, dtype) + rest;
    if (!is_in_place_) return (steps + (rest != 0)) * vectors(width, dtype);
    int64_t sum = steps * vectors(width, dtype);
    for (int64_t step = width / 2; step > 0; step /= 2) sum += rest & step ? vectors(step, dtype) : 0;
    return sum;
  }

  int64_t width(VariableIndex variable, DType dtype, bool is_lanes) const {
    int64_t best = 1;
    for (int64_t w = 2; w <= std::min(extent(variable), traits_.width_bytes / dtype_bytes(dtype)); w *= 2) {
      if (vectors_in_steps(extent(variable), w, dtype, is_lanes) <=
          vectors_in_steps(extent(variable), best, dtype, is_lanes)) {
        best = w;
      }
    }
    return best;
  }

  // How much dearer a value is than in full vectors.
  double emptiness(VariableIndex variable, DType dtype, bool is_lanes = false) const {
    if (extent(variable) == 0) return 1;
    int64_t made = vectors_in_steps(extent(variable), width(variable, dtype, is_lanes), dtype, is_lanes);
    return static_cast<double>(made * traits_.vector_bytes / dtype_bytes(dtype)) /
           static_cast<double>(extent(variable));
  }

  int64_t height(VariableIndex variable, int64_t width_bytes) const {
    int64_t size = extent(variable);
    int64_t most = std::clamp<int64_t>(traits_.tile_bytes / width_bytes, 1, traits_.max_rows);
    if (size <= most) return size;
    for (int64_t rows = most; rows >= 3; --rows) {
      if (size % rows == 0) return rows;
    }
    return std::min<int64_t>(most, 4);  // a rest has its own copy of the text: few kinds of them
  }

  // --- nests ---

  void nest(const Nest& nest) {
    NestSchedule& plan = schedule_.nests[nest.variables[0]];
    plan.order = nest.variables;
    bool is_leaf = true, has_reduction = false;
    const ReduceLoop* heaviest = nullptr;
    for (const Statement& statement : nest.body) {
      const ForLoop* inner = std::get_if<ForLoop>(&statement.node);
      is_leaf &= !inner || is_short(*inner);
      has_reduction |= inner != nullptr;
      const ReduceLoop* reduce = std::get_if<ReduceLoop>(&statement.node);
      if (!reduce) continue;
      has_reduction = true;
      if (!heaviest || steps(reduce->variables) > steps(heaviest->variables)) heaviest = reduce;
    }
    std::optional<VariableIndex> columns;
    if (is_leaf && !has_reduction) move_innermost(plan.order, cheapest(nest, DType::F32));
    if (is_leaf && heaviest) columns = tile(plan, nest, *heaviest);
    block(nest.body, columns);
  }

  // A loop too short to fill vectors by itself: it may stand in a tile.
  bool is_short(const ForLoop& loop) const {
    Nest inner = collect_nest(loop);
    return !holds_loop(inner.body) && steps(inner.variables) < kVector;
  }

  VariableIndex cheapest(const Nest& nest, DType dtype) const {
    VariableIndex best = nest.variables.back();
    for (VariableIndex variable : nest.variables) {
      double now = cost(nest.body, variable) * emptiness(variable, dtype);
      if (now < cost(nest.body, best) * emptiness(best, dtype)) best = variable;
    }
    return best;
  }

  static void move_innermost(std::vector<VariableIndex>& order, VariableIndex variable) {
    order.erase(std::find(order.begin(), order.end(), variable));
    order.push_back(variable);
  }

  // Columns of the nest or lanes of its reductions, and rows beside either.
  std::optional<VariableIndex> tile(NestSchedule& plan, const Nest& nest, const ReduceLoop& heaviest) {
    DType dtype = kernel_.scalars[heaviest.yield];
    VariableIndex columns = cheapest(nest, dtype);
    std::optional<VariableIndex> lanes = lanes_of(heaviest);
    double by_columns = facts_.depends[heaviest.result][columns]
                            ? reduce_cost(heaviest, columns) * emptiness(columns, dtype)
                            : HUGE_VAL;
    double by_lanes = lanes ? reduce_cost(heaviest, *lanes) * emptiness(*lanes, dtype, true) + kHorizontal : HUGE_VAL;
    bool is_by_columns = by_columns <= by_lanes && by_columns < HUGE_VAL;
    if (!is_by_columns && !lanes) return std::nullopt;
    VariableIndex vector = is_by_columns ? columns : *lanes;
    int64_t size = width(vector, dtype, !is_by_columns);
    auto tile_of = [&](VariableIndex variable, int64_t step) {
      return Tile{variable, step, !is_in_place_ && extent(variable) % step != 0};
    };
    if (is_by_columns) plan.columns = tile_of(columns, size);
    std::optional<VariableIndex> rows = rows_of(nest, heaviest, vector);
    if (rows) plan.rows = tile_of(*rows, height(*rows, size * dtype_bytes(dtype)));
    if (plan.columns) move_innermost(plan.order, columns);
    if (plan.rows) move_innermost(plan.order, *rows);
    return is_by_columns ? std::optional(columns) : std::nullopt;
  }

  // Whose values share the most loads of the reduction that fill vectors.
  std::optional<VariableIndex> rows_of(const Nest& nest, const ReduceLoop& reduce, VariableIndex vector) const {
    std::optional<VariableIndex> best;
    int most = 0;
    for (VariableIndex variable : nest.variables) {
      if (variable == vector || !facts_.depends[reduce.result][variable] || extent(variable) == 1) continue;
      int shared = 0;
      for (const Statement& statement : reduce.body) {
        std::optional<ScalarIndex> result = result_of(statement);
        const Load* load = std::get_if<Load>(&statement.node);
        shared += load && facts_.depends[*result][vector] && !facts_.depends[*result][variable];
      }
      if (shared > most) best = variable;
      most = std::max(most, shared);
    }
    return best;
  }

  // --- reductions ---

  // The variable over which partial results are worth having: what the body reads lies side by side along it.
  std::optional<VariableIndex> lanes_of(const ReduceLoop& loop) const {
    if (loop.kind == ReduceKind::ArgMax || holds_loop(loop.body)) return std::nullopt;
    std::optional<VariableIndex> best;
    double least = steps(loop.variables) < 2 * kVector ? 0 : 0.75 * scalar_cost(loop);
    for (VariableIndex variable : loop.variables) {
      if (!facts_.depends[loop.yield][variable] || extent(variable) < kVector / 2) continue;
      double now = cost(loop.body, variable) * emptiness(variable, kernel_.scalars[loop.yield], true);
      if (now < least) best = variable;
      least = std::min(least, now);
    }
    return best;
  }

  double scalar_cost(const ReduceLoop& loop) const { return static_cast<double>(loop.body.size() + 1); }

  void reduce(const ReduceLoop& loop, std::optional<VariableIndex> columns) {
    ReduceSchedule& plan = schedule_.reductions[loop.result];
    plan.order = loop.variables;
    if (columns && facts_.depends[loop.result][*columns]) return;
    std::optional<VariableIndex> lanes = lanes_of(loop);
    if (!lanes) return;
    plan.lanes = {*lanes, width(*lanes, kernel_.scalars[loop.yield], true), false};
    move_innermost(plan.order, *lanes);
  }

  const Kernel& kernel_;
  const Traits& traits_;
  bool is_in_place_;
  KernelFacts facts_;
  Schedule schedule_;
};

}  // namespace

Schedule plan(const Kernel& kernel, const Traits& traits, bool is_in_place) {
  return Planner(kernel, traits, is_in_place).run();
}

}  // namespace tarn::c_source
