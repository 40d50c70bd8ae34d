// Finds the chains, then rebuilds the function with them.
#include "passes/sink_views.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "ir/accumulation.h"
#include "ir/contract_spec.h"
#include "ir/op_def.h"
#include "ir/view_map.h"
#include "passes/affine_view.h"
#include "passes/rewrite.h"

namespace tarn {

namespace {

// The sum over all variables but those of the result of one element of each side, multiplied.
struct Product {
  AffineView sides[2];
  Shape extents;               // of the variables
  std::string labels;          // of the variables, as the spec named them
  std::vector<size_t> result;  // the variables that are its dimensions
  Attrs attrs;                 // of the contract

  double work() const {
    return std::accumulate(extents.begin(), extents.end(), 1.0,
                           [](double product, int64_t n) { return product * static_cast<double>(n); });
  }
  int64_t elements() const {
    int64_t count = 1;
    for (size_t v : result) count *= extents[v];
    return count;
  }
};

Product product_of(const Func& func, const Op& op) {
  ContractSpec spec = *parse_contract_spec(attr_string(op.attrs, "spec"));
  const Shape &lhs = func.type(op.operands[0]).shape, &rhs = func.type(op.operands[1]).shape;
  Product product;
  product.attrs = op.attrs;
  product.labels = spec.result + spec.k;
  for (char label : product.labels) product.extents.push_back(label_size(spec, label, lhs, rhs));
  product.result.resize(spec.result.size());
  std::iota(product.result.begin(), product.result.end(), 0);
  for (int side : {0, 1}) {
    std::vector<size_t> variables;
    for (char label : side == 0 ? spec.lhs : spec.rhs) variables.push_back(product.labels.find(label));
    product.sides[side] =
        view_of(op.operands[static_cast<size_t>(side)], side == 0 ? lhs : rhs, variables, product.extents.size());
  }
  return product;
}

// The label of the old dimension that is the new one alone, else of one that it is a part of, else a new letter.
char label_for(size_t dimension, const std::vector<AffineIndex>& map, const Product& old, const std::string& taken) {
  for (int64_t most : {1, 100}) {
    for (size_t d = 0; d < map.size(); ++d) {
      int64_t parts =
          std::count_if(map[d].coefficients.begin(), map[d].coefficients.end(), [](int64_t c) { return c != 0; });
      char label = old.labels[old.result[d]];
      bool is_part = map[d].coefficients[dimension] != 0 && parts <= most;
      if (is_part && taken.find(label) == std::string::npos) return label;
    }
  }
  for (char label = 'a'; label <= 'z'; ++label) {
    if (taken.find(label) == std::string::npos && old.labels.find(label) == std::string::npos) return label;
  }
  return 0;  // more than 26 labels
}

// The product whose result is the view `op` of the old one's result.
std::optional<Product> under_view(const Product& old, const Func& func, const Op& op) {
  std::optional<std::vector<AffineIndex>> map = view_map(func, op);
  if (!map) return std::nullopt;
  const Shape& shape = func.type(op.result()).shape;
  std::vector<size_t> summed;
  for (size_t v = 0; v < old.extents.size(); ++v) {
    if (std::find(old.result.begin(), old.result.end(), v) == old.result.end()) summed.push_back(v);
  }
  Product result;
  result.attrs = old.attrs;
  std::string kept;  // labels of what is summed stay
  for (size_t v : summed) kept += old.labels[v];
  for (size_t d = 0; d < shape.size(); ++d) {
    result.result.push_back(d);
    result.labels += label_for(d, *map, old, result.labels + kept);
    if (result.labels.back() == 0) return std::nullopt;
  }
  result.labels += kept;
  result.extents = shape;
  for (size_t v : summed) result.extents.push_back(old.extents[v]);
  size_t count = result.extents.size();
  Substitution by{std::vector<AffineIndex>(old.extents.size(), {std::vector<int64_t>(count, 0)}), {}, result.extents};
  for (size_t d = 0; d < map->size(); ++d) {
    AffineIndex& index = by.index[old.result[d]];
    index = (*map)[d];
    index.coefficients.resize(count, 0);
  }
  for (size_t i = 0; i < summed.size(); ++i) by.index[summed[i]].coefficients[shape.size() + i] = 1;
  for (int64_t extent : old.extents) by.range.push_back({0, extent});
  std::optional<Substituted> sides[2] = {substitute(old.sides[0], by), substitute(old.sides[1], by)};
  if (!sides[0] || !sides[1]) return std::nullopt;
  for (size_t v = 0; v < old.extents.size(); ++v) {  // a factor that is zero makes the product zero
    if (by.can_leave(v) && !sides[0]->holds[v] && !sides[1]->holds[v]) return std::nullopt;
  }
  for (int side : {0, 1}) result.sides[side] = std::move(sides[side]->view);
  return result;
}

std::optional<Product> under_sum(Product product, const Op& op) {
  product.attrs = joined_accumulation(std::move(product.attrs), op.attrs);
  const std::vector<int64_t>& axes = attr_ints(op.attrs, "axes");
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) product.result.erase(product.result.begin() + *axis);
  return product;
}

// True where ops say this product: each variable is one that both sides have, or one of the result.
bool is_sayable(const Product& product) {
  for (size_t v = 0; v < product.extents.size(); ++v) {
    bool left = product.sides[0].depends_on(v), right = product.sides[1].depends_on(v);
    bool is_kept = std::find(product.result.begin(), product.result.end(), v) != product.result.end();
    if (is_kept ? !left && !right : !left || !right) return false;
  }
  return is_realizable(product.sides[0], product.extents) && is_realizable(product.sides[1], product.extents);
}

class SinkViews {
 public:
  SinkViews(const Func& func, double largest_growth)
      : func_(func), largest_growth_(largest_growth), defining_(defining_ops(func)), rewriter_(func) {
    readers_.resize(func.values.size());
    for (size_t i = 0; i < func.ops.size(); ++i) {
      for (ValueId operand : func.ops[i].operands) readers_[operand.index].push_back(static_cast<int>(i));
    }
    for (const FuncResult& result : func.results) readers_[result.value.index].push_back(-1);
  }

