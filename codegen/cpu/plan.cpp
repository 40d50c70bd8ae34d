// Chooses vectors and tiles for the loops of a kernel.
#include "codegen/cpu/plan.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "ir/base/check.h"

namespace tarn {

namespace {

constexpr int64_t kLevelOneBytes = 32 * 1024;  // of a 48 KiB cache, what a panel may fill
// A packed panel lies on the stack, which may be small in a thread of an embedding program.
constexpr int64_t kPackedBytes = 128 * 1024;
constexpr double kLevelTwoBytesPerCycle = 32;  // measured sustained read rate is about this; bench/ceilings

int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

struct TileShape {
  int rows = 1;
  int vectors = 1;
};

// Cycles of one step of the reduction for one tile: the slowest of arithmetic, loads, latency and the level-2 cache.
double step_cycles(int rows, int vectors, double depth, int64_t row_tiles, const CpuTarget& target) {
  double products = rows * vectors;
  double arithmetic = products / (target.has_fma ? 2 : 1);
  // An operand that is used once can be splat by the instruction that reads it.
  double loads = (rows * (vectors == 1 && !target.has_broadcast_operand ? 1.5 : 1.0) + vectors) / 2;
  double front_end = (products * (target.has_fma ? 1 : 2) + vectors + (vectors > 1 ? rows : 0)) / 5;
  double latency = target.has_fma ? 4 : 4;
  double result = std::max({arithmetic, loads, front_end, latency});
  double panel = depth * vectors * target.vector_bytes;
  if (panel > static_cast<double>(kLevelOneBytes) && row_tiles > 1) {
    result = std::max(result, vectors * target.vector_bytes / kLevelTwoBytesPerCycle);
  }
  return result;
}

bool fits_registers(int rows, int vectors, int reductions, const CpuTarget& target) {
  int temporaries = vectors + 1 + (target.has_fma ? 0 : 1);
  int available = target.vector_registers == 32 ? 31 : 16;  // llvm#212375: spills at exactly 32 live vectors
  return rows * vectors * reductions + temporaries <= available;
}

TileShape choose_tile(int64_t row_count, int64_t vector_count, double depth, int reductions, const CpuTarget& target) {
  TileShape best;
  double best_cycles = HUGE_VAL;
  for (int vectors = 1; vectors <= std::min<int64_t>(vector_count, 8); ++vectors) {
    for (int rows = 1; rows <= row_count && fits_registers(rows, vectors, reductions, target); ++rows) {
      int64_t row_tiles = divide_up(row_count, rows);
      int64_t vector_tiles = divide_up(vector_count, vectors);
      // Sizes after equalising, on average.
      double even_rows = static_cast<double>(row_count) / static_cast<double>(row_tiles);
      double even_vectors = static_cast<double>(vector_count) / static_cast<double>(vector_tiles);
      int used_rows = static_cast<int>(std::ceil(even_rows));
      int used_vectors = static_cast<int>(std::ceil(even_vectors));
      double step = step_cycles(used_rows, used_vectors, depth, row_tiles, target);
      double tile = depth * step + 15 + used_rows * used_vectors;
      double cycles = tile * static_cast<double>(row_tiles * vector_tiles) *
                      (even_rows / used_rows * even_vectors / used_vectors * 0.5 + 0.5);
      if (cycles < best_cycles) {
        best_cycles = cycles;
        best = {used_rows, used_vectors};
      }
    }
  }
  return best;
}

}  // namespace

int64_t LoopPlan::tasks() const {
  int64_t sum = 0;
  for (const Segment& segment : segments) sum += segment.iterations;
  return sum;
}

std::vector<Segment> split(int64_t extent, int lanes, int copies, bool equal) {
  std::vector<Segment> segments;
  int64_t groups = divide_up(extent, lanes);
  int64_t tiles = divide_up(groups, copies);
  int64_t position = 0;
  auto add = [&](int64_t count, int64_t size) {
    if (count <= 0 || size <= 0) return;
    segments.push_back({position * lanes, count, static_cast<int>(size), lanes});
    position += count * size;
  };
  if (equal && tiles > 0) {
    add(groups % tiles, groups / tiles + 1);
    add(tiles - groups % tiles, groups / tiles);
  } else {
    add(groups / copies, copies);
    add(1, groups % copies);
  }
  int rest = static_cast<int>(extent % lanes);
  if (rest == 0 || segments.empty()) return segments;
  Segment last = segments.back();
  if (last.iterations > 1) {
    segments.back().iterations -= 1;
    last.start += segments.back().iterations * last.copies * lanes;
    last.iterations = 1;
    segments.push_back(last);
  }
  segments.back().last_lanes = rest;
  return segments;
}

Planner::Nest Planner::collect_nest(const ForLoop& loop) const {
  Nest nest{{loop.variable}, &loop.body};
  for (;;) {
    const Block& body = *nest.body;
    if (body.empty() || !std::all_of(body.begin(), body.end() - 1, is_pure)) return nest;
    const ForLoop* inner = std::get_if<ForLoop>(&body.back().node);
    if (!inner) return nest;
    nest.variables.push_back(inner->variable);
    nest.body = &inner->body;
  }
}

// Lanes of f32 or narrower, or of f64 and i64 where any scalar over the variable is that wide.
int Planner::lanes_for(VariableIndex variable) const {
  int64_t widest = 4;
  for (size_t s = 0; s < kernel_.scalars.size(); ++s) {
    if (facts_.depends[s][variable]) widest = std::max(widest, dtype_bytes(kernel_.scalars[s]));
  }
  auto lanes = static_cast<int64_t>(target_.vector_bytes) / widest;
  auto needed = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(extent(variable), 2))));
  return static_cast<int>(std::min(lanes, needed));
}

