// One kernel as a C function, in the order and the tiles of its schedule.  It decides nothing.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codegen/kernel/facts.h"
#include "codegen/target/c/emit/expression.h"
#include "codegen/target/c/emit/names.h"
#include "codegen/target/c/schedule/schedule.h"

namespace tarn::c_source {

// The text between `static void NAME` and the end, and the buffers of its parameters, in order.
struct KernelText {
  std::string text;
  std::vector<BufferIndex> parameters;
};

// `shares`: of each buffer the first one that lies at the same place, or itself: they are one parameter.
// `is_apart`: of each buffer, whether no other parameter's memory overlaps it.
struct Aliasing {
  std::vector<BufferIndex> shares;
  std::vector<bool> is_apart;
};

class KernelEmitter {
 public:
  // `kernel`: prepared, in the order of `schedule`.
  // `is_anonymous`: buffers are numbered, so that equal code is equal text.
  KernelEmitter(const Kernel& kernel, const Schedule& schedule, const Aliasing& aliasing, bool is_anonymous);
  KernelText run();

 private:
  // Where a loop variable stands: `name` + `offset` + `lane`, either name empty where there is none.
  struct Position {
    std::string name;
    int64_t offset = 0;
    std::string lane;
  };
  // The loop within a tile over the values of one variable.
  struct Columns {
    VariableIndex variable;
    std::string lane;
    int64_t width;
  };
  struct Rows {
    VariableIndex variable;
    int64_t count;
  };
  struct Accumulator {
    const ReduceLoop* loop = nullptr;
    bool has_lanes = false;  // over the columns that are open now
  };

  // --- what is known before (uses.cpp) ---

  // Strips are runs of statements without loops; a store ends a part of one.
  struct Place {
    int strip = 0, part = 0;
    bool operator==(const Place&) const = default;
  };
  // Of each scalar: how many statements use it, and the last that does.
  struct Use {
    int count = 0;
    Place made, used;
    VariableSet by;
    bool crosses_strips = false;
    bool needs_name = false;
  };
  void number(const Block& block);
  void count_uses(const Block& block);
  void count_uses(const Statement& statement);
  void use(ScalarIndex scalar, Place place, const VariableSet& by, bool needs_name = false);
  void use(const Access& access, Place place, const VariableSet& by);
  bool runs(std::span<const VariableIndex> variables) const;

  // --- loops ---

  void block(const Block& block, const Accumulator& accumulator);
  void for_loop(const ForLoop& loop);
  void tiled_loop(const Tile& tile, bool is_rows, const std::function<void()>& body);
  void plain_loop(VariableIndex variable, int64_t begin, const std::function<void()>& body);
  void serial_loops(std::span<const VariableIndex> variables, const std::function<void()>& body);
  void columns_loop(const std::function<void()>& body);
  void reduce(const ReduceLoop& loop);
  void reduce_in_lanes(const ReduceLoop& loop, const Tile& lanes);
  void fold_lanes(const ReduceLoop& loop, int row, int64_t width);

  // --- scalar code ---

  // Statements without loops: first those that are the same in all columns, then the others in a loop over them.
  void strip(std::span<const Statement* const> statements, const Accumulator& accumulator);
  void statement(const Statement& statement, int row);
  void step(const Accumulator& accumulator, int row);
  void arg_max_step(const ReduceLoop& loop, bool is_column, int row);
  void define(ScalarIndex scalar, const Expression& value, int row);
  bool may_hold(ScalarIndex scalar) const;  // to be written where it is used
  bool is_array(ScalarIndex scalar) const;
  bool is_column(const VariableSet& depends) const { return columns_ && depends[columns_->variable]; }
  int copies(const VariableSet& depends) const;
  VariableSet depends(const Statement& statement) const;

  // --- expressions ---

  std::string name_of(ScalarIndex scalar, int row) const;
  std::string element_of(ScalarIndex scalar, int row) const;  // name, or name[column]
  Expression value_of(ScalarIndex scalar, int row) const;
  Expression index_sum(std::span<const IndexExpression::Term> terms, std::span<const IndexExpression::Loaded> loaded,
                       int64_t offset, int row) const;
  std::string element_text(const Access& access, int row);
  Expression load_text(const Access& access, int row);
  std::vector<std::string> guards(const Access& access, int row);
  std::string buffer_name(BufferIndex buffer);

  // --- text ---

  void line(const std::string& text) { out_ += std::string(static_cast<size_t>(depth_) * 2, ' ') + text + "\n"; }
  void braced(const std::string& head, const std::function<void()>& body);

  const Kernel& kernel_;
  const Schedule& schedule_;
  const Aliasing& aliasing_;
  KernelFacts facts_;
  std::string index_type_;
  std::string out_;
  int depth_ = 1;

  std::vector<std::string> index_names_, lane_names_, buffer_names_;
  std::vector<bool> is_used_;  // of each buffer
  std::vector<Position> positions_;
  std::optional<Columns> columns_;
  std::optional<Rows> rows_;

  std::vector<Use> uses_;
  std::map<const void*, Place> place_;  // of stores, and of the ends of reductions' bodies
  Place now_;
  std::map<std::pair<ScalarIndex, int>, Expression> held_;  // by scalar and row
};

}  // namespace tarn::c_source
