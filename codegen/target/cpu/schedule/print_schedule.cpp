// Schedules as text: the loops in the order in which they run, with what was decided for each.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "codegen/kernel/facts.h"
#include "codegen/target/cpu/schedule/schedule.h"

namespace tarn {

namespace {

class SchedulePrinter {
 public:
  explicit SchedulePrinter(const Schedule& schedule)
      : schedule_(schedule), kernel_(schedule.kernel), facts_(find_facts(schedule.kernel)) {}

  std::string run() {
    const NestPlan* domain = schedule_.domain();
    open(fmt::format("schedule @{}{}", kernel_.name, domain ? cycles_of(*domain) : ""));
    threads(domain);
    block(kernel_.body);
    close();
    return out_;
  }

 private:
  void line(const std::string& text) { out_ += std::string(opened_.size() * 2, ' ') + text + "\n"; }

  // What follows until close() stands in braces after `header`; where nothing does, `header` is a line.
  void open(const std::string& header) {
    size_t start = out_.size();
    line(header + " {");
    opened_.push_back({header, start, out_.size()});
  }
  void close() {
    Opened opened = opened_.back();
    opened_.pop_back();
    if (out_.size() > opened.end) return line("}");
    out_.resize(opened.start);
    line(opened.header);
  }

  const std::string& name(VariableIndex variable) const { return kernel_.variables[variable].name; }
  std::string range(VariableIndex variable) const {
    return fmt::format("{} in 0..{}", name(variable), kernel_.variables[variable].extent);
  }

  // A load by the name of its buffer, another scalar by its number in the prepared kernel.
  std::string operand(ScalarIndex scalar) const {
    const Load* load = std::get_if<Load>(&facts_.definition[scalar]->node);
    return load ? "%" + kernel_.buffers[load->access.buffer].name : fmt::format("%{}", scalar);
  }

  static std::string cycles_of(const NestPlan& plan) {
    return std::isfinite(plan.cycles) && plan.cycles > 0 ? fmt::format(", estimated cycles {:.0f}", plan.cycles) : "";
  }

  void threads(const NestPlan* domain) {
    const ThreadPlan& plan = schedule_.threads;
    if (plan.tasks == 0) return line("threads 1");
    std::string loops = name(domain->loops[plan.first_level].variable);
    if (plan.levels == 2) loops += ", " + name(domain->loops[plan.first_level + 1].variable);
    line(fmt::format("threads share {} {} of {}", plan.tasks, domain->block ? "groups of tiles" : "tiles", loops));
  }

  void block(const Block& body) {
    for (const Statement& statement : body) {
      if (const ForLoop* loop = std::get_if<ForLoop>(&statement.node)) nest(*loop);
      if (const ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) reduce(*loop);
      if (const Load* load = std::get_if<Load>(&statement.node)) access("load", load->access, load->result);
      if (const Store* store = std::get_if<Store>(&statement.node)) access("store", store->access, std::nullopt);
    }
  }

  // --- nests ---

  void nest(const ForLoop& loop) {
    const NestPlan& plan = schedule_.nests.at(loop.variable);
    size_t outer = opened_.size();
    const LoopPlan* outer_vector = vector_;
    if (plan.block) {
      const auto& sum = std::get<ReduceLoop>(facts_.definition[plan.block->sum]->node);
      std::string group;
      for (int64_t tiles : plan.block->group) group += fmt::format("{}{}", group.empty() ? "" : " x ", tiles);
      open(fmt::format("block {} by {}, groups of {} tiles, partial sums {} bytes", range(sum.variables[0]),
                       plan.block->size, group, plan.block->tiles * plan.block->results * plan.block->result_bytes));
    }
    for (size_t level = 0; level < plan.loops.size(); ++level) {
      const LoopPlan& inner = plan.loops[level];
      if (inner.lanes > 1) vector_ = &inner;
      loops_.push_back(&inner);
      open(fmt::format("for {}{}", range(inner.variable), tiles(inner)));
      if (plan.pack && plan.pack->level == level) {
        packed_ = plan.pack->operand;
        line(fmt::format("pack {}, {} bytes", operand(*packed_), plan.pack->bytes));
      }
    }
    block(*perfect_nest(loop).body);
    packed_.reset();
    vector_ = outer_vector;
    loops_.resize(loops_.size() - plan.loops.size());
    while (opened_.size() > outer) close();
  }