  // How many contracts were changed; the function is then new.
  int64_t run(Func& func) {
    for (const Op& op : func_.ops) {
      if (std::holds_alternative<Contract>(op.def->body)) plan(op);
    }
    if (products_.empty()) return 0;
    for (size_t i = 0; i < func_.ops.size(); ++i) {
      auto product = products_.find(static_cast<int>(i));
      if (product != products_.end()) {
        emit(func_.ops[i], product->second);
      } else if (!is_absorbed_[static_cast<int>(i)]) {
        rewriter_.at(func_.ops[i]);
        rewriter_.copy(func_.ops[i]);
      }
    }
    func = rewriter_.finish();
    return static_cast<int64_t>(products_.size());
  }

 private:
  int index_of(const Op& op) const { return static_cast<int>(&op - func_.ops.data()); }

  bool has_empty_dimension(const Op& op) const {
    return func_.type(op.operands[0]).elements() == 0 || func_.type(op.operands[1]).elements() == 0;
  }

  // The product after one more op, the only reader of `value`.
  std::optional<Product> followed_by(const Product& product, const Op& op) const {
    if (func_.type(op.result()).elements() == 0) return std::nullopt;
    if (std::holds_alternative<View>(op.def->body)) return under_view(product, func_, op);
    const Reduce* reduce = std::get_if<Reduce>(&op.def->body);
    if (reduce && reduce->kind == ReduceKind::Sum) return under_sum(product, op);
    return std::nullopt;
  }

  // Finds the longest chain after the contract that makes its result smaller at a fair price.
  void plan(const Op& contract) {
    if (has_empty_dimension(contract)) return;
    Product product = product_of(func_, contract);
    Product best = product;
    std::vector<int> chain = {index_of(contract)};
    size_t length = 1;
    int64_t least = product.elements();
    double work = product.work();
    for (std::optional<Product> next = product; readers_[last_of(chain).index].size() == 1;) {
      int reader = readers_[last_of(chain).index][0];
      if (reader < 0) break;
      next = followed_by(*next, func_.ops[static_cast<size_t>(reader)]);
      if (!next) break;
      chain.push_back(reader);
      if (next->elements() >= least || next->work() > largest_growth_ * work || !is_sayable(*next)) continue;
      least = next->elements();
      best = *next;
      length = chain.size();
    }
    chain.resize(length);
    bool is_changed = length > 1;
    for (AffineView& side : best.sides) {
      AffineView leaf = traced(side, func_, defining_, best.extents);
      bool is_new = leaf.source != side.source && slides_or_pads(leaf, best.extents);
      if (length > 1 || is_new) side = leaf;
      is_changed = is_changed || is_new;
    }
    if (!is_changed) return;
    for (int op : chain) is_absorbed_[op] = true;
    defining_[last_of(chain).index] = -1;  // others trace their views up to here, not into the chain
    products_.emplace(chain.back(), std::move(best));
  }

  ValueId last_of(const std::vector<int>& chain) const { return func_.ops[static_cast<size_t>(chain.back())].result(); }

  void emit(const Op& last, const Product& product) {
    rewriter_.at(last);
    std::vector<ValueId> operands;
    std::string spec;
    for (const AffineView& side : product.sides) {
      AffineView moved = side;
      moved.source = rewriter_.mapped(side.source);
      RealizedView view = realize(moved, product.extents, rewriter_.builder());
      operands.push_back(view.value);
      for (size_t v : view.variables) spec += product.labels[v];
      spec += operands.size() == 1 ? "," : "->";
    }
    for (size_t v : product.result) spec += product.labels[v];
    rewriter_.replace(last.result(),
                      rewriter_.builder().contract(operands[0], operands[1], with_attr(product.attrs, "spec", spec)));
  }

  const Func& func_;
  double largest_growth_;
  std::vector<int> defining_;
  Rewriter rewriter_;
  std::vector<std::vector<int>> readers_;  // of each value: ops, or -1 for a result of the function
  std::map<int, Product> products_;        // by the last op of the chain that each replaces
  std::map<int, bool> is_absorbed_;        // ops that are part of such a chain
};

Result<PassStats> run_sink_views(Module& module, const TargetWishes& wishes) {
  PassStats stats;
  for (Func& func : module.funcs) {
    if (func.kind != FuncKind::Kernel && !holds_gradient(func))
      stats.changed += SinkViews(func, wishes.largest_growth).run(func);
  }
  return stats;
}

}  // namespace

const Pass pass_sink_views{
    .name = "sink_views", .summary = "moves views and sums of products into their operands", .run = run_sink_views};

}  // namespace tarn
