// How each loop of a kernel runs in C: the order of loops, which variable fills the innermost loop that a C compiler
// turns into vectors, and how many rows are kept in registers beside it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codegen/kernel/kernel.h"

namespace tarn::c_source {

// What the schedule assumes of a C compiler and of the processors that it compiles for.
struct Traits {
  // Values side by side, at most: two vectors of 256 bits, one of 512, or four of 128.  Always a power of two: local
  // arrays of other lengths do not stay in registers.
  int64_t width_bytes = 64;
  int64_t vector_bytes = 32;  // of the vectors that costs are counted in
  // Of results kept in registers at once: 12 of 16 vectors of 256 bits.
  int64_t tile_bytes = 384;
  // A row has its own copy of the text.
  int64_t max_rows = 6;
};

// A loop in steps of `size` values.  Where `size` does not divide the extent, the last step begins earlier and computes
// some results again (`overlaps`), or smaller steps come after it.
struct Tile {
  VariableIndex variable = 0;
  int64_t size = 1;
  bool overlaps = false;
  bool operator==(const Tile&) const = default;
};

// A nest of loops, outermost first.  `columns`: each step is one inner loop over the values of that variable, and
// results that a reduction makes for it are a local array.  `rows`: each step writes its code once for each value.
struct NestSchedule {
  std::vector<VariableIndex> order;
  std::optional<Tile> rows, columns;
};

// `lanes`: as many partial results, over the last variable of `order`, put together at the end.
struct ReduceSchedule {
  std::vector<VariableIndex> order;
  std::optional<Tile> lanes;
};

struct Schedule {
  std::map<VariableIndex, NestSchedule> nests;       // by the outermost variable of the kernel's nest
  std::map<ScalarIndex, ReduceSchedule> reductions;  // by result
};

// `kernel`: as prepare() leaves it, so that a variable belongs to one loop.
// `is_in_place`: an output lies over an input, so that no result may be computed twice.
Schedule plan(const Kernel& kernel, const Traits& traits, bool is_in_place);

// The kernel with its loops in the order of the schedule, scalar code between the loops of a nest within them.
Kernel reorder(Kernel kernel, const Schedule& schedule);

// One line for each nest and reduction: "nest j in steps of 16 columns, i in steps of 4 rows".
std::string print(const Kernel& kernel, const Schedule& schedule);

}  // namespace tarn::c_source
