// Schedules as text, and kernels in their order.
#include "codegen/target/c/schedule/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "codegen/kernel/facts.h"
#include "codegen/target/c/schedule/nest.h"

namespace tarn::c_source {

static void mark_uses(const Block& block, std::vector<bool>& used);

static void mark_uses(const Statement& statement, std::vector<bool>& used) {
  auto mark = [&](const Access& access) {
    for (const IndexExpression& index : access.indices) {
      for (const auto& loaded : index.loaded) used[loaded.scalar] = true;
    }
  };
  if (const Compute* compute = std::get_if<Compute>(&statement.node)) {
    for (ScalarIndex operand : compute->operands) used[operand] = true;
  } else if (const Load* load = std::get_if<Load>(&statement.node)) {
    mark(load->access);
  } else if (const Store* store = std::get_if<Store>(&statement.node)) {
    mark(store->access);
    used[store->value] = true;
  } else if (const ForLoop* loop = std::get_if<ForLoop>(&statement.node)) {
    mark_uses(loop->body, used);
  } else if (const ReduceLoop* reduce = std::get_if<ReduceLoop>(&statement.node)) {
    used[reduce->yield] = true;
    mark_uses(reduce->body, used);
  }
}

static void mark_uses(const Block& block, std::vector<bool>& used) {
  for (const Statement& statement : block) mark_uses(statement, used);
}

// Scalar code that stands before a reduction and is needed after it only goes behind: what it makes need not be kept
// while the reduction runs.
static void sink_scalars(Block& block, size_t scalars) {
  for (size_t loop = block.size(); loop-- > 0;) {
    if (!std::holds_alternative<ReduceLoop>(block[loop].node)) continue;
    std::vector<bool> used(scalars, false);
    mark_uses(block[loop], used);
    Block before, after;
    for (size_t i = loop; i-- > 0;) {
      std::optional<ScalarIndex> result = result_of(block[i]);
      bool stays = !is_pure(block[i]) || used[*result];
      if (stays) mark_uses(block[i], used);
      (stays ? before : after).push_back(std::move(block[i]));
    }
    Block sorted(std::make_move_iterator(before.rbegin()), std::make_move_iterator(before.rend()));
    sorted.push_back(std::move(block[loop]));
    std::move(after.rbegin(), after.rend(), std::back_inserter(sorted));
    std::move(sorted.begin(), sorted.end(), block.begin());
  }
}

// The last of the loops of a nest of so many.
static ForLoop& innermost(ForLoop& loop, size_t depth) {
  return depth == 1 ? loop : innermost(std::get<ForLoop>(loop.body.back().node), depth - 1);
}

static void reorder_block(Block& block, const Schedule& schedule, size_t scalars) {
  for (Statement& statement : block) {
    if (ReduceLoop* reduce = std::get_if<ReduceLoop>(&statement.node)) {
      reduce->variables = schedule.reductions.at(reduce->result).order;
      reorder_block(reduce->body, schedule, scalars);
    }
    ForLoop* loop = std::get_if<ForLoop>(&statement.node);
    if (!loop) continue;
    Nest nest = collect_nest(*loop);
    const NestSchedule& plan = schedule.nests.at(loop->variable);
    const std::vector<VariableIndex>& order = plan.order;
    if (order == nest.variables && !plan.rows && !plan.columns) {
      reorder_block(innermost(*loop, order.size()).body, schedule, scalars);
      continue;
    }
    reorder_block(nest.body, schedule, scalars);
    for (size_t level = order.size(); level-- > 1;) {
      Block around;
      around.push_back({ForLoop{order[level], std::move(nest.body)}});
      nest.body = std::move(around);
    }
    *loop = ForLoop{order[0], std::move(nest.body)};
  }
  sink_scalars(block, scalars);
}

Kernel reorder(Kernel kernel, const Schedule& schedule) {
  reorder_block(kernel.body, schedule, kernel.scalars.size());
  return kernel;
}

std::string print(const Kernel& kernel, const Schedule& schedule) {
  auto names = [&](const std::vector<VariableIndex>& variables) {
    std::string text;
    for (VariableIndex variable : variables) text += (text.empty() ? "" : ", ") + kernel.variables[variable].name;
    return text;
  };
  auto tile = [&](const std::optional<Tile>& part, std::string_view what) {
    return part ? fmt::format("; {} in {} of {}{}", kernel.variables[part->variable].name, what, part->size,
                              part->overlaps ? " that overlap" : "")
                : "";
  };
  std::string text = fmt::format("schedule @{}\n", kernel.name);
  for (const auto& [variable, nest] : schedule.nests) {
    text += fmt::format("  for {}{}{}\n", names(nest.order), tile(nest.columns, "columns"), tile(nest.rows, "rows"));
  }
  for (const auto& [result, reduce] : schedule.reductions) {
    text += fmt::format("  %{} = reduce {}{}\n", result, names(reduce.order), tile(reduce.lanes, "lanes"));
  }
  return text;
}

}  // namespace tarn::c_source