bool Planner::holds_loop(const Block& block) const {
  for (const Statement& statement : block) {
    if (std::holds_alternative<ForLoop>(statement.node)) return true;
    const ReduceLoop* reduce = std::get_if<ReduceLoop>(&statement.node);
    if (reduce && holds_loop(reduce->body)) return true;
  }
  return false;
}

// True where a reduction in `block` loads vectors over `columns` that do not depend on `rows`, and has results that do.
bool Planner::is_reused(const Block& block, VariableIndex rows, VariableIndex columns, Reuse& reuse,
                        double depth) const {
  bool found = false;
  for (const Statement& statement : block) {
    const ReduceLoop* reduce = std::get_if<ReduceLoop>(&statement.node);
    if (reduce) {
      double steps = depth;
      for (VariableIndex variable : reduce->variables) steps *= static_cast<double>(extent(variable));
      reuse.depth = std::max(reuse.depth, steps);
      reuse.reductions += 1;
      if (facts_.depends[reduce->result][rows]) found |= is_reused(reduce->body, rows, columns, reuse, steps);
    }
    const Load* load = std::get_if<Load>(&statement.node);
    if (load && depth > 1) {
      const VariableSet& used = facts_.depends[load->result];
      found |= used[columns] && !used[rows];
    }
  }
  return found;
}

Planner::Reuse Planner::find_reuse(const Nest& nest, VariableIndex columns) const {
  Reuse best;
  for (VariableIndex rows : nest.variables) {
    if (rows == columns || extent(rows) < 2) continue;
    Reuse reuse;
    if (!is_reused(*nest.body, rows, columns, reuse, 1)) continue;
    if (best.rows && extent(*best.rows) >= extent(rows)) continue;
    best = reuse;
    best.rows = rows;
  }
  return best;
}

