// Chooses vectors and tiles for the loops of a kernel.
#include "codegen/target/cpu/schedule/planner.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "ir/base/check.h"

namespace tarn {

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

// The variable along which loads that are strided over `columns` are contiguous: blocks of both are transposed in
// registers.
std::optional<VariableIndex> Planner::transposed_rows(const PerfectNest& nest, VariableIndex columns) const {
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

// The variable whose values lie between those of `columns`: together they are contiguous.
std::optional<VariableIndex> Planner::interleaved_by(const Access& access, VariableIndex columns) const {
  if (!is_simple(access) || has_loaded_index(access)) return std::nullopt;
  FlatAddress address = flat_address(kernel_, access);
  int64_t stride = address.stride(columns);
  if (stride < 2 || stride > target_.max_interleaved) return std::nullopt;
  for (const auto& term : address.terms) {
    if (term.coefficient == 1 && extent(term.variable) == stride) return term.variable;
  }
  return std::nullopt;
}

// Such a variable of a store.
std::optional<VariableIndex> Planner::interleaved_rows(const PerfectNest& nest, VariableIndex columns) const {
  for (const Statement& statement : *nest.body) {
    const Store* store = std::get_if<Store>(&statement.node);
    std::optional<VariableIndex> rows = store ? interleaved_by(store->access, columns) : std::nullopt;
    bool is_in_nest = rows && std::find(nest.variables.begin(), nest.variables.end(), *rows) != nest.variables.end();
    if (is_in_nest) return rows;
  }
  return std::nullopt;
}

// Vectors over `columns` without rows.
void Planner::tile_columns(NestPlan& plan, const PerfectNest& nest, VariableIndex columns) const {
  int lanes = lanes_for(columns);
  double work = block_cycles(*nest.body, {columns, lanes});
  int64_t vectors = divide_up(extent(columns), lanes);
  bool has_loop = std::any_of(nest.body->begin(), nest.body->end(),
                              [](const Statement& s) { return !is_pure(s) && !std::holds_alternative<Store>(s.node); });
  int copies = has_loop || work <= 8 ? 4 : work <= 24 ? 2 : 1;
  if (vectors <= 4 && work <= 60) copies = static_cast<int>(std::max<int64_t>(vectors, 1));
  std::optional<VariableIndex> rows = interleaved_rows(nest, columns);
  int row_copies = lanes;
  if (rows) {
    row_copies = static_cast<int>(extent(*rows));
  } else {
    rows = transposed_rows(nest, columns);
  }
  if (rows) copies = 1;
  for (VariableIndex variable : nest.variables) {
    if (variable != columns && variable != rows) {
      plan.loops.push_back({variable, 1, split(extent(variable), 1, 1, false)});
    }
  }
  if (rows) plan.loops.push_back({*rows, 1, split(extent(*rows), 1, row_copies, false)});
  plan.loops.push_back({columns, lanes, split(extent(columns), lanes, copies, false)});
}

NestPlan Planner::nest(const ForLoop& loop, bool in_vector) const {
  PerfectNest nest = perfect_nest(loop);
  NestPlan plan;
  std::optional<VariableIndex> columns;
  if (in_vector) {
    for (VariableIndex variable : nest.variables)
      plan.loops.push_back({variable, 1, split(extent(variable), 1, 1, false)});
    return plan;
  }
  bool has_reduce = std::any_of(nest.body->begin(), nest.body->end(), [](const Statement& statement) {
    return std::holds_alternative<ReduceLoop>(statement.node);
  });
  if (has_reduce && !holds_loop(*nest.body)) {
    tile_reductions(plan, nest);
    return plan;
  }
  columns = choose_vector(nest, &plan.cycles);
  if (columns) {
    tile_columns(plan, nest, *columns);
  } else {
    for (VariableIndex variable : nest.variables)
      plan.loops.push_back({variable, 1, split(extent(variable), 1, 1, false)});
  }
  return plan;
}

ReducePlan Planner::reduce(const ReduceLoop& loop, bool in_vector, int64_t results) const {
  ReducePlan plan;
  plan.serial = loop.variables;
  if (loop.variables.empty()) return plan;
  double cycles = 0;
  std::optional<VariableIndex> columns = in_vector ? std::nullopt : choose_vector(loop, &cycles);
  // Each lane must see its elements in their order.
  bool keeps_order = loop.kind != ReduceKind::ArgMax || columns == plan.serial.back();
  int chains = chains_for(results);
  if (columns && keeps_order) {
    std::erase(plan.serial, *columns);
    int lanes = lanes_for(*columns);
    int64_t vectors = divide_up(extent(*columns), lanes);
    int copies = static_cast<int>(std::clamp<int64_t>(vectors, 1, results == 1 ? 4 : chains));
    plan.inner = LoopPlan{*columns, lanes, split(extent(*columns), lanes, copies, false)};
    return plan;
  }
  VariableIndex last = plan.serial.back();
  if (chains > 1 && extent(last) / 4 >= chains) {
    plan.serial.pop_back();
    plan.inner = LoopPlan{last, 1, split(extent(last), 1, chains, false)};
    return plan;
  }
  // More would mix loads of several steps into a tile that fills the registers; but a short loop, a filter's width say,
  // costs more than it does.
  plan.unroll = results <= 4 ? 4 : results <= 8 ? 2 : 1;
  if (plan.serial.size() > 1 && extent(last) <= 8 && extent(last) * results <= 128) {
    plan.unroll = static_cast<int>(extent(last));
  }
  return plan;
}

}  // namespace tarn
