// What must hold of every schedule, whatever it chooses.
#include "codegen/target/cpu/schedule/schedule.h"

#include <doctest/doctest.h>

#include <functional>
#include <set>

#include "codegen/kernel/facts.h"
#include "tests/codegen_cpu/einsum_kernel.h"

namespace tarn::testing {

namespace {

Kernel product(int64_t rows, int64_t columns, int64_t depth) {
  return einsum_kernel("i,j = i,k * k,j", {{'i', rows}, {'j', columns}, {'k', depth}});
}

int most_copies(const LoopPlan& loop) {
  int most = 0;
  for (const Segment& segment : loop.segments) most = std::max(most, segment.copies);
  return most;
}

// Registers of the largest tile of a product of matrices: sums, the vectors of one operand, one value of the other.
struct TileRegisters {
  int sums = 1, vectors = 1;
  int all() const { return sums + vectors + 1; }
};
TileRegisters registers_of(const Schedule& schedule) {
  TileRegisters used;
  for (const LoopPlan& loop : schedule.domain()->loops) {
    used.sums *= most_copies(loop);
    if (loop.lanes > 1) used.vectors = most_copies(loop);
  }
  return used;
}

// The tiles' sizes along each loop, in every combination.
void for_each_tile(const NestPlan& nest, size_t level, TileShape& tile, const std::function<void()>& visit) {
  if (level == nest.loops.size()) return visit();
  const LoopPlan& loop = nest.loops[level];
  for (const Segment& segment : loop.segments) {
    bool is_tiled = loop.lanes > 1 || segment.copies > 1;
    if (is_tiled) tile.push_back({loop.variable, segment.copies});
    for_each_tile(nest, level + 1, tile, visit);
    if (is_tiled) tile.pop_back();
  }
}

const std::vector<LabelSizes> kShapes = {
    {{'i', 1}, {'j', 1}, {'k', 1}},     {{'i', 3}, {'j', 17}, {'k', 5}},      {{'i', 32}, {'j', 64}, {'k', 784}},
    {{'i', 13}, {'j', 37}, {'k', 101}}, {{'i', 511}, {'j', 513}, {'k', 300}}, {{'i', 2000}, {'j', 10}, {'k', 64}},
};

}  // namespace

TEST_CASE("a product's tile fills the registers of the processor, and fits them") {
  for (const CpuTraits& traits : known_cpus()) {
    CAPTURE(traits.name);
    TileRegisters used = registers_of(plan(product(512, 512, 512), traits));
    CHECK(used.all() <= traits.vector_registers);
    CHECK(used.all() > traits.vector_registers / 2);
  }
}

TEST_CASE("with half the registers the tile is another") {
  CpuTraits traits = *find_cpu("x86-64-v4");
  TileRegisters wide = registers_of(plan(product(512, 512, 512), traits));
  traits.vector_registers = 16;
  TileRegisters narrow = registers_of(plan(product(512, 512, 512), traits));
  CHECK(narrow.all() <= 16);
  CHECK(wide.sums > narrow.sums);
}

TEST_CASE("a processor with half the rate is expected to take twice as long") {
  double whole = plan(product(512, 512, 512), *find_cpu("sapphirerapids")).domain()->cycles;
  double half = plan(product(512, 512, 512), *find_cpu("znver4")).domain()->cycles;
  CHECK(half > 1.8 * whole);
  CHECK(half < 2.2 * whole);
}

TEST_CASE("tiles cover each loop once") {
  for (const CpuTraits& traits : known_cpus()) {
    for (const LabelSizes& sizes : kShapes) {
      Schedule schedule = plan(einsum_kernel("i,j = i,k * k,j", sizes), traits);
      CAPTURE(print(schedule));
      for (const auto& [variable, nest] : schedule.nests) {
        for (const LoopPlan& loop : nest.loops) {
          int64_t next = 0;
          for (const Segment& segment : loop.segments) {
            CHECK(segment.start == next);
            next += segment.iterations * segment.copies * loop.lanes;
          }
          int64_t extent = schedule.kernel.variables[loop.variable].extent;
          CHECK(next - loop.lanes + loop.segments.back().last_lanes == extent);
        }
      }
    }
  }
}

TEST_CASE("a reduction has a plan for every tile that occurs") {
  for (const CpuTraits& traits : known_cpus()) {
    for (const LabelSizes& sizes : kShapes) {
      Schedule schedule = plan(einsum_kernel("i,j = i,k * k,j", sizes), traits);
      const NestPlan* domain = schedule.domain();
      if (!domain || schedule.reductions.empty()) continue;
      CAPTURE(print(schedule));
      size_t tiles = 0;
      TileShape tile;
      std::vector<TileShape> seen;
      for_each_tile(*domain, 0, tile, [&] {
        CHECK(schedule.reduction(schedule.reductions.begin()->first, tile).tile == tile);
        if (std::find(seen.begin(), seen.end(), tile) == seen.end()) seen.push_back(tile);
        ++tiles;
      });
      CHECK(schedule.reductions.begin()->second.size() == seen.size());
      CHECK(tiles >= seen.size());
    }
  }
}

TEST_CASE("threads share large kernels, by shape and traits alone") {
  CpuTraits traits = *find_cpu("x86-64-v3");
  CHECK(plan(product(8, 8, 8), traits).threads.tasks == 0);
  Schedule large = plan(product(512, 512, 512), traits);
  const NestPlan& domain = *large.domain();
  int64_t tasks = 1;
  for (int level = 0; level < large.threads.levels; ++level) {
    tasks *= domain.tasks(large.threads.first_level + static_cast<size_t>(level));
  }
  CHECK(large.threads.tasks == tasks);
  CHECK(large.threads.tasks >= 64);

  traits.parallel_cycles = 0;
  CHECK(plan(product(64, 64, 8), traits).threads.tasks > 0);
  traits.parallel_cycles = 1e18;
  CHECK(plan(product(512, 512, 512), traits).threads.tasks == 0);
}

TEST_CASE("a schedule owns what it refers to") {
  std::string text;
  Schedule copy;
  {
    Kernel kernel = product(13, 37, 101);
    Schedule schedule = plan(kernel, *find_cpu("x86-64-v4"));
    text = print(schedule);
    copy = schedule;
    schedule.kernel.body.clear();
    kernel.body.clear();
  }
  CHECK(print(copy) == text);
}

TEST_CASE("the table of processors") {
  std::set<std::string> names;
  for (const CpuTraits& traits : known_cpus()) {
    CAPTURE(traits.name);
    CHECK(names.insert(traits.name).second);
    const CpuTraits* level = find_cpu(traits.level);
    REQUIRE(level);
    // Code for a processor runs wherever its level does.
    CHECK(traits.vector_bytes == level->vector_bytes);
    CHECK(traits.vector_registers == level->vector_registers);
    CHECK(traits.tune.empty() == (level == &traits));
    // A power of two: level_two_period() is the distance of addresses that share a set.
    CHECK((traits.level_two_period() & (traits.level_two_period() - 1)) == 0);
  }
  CHECK(!find_cpu("z80"));
  CHECK(find_cpu("znver4")->panel_bytes() < find_cpu("sapphirerapids")->panel_bytes());
}

}  // namespace tarn::testing