// Rows by vectors; the loops that are neither come first.
void Planner::tile_product(NestPlan& plan, const Nest& nest, VariableIndex columns, const Reuse& reuse) const {
  int lanes = lanes_for(columns);
  VariableIndex rows = *reuse.rows;
  int64_t vectors = divide_up(extent(columns), lanes);
  TileShape tile = choose_tile(extent(rows), vectors, reuse.depth, std::max(1, reuse.reductions), target_);
  for (VariableIndex variable : nest.variables) {
    if (variable != rows && variable != columns)
      plan.loops.push_back({variable, 1, split(extent(variable), 1, 1, false)});
  }
  LoopPlan row_loop{rows, 1, split(extent(rows), 1, tile.rows, true)};
  LoopPlan column_loop{columns, lanes, split(extent(columns), lanes, tile.vectors, true)};
  // The operand of the outer loop is read once, that of the inner loop once for each outer tile.
  double row_bytes = static_cast<double>(extent(rows)) * reuse.depth;
  double column_bytes = static_cast<double>(extent(columns)) * reuse.depth;
  double columns_outer = column_bytes + row_bytes * static_cast<double>(column_loop.tasks());
  double rows_outer = row_bytes + column_bytes * static_cast<double>(row_loop.tasks());
  if (columns_outer <= rows_outer) {
    plan.pack = choose_pack(plan, nest, column_loop, row_loop);
    plan.loops.push_back(std::move(column_loop));
    plan.loops.push_back(std::move(row_loop));
  } else {
    plan.loops.push_back(std::move(row_loop));
    plan.loops.push_back(std::move(column_loop));
  }
}

// Rows of the operand are far apart where the matrix is wide: a panel of it then has a page or a cache set for each
// row. Worth a copy where many row tiles read it and it does not stay in the level-1 cache anyway.
std::optional<PackPlan> Planner::choose_pack(const NestPlan& plan, const Nest& nest, const LoopPlan& columns,
                                             const LoopPlan& rows) const {
  constexpr int64_t kFarBytes = 1024;
  if (rows.tasks() < 4) return std::nullopt;
  const ReduceLoop* reduce = nullptr;
  for (const Statement& statement : *nest.body) {
    const ReduceLoop* found = std::get_if<ReduceLoop>(&statement.node);
    if (found && reduce) return std::nullopt;
    if (found) reduce = found;
  }
  if (!reduce || reduce->kind != ReduceKind::Sum || reduce->variables.size() != 1) return std::nullopt;
  const Compute* product = std::get_if<Compute>(&facts_.definition[reduce->yield]->node);
  if (!product || product->op != ScalarOp::Mul) return std::nullopt;
  VariableIndex depth = reduce->variables[0];
  int widest = 0;
  for (const Segment& segment : columns.segments) widest = std::max(widest, segment.copies);
  for (ScalarIndex operand : product->operands) {
    const VariableSet& depends = facts_.depends[operand];
    const Load* load = std::get_if<Load>(&facts_.definition[operand]->node);
    if (!load || !is_simple(load->access) || has_loaded_index(load->access) || depends[rows.variable] ||
        !depends[columns.variable])
      continue;
    FlatAddress address = flat_address(kernel_, load->access);
    int64_t size = dtype_bytes(kernel_.scalars[operand]);
    int64_t bytes = extent(depth) * widest * columns.lanes * size;
    if (address.stride(columns.variable) != 1 || kernel_.scalars[operand] == DType::Bool) continue;
    if (address.stride(depth) * size < kFarBytes || bytes < kLevelOneBytes / 2 || bytes > kPackedBytes) continue;
    return PackPlan{operand, depth, plan.loops.size(), bytes};
  }
  return std::nullopt;
}

// No vector over the nest itself.  Where its body is reductions, several results side by side share what they load.
void Planner::tile_dots(NestPlan& plan, const Nest& nest) const {
  bool has_reduce = std::any_of(nest.body->begin(), nest.body->end(), [](const Statement& statement) {
    return std::holds_alternative<ReduceLoop>(statement.node);
  });
  bool side_by_side = has_reduce && !holds_loop(*nest.body);
  size_t count = nest.variables.size();
  for (size_t i = 0; i < count; ++i) {
    int copies = side_by_side && i + 2 >= count ? 4 : 1;
    if (i + 1 < count && extent(nest.variables[count - 1]) == 1) copies = 1;
    copies = static_cast<int>(std::min<int64_t>(copies, std::max<int64_t>(extent(nest.variables[i]), 1)));
    plan.loops.push_back({nest.variables[i], 1, split(extent(nest.variables[i]), 1, copies, true)});
  }
}

