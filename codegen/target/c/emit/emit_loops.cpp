// Loops of a kernel: plain ones, tiles of rows and columns, reductions.
#include <fmt/format.h>

#include <bit>

#include "codegen/target/c/emit/kernel_emitter.h"

namespace tarn::c_source {

// `accumulator`: the reduction whose body this is; it takes a step after the last statement.
void KernelEmitter::block(const Block& block, const Accumulator& accumulator) {
  std::vector<const Statement*> pending;
  auto flush = [&](const Accumulator& at_end) {
    strip(pending, at_end);
    pending.clear();
  };
  for (const Statement& statement : block) {
    if (const ForLoop* loop = std::get_if<ForLoop>(&statement.node)) {
      flush({});
      for_loop(*loop);
    } else if (const ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) {
      flush({});
      if (uses_[loop->result].count > 0) reduce(*loop);
    } else {
      pending.push_back(&statement);
    }
  }
  flush(accumulator);
}

void KernelEmitter::columns_loop(const std::function<void()>& body) {
  std::string lane = columns_->lane;
  line("TARN_VECTORS");
  braced(fmt::format("for ({} {} = 0; {} < {}; ++{})", index_type_, lane, lane, columns_->width, lane), body);
}

void KernelEmitter::for_loop(const ForLoop& loop) {
  VariableIndex variable = loop.variable;
  if (!runs({&variable, 1})) return;
  for (const auto& [first, nest] : schedule_.nests) {
    for (const auto* tile : {&nest.columns, &nest.rows}) {
      if (!*tile || (*tile)->variable != variable) continue;
      return tiled_loop(**tile, tile == &nest.rows, [&] { block(loop.body, {}); });
    }
  }
  plain_loop(variable, 0, [&] { block(loop.body, {}); });
}

void KernelEmitter::plain_loop(VariableIndex variable, int64_t begin, const std::function<void()>& body) {
  const std::string& name = index_names_[variable];
  positions_[variable] = {name, 0, ""};
  braced(fmt::format("for ({0} {1} = {2}; {1} < {3}; ++{1})", index_type_, name, begin,
                     kernel_.variables[variable].extent),
         body);
}

// A loop in steps, none where there is one step.
void KernelEmitter::tiled_loop(const Tile& tile, bool is_rows, const std::function<void()>& body) {
  int64_t extent = kernel_.variables[tile.variable].extent;
  const std::string& name = index_names_[tile.variable];
  auto step = [&](const Position& at, int64_t size) {
    std::string lane = is_rows ? "" : lane_names_[tile.variable];
    positions_[tile.variable] = {at.name, at.offset, lane};
    if (is_rows) rows_ = {tile.variable, size};
    if (!is_rows) columns_ = {tile.variable, lane, size};
    body();
    if (is_rows) rows_.reset();
    if (!is_rows) columns_.reset();
  };
  int64_t whole = extent / tile.size * tile.size;
  if (tile.overlaps && whole < extent) {
    // The last step begins where it ends with the extent.
    std::string number = name + "_step";
    return braced(fmt::format("for ({0} {1} = 0; {1} < {2}; ++{1})", index_type_, number, whole / tile.size + 1), [&] {
      line(fmt::format("const {0} {1} = {2} < {3} ? {2} * {4} : {5};", index_type_, name, number, whole / tile.size,
                       tile.size, extent - tile.size));
      step({name, 0, ""}, tile.size);
    });
  }
  if (whole == extent && whole == tile.size) return step({}, tile.size);
  if (whole > tile.size) {
    braced(fmt::format("for ({0} {1} = 0; {1} < {2}; {1} += {3})", index_type_, name, whole, tile.size),
           [&] { step({name, 0, ""}, tile.size); });
  } else if (whole == tile.size) {
    braced("", [&] { step({}, tile.size); });
  }
  // Columns that are left: in powers of two, for the same reason as the tile itself.
  for (int64_t size = extent - whole; whole < extent; size = extent - whole) {
    if (!is_rows) size = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(size)));
    braced("", [&] { step({"", whole, ""}, size); });
    whole += size;
  }
}

void KernelEmitter::serial_loops(std::span<const VariableIndex> variables, const std::function<void()>& body) {
  if (variables.empty()) return body();
  plain_loop(variables[0], 0, [&] { serial_loops(variables.subspan(1), body); });
}