  // ", vector 16, tile 4 x12, then 3 (last vector: 10 lanes)"; nothing for a loop that runs value by value.
  static std::string tiles(const LoopPlan& loop) {
    std::string text = loop.lanes > 1 ? fmt::format(", vector {}", loop.lanes) : "";
    std::vector<std::pair<int, int64_t>> sizes;  // neighbours of one size are one
    for (const Segment& segment : loop.segments) {
      if (sizes.empty() || sizes.back().first != segment.copies) sizes.emplace_back(segment.copies, 0);
      sizes.back().second += segment.iterations;
    }
    if (sizes.empty() || (loop.lanes == 1 && sizes.size() == 1 && sizes[0].first == 1)) return text;
    for (size_t i = 0; i < sizes.size(); ++i) {
      text += fmt::format("{}{}", i == 0 ? ", tile " : ", then ", sizes[i].first);
      if (sizes[i].second > 1) text += fmt::format(" x{}", sizes[i].second);
    }
    int last = loop.segments.back().last_lanes;
    return last == loop.lanes ? text : text + fmt::format(" (last vector: {} lanes)", last);
  }

  // --- reductions ---

  void reduce(const ReduceLoop& loop) {
    auto plans = schedule_.reductions.find(loop.result);
    if (plans == schedule_.reductions.end()) return block(loop.body);
    const ReducePlan& first = plans->second.front();
    std::string ranges;
    for (VariableIndex variable : loop.variables) ranges += (ranges.empty() ? "" : ", ") + range(variable);
    open(fmt::format("reduce {} {}, {}", reduce_kind_name(loop.kind), ranges, how(loop, first)));
    for (const ReducePlan& other : plans->second) {
      if (how(loop, other) != how(loop, first))
        line(fmt::format("in tile {}: {}", shape(loop, other), how(loop, other)));
    }
    const LoopPlan* outer_vector = vector_;
    if (first.inner && first.inner->lanes > 1) vector_ = &*first.inner;
    block(loop.body);
    vector_ = outer_vector;
    close();
  }

  std::string shape(const ReduceLoop& loop, const ReducePlan& plan) const {
    std::string text;
    for (const TileAxis& axis : plan.tile) {
      if (facts_.depends[loop.result][axis.variable])
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name(axis.variable), axis.copies);
    }
    return text.empty() ? "1" : text;
  }

  std::string how(const ReduceLoop& loop, const ReducePlan& plan) const {
    std::string text;
    if (plan.inner) {
      int copies = 0;
      for (const Segment& segment : plan.inner->segments) copies = std::max(copies, segment.copies);
      if (plan.inner->lanes > 1)
        text = fmt::format("vector {} over {}, ", plan.inner->lanes, name(plan.inner->variable));
      text += fmt::format("accumulators {}", copies);
      if (plan.inner->lanes == 1) text += " over " + name(plan.inner->variable);
    } else {
      text = fmt::format("unroll {}", plan.unroll);
    }
    const Compute* product = plan.held ? product_of(kernel_, facts_, loop) : nullptr;
    return product ? text + ", hold " + operand(product->operands[static_cast<size_t>(*plan.held)]) : text;
  }

  // --- vectors in memory ---

  // Only where lanes are not neighbours: a line for each such access.
  void access(std::string_view verb, const Access& access, std::optional<ScalarIndex> loaded) {
    if (!vector_ || (loaded && loaded == packed_)) return;
    VariableIndex variable = vector_->variable;
    bool is_indexed = false;
    for (const IndexExpression& index : access.indices) {
      for (const auto& term : index.loaded) is_indexed |= facts_.depends[term.scalar][variable];
    }
    if (!is_indexed && !variables_of(access)[variable]) return;
    const std::string& buffer = kernel_.buffers[access.buffer].name;
    if (is_indexed || !is_simple(access))
      return line(fmt::format("{} %{} {}", verb, buffer, is_indexed ? "indexed" : "guarded"));
    FlatAddress address = flat_address(kernel_, access);
    int64_t stride = address.stride(variable);
    if (stride == 0 || stride == 1) return;
    const char* method = schedule_.is_interleaved(stride)     ? "interleaved"
                         : loaded && has_square_tile(address) ? "transposed"
                         : loaded                             ? "gathered"
                                                              : "scattered";
    line(fmt::format("{} %{} stride {}, {}", verb, buffer, stride, method));
  }

  // As many rows as lanes, neighbours in memory: whole vectors of them are transposed in registers.
  bool has_square_tile(const FlatAddress& address) const {
    return std::any_of(loops_.begin(), loops_.end(), [&](const LoopPlan* loop) {
      return loop->lanes == 1 && loop->segments.front().copies == vector_->lanes && address.stride(loop->variable) == 1;
    });
  }

  const Schedule& schedule_;
  const Kernel& kernel_;
  KernelFacts facts_;
  std::string out_;
  struct Opened {
    std::string header;
    size_t start, end;  // of its line in out_
  };
  std::vector<Opened> opened_;          // what is open, outermost first
  std::vector<const LoopPlan*> loops_;  // around
  const LoopPlan* vector_ = nullptr;    // the one of them that fills the lanes
  std::optional<ScalarIndex> packed_;
};

}  // namespace

std::string print(const Schedule& schedule) {
  return SchedulePrinter(schedule).run();
}

}  // namespace tarn