// The variable along which loads that are strided over `columns` are contiguous: blocks of both are transposed in
// registers.
std::optional<VariableIndex> Planner::transposed_rows(const Nest& nest, VariableIndex columns) const {
  std::optional<VariableIndex> rows;
  for (const Statement& statement : *nest.body) {
    if (std::holds_alternative<ForLoop>(statement.node) || std::holds_alternative<ReduceLoop>(statement.node)) {
      return std::nullopt;
    }
    const Load* load = std::get_if<Load>(&statement.node);
    if (!load || !is_simple(load->access) || has_loaded_index(load->access)) continue;
    FlatAddress address = flat_address(kernel_, load->access);
    if (address.stride(columns) == 0 || address.stride(columns) == 1) continue;
    for (VariableIndex variable : nest.variables) {
      if (variable != columns && address.stride(variable) == 1) rows = variable;
    }
  }
  if (rows && extent(*rows) < lanes_for(columns)) rows.reset();
  return rows;
}

// Vectors over `columns` without rows.
void Planner::tile_columns(NestPlan& plan, const Nest& nest, VariableIndex columns) const {
  int lanes = lanes_for(columns);
  double work = block_cycles(*nest.body, {columns, lanes});
  int64_t vectors = divide_up(extent(columns), lanes);
  bool has_loop = std::any_of(nest.body->begin(), nest.body->end(),
                              [](const Statement& s) { return !is_pure(s) && !std::holds_alternative<Store>(s.node); });
  int copies = has_loop || work <= 8 ? 4 : work <= 24 ? 2 : 1;
  if (vectors <= 4 && work <= 60) copies = static_cast<int>(std::max<int64_t>(vectors, 1));
  std::optional<VariableIndex> rows = transposed_rows(nest, columns);
  if (rows) copies = 1;
  for (VariableIndex variable : nest.variables) {
    if (variable != columns && variable != rows) {
      plan.loops.push_back({variable, 1, split(extent(variable), 1, 1, false)});
    }
  }
  if (rows) plan.loops.push_back({*rows, 1, split(extent(*rows), 1, lanes, false)});
  plan.loops.push_back({columns, lanes, split(extent(columns), lanes, copies, false)});
}

NestPlan Planner::nest(const ForLoop& loop, bool in_vector) const {
  Nest nest = collect_nest(loop);
  NestPlan plan;
  plan.body = nest.body;
  std::optional<VariableIndex> columns;
  if (in_vector) {
    for (VariableIndex variable : nest.variables)
      plan.loops.push_back({variable, 1, split(extent(variable), 1, 1, false)});
    return plan;
  }
  columns = choose_vector(nest, &plan.cycles);
  if (!columns) {
    tile_dots(plan, nest);
    return plan;
  }
  Reuse reuse = holds_loop(*nest.body) ? Reuse{} : find_reuse(nest, *columns);
  if (reuse.rows) {
    tile_product(plan, nest, *columns, reuse);
  } else {
    tile_columns(plan, nest, *columns);
  }
  return plan;
}

ReducePlan Planner::reduce(const ReduceLoop& loop, bool in_vector, int64_t results) const {
  ReducePlan plan;
  plan.serial = loop.variables;
  if (loop.variables.empty()) return plan;
  std::optional<VariableIndex> columns;
  double cycles = 0;
  if (!in_vector) columns = choose_vector(loop, &cycles);
  int chains = results >= 8 ? 1 : results >= 4 ? 2 : 4;
  if (columns) {
    std::erase(plan.serial, *columns);
    int lanes = lanes_for(*columns);
    int64_t vectors = divide_up(extent(*columns), lanes);
    int copies = static_cast<int>(std::clamp<int64_t>(vectors, 1, results == 1 ? 4 : chains));
    plan.inner = LoopPlan{*columns, lanes, split(extent(*columns), lanes, copies, false)};
    return plan;
  }
  VariableIndex last = plan.serial.back();
  if (chains > 1 && extent(last) >= 4 * chains) {
    plan.serial.pop_back();
    plan.inner = LoopPlan{last, 1, split(extent(last), 1, chains, false)};
    return plan;
  }
  // More would mix loads of several steps into a tile that fills the registers.
  plan.unroll = results <= 4 ? 4 : results <= 8 ? 2 : 1;
  return plan;
}

}  // namespace tarn