void KernelEmitter::reduce(const ReduceLoop& loop) {
  const VariableSet& depends = facts_.depends[loop.result];
  bool is_array = is_column(depends), is_arg_max = loop.kind == ReduceKind::ArgMax;
  DType dtype = kernel_.scalars[loop.result];
  const std::optional<Tile>& lanes = schedule_.reductions.at(loop.result).lanes;
  if (lanes && runs(loop.variables)) return reduce_in_lanes(loop, *lanes);
  std::vector<std::string> begin;  // of the accumulators
  for (int row = 0; row < copies(depends); ++row) {
    auto declare = [&](std::string_view prefix, DType type, const Expression& value) {
      std::string name = std::string(prefix) + name_of(loop.result, row);
      if (is_array) line(fmt::format("{} {}[{}];", scalar_type(type), name, columns_->width));
      std::string target =
          is_array ? fmt::format("{}[{}]", name, columns_->lane) : fmt::format("{} {}", scalar_type(type), name);
      begin.push_back(fmt::format("{} = {};", target, value.text));
    };
    if (is_arg_max) declare("best_", kernel_.scalars[loop.yield], identity(loop.kind, kernel_.scalars[loop.yield]));
    declare("", dtype, is_arg_max ? literal(0, dtype) : identity(loop.kind, dtype));
  }
  auto write = [&] {
    for (const std::string& text : begin) line(text);
  };
  if (is_array) {
    columns_loop(write);
  } else {
    write();
  }
  if (runs(loop.variables)) serial_loops(loop.variables, [&] { block(loop.body, {&loop, false}); });
}

// Partial results over the lanes of the last variable, then their sum, then what is left of the variable.
void KernelEmitter::reduce_in_lanes(const ReduceLoop& loop, const Tile& lanes) {
  const VariableSet& depends = facts_.depends[loop.result];
  DType dtype = kernel_.scalars[loop.result];
  std::string start = identity(loop.kind, dtype).text;
  int64_t extent = kernel_.variables[lanes.variable].extent, whole = extent / lanes.size * lanes.size;
  std::optional<Columns> around = columns_;
  std::span<const VariableIndex> serial(loop.variables.begin(), loop.variables.end() - 1);
  columns_ = {lanes.variable, lane_names_[lanes.variable], lanes.size};
  for (int row = 0; row < copies(depends); ++row)
    line(fmt::format("{} part_{}[{}];", scalar_type(dtype), name_of(loop.result, row), lanes.size));
  columns_loop([&] {
    for (int row = 0; row < copies(depends); ++row)
      line(fmt::format("part_{}[{}] = {};", name_of(loop.result, row), columns_->lane, start));
  });
  serial_loops(serial, [&] {
    Accumulator parts{&loop, true};
    const std::string& name = index_names_[lanes.variable];
    positions_[lanes.variable] = {whole > lanes.size ? name : "", 0, columns_->lane};
    if (whole == lanes.size) return block(loop.body, parts);
    braced(fmt::format("for ({0} {1} = 0; {1} < {2}; {1} += {3})", index_type_, name, whole, lanes.size),
           [&] { block(loop.body, parts); });
  });
  for (int row = 0; row < copies(depends); ++row) fold_lanes(loop, row, lanes.size);
  columns_ = around;
  for (int row = 0; row < copies(depends); ++row) {
    std::string name = name_of(loop.result, row);
    line(fmt::format("{}{} {} = part_{}[0];", whole < extent ? "" : "const ", scalar_type(dtype), name, name));
  }
  if (whole == extent) return;
  serial_loops(serial, [&] { plain_loop(lanes.variable, whole, [&] { block(loop.body, {&loop, false}); }); });
}

// Halves upon halves.
void KernelEmitter::fold_lanes(const ReduceLoop& loop, int row, int64_t width) {
  DType dtype = kernel_.scalars[loop.result];
  std::string part = "part_" + name_of(loop.result, row), lane = columns_->lane;
  while (width > 1) {
    int64_t half = (width + 1) / 2;
    Expression low{fmt::format("{}[{}]", part, lane)}, high{fmt::format("{}[{} + {}]", part, lane, half)};
    line(fmt::format("for ({0} {1} = 0; {1} < {2}; ++{1}) {3} = {4};", index_type_, lane, width - half, low.text,
                     combine(loop.kind, low, high, dtype).text));
    width = half;
  }
}

}  // namespace tarn::c_source
