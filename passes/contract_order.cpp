// Trees of contracts, flattened to products of many factors and multiplied in another order.
#include "passes/contract_order.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "ir/accumulation.h"
#include "ir/builder.h"
#include "ir/contract_spec.h"
#include "ir/op_def.h"
#include "passes/rewrite.h"

namespace tarn {

namespace {

constexpr size_t kExactFactors = 8;  // up to here all orders are compared
constexpr size_t kMaxLabels = 26;    // of one contract: letters

using Labels = std::vector<int>;  // of a factor or product, in order of its dimensions
using FactorSet = uint64_t;       // bit i: factor i

bool has(const Labels& labels, int label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

// A product of factors, summed over the labels that the result has not.
struct Product {
  Attrs attrs;  // of its contracts
  std::vector<ValueId> factors;
  std::vector<Labels> labels;  // of each factor
  Labels result;
  std::vector<int64_t> sizes;  // of each label
  double flops = 0;            // in the order as written
};

// What a step multiplies: two factors (0 ..) or results of earlier steps (factors.size() ..).
struct Step {
  size_t lhs, rhs;
};

// An order of multiplying: its steps, and what they take.
struct Order {
  std::vector<Step> steps;
  double flops = 0;
};

double flops_of(const ContractSpec& spec, const Shape& lhs, const Shape& rhs) {
  return 2 * static_cast<double>(labels_size(spec, spec.batch + spec.m + spec.n, lhs, rhs)) *
         static_cast<double>(labels_size(spec, spec.k, lhs, rhs));
}

double flops_of(const Func& func, const Op& op) {
  ContractSpec spec = *parse_contract_spec(attr_string(op.attrs, "spec"));
  return flops_of(spec, func.type(op.operands[0]).shape, func.type(op.operands[1]).shape);
}

bool is_contract(const Op& op) {
  return std::holds_alternative<Contract>(op.def->body);
}

class OrderChooser {
 public:
  explicit OrderChooser(const Product& product) : product_(product), count_(product.factors.size()) {}

  std::optional<Order> best() { return count_ <= kExactFactors ? exact() : greedy(); }

  // The labels that remain when the factors of `set` are multiplied: those that the others or the result have.
  Labels open_labels(FactorSet set) const {
    Labels open;
    for (size_t i = 0; i < count_; ++i) {
      if (!(set >> i & 1)) continue;
      for (int label : product_.labels[i]) {
        if (!has(open, label) && is_needed_outside(set, label)) open.push_back(label);
      }
    }
    return open;
  }

 private:
  bool is_needed_outside(FactorSet set, int label) const {
    if (has(product_.result, label)) return true;
    for (size_t i = 0; i < count_; ++i) {
      if (!(set >> i & 1) && has(product_.labels[i], label)) return true;
    }
    return false;
  }

  // Of one step; infinite where its labels are more than letters.
  double flops(const Labels& lhs, const Labels& rhs) const {
    double product = 2;
    size_t count = lhs.size();
    for (int label : lhs) product *= static_cast<double>(product_.sizes[static_cast<size_t>(label)]);
    for (int label : rhs) {
      if (has(lhs, label)) continue;
      product *= static_cast<double>(product_.sizes[static_cast<size_t>(label)]);
      ++count;
    }
    return count <= kMaxLabels ? product : std::numeric_limits<double>::infinity();
  }

  // The best tree of each set of factors, from those of its parts.
  std::optional<Order> exact() {
    FactorSet all = (FactorSet{1} << count_) - 1;
    std::vector<double> least(all + 1, std::numeric_limits<double>::infinity());
    std::vector<FactorSet> left(all + 1, 0);
    std::vector<Labels> open(all + 1);
    for (FactorSet set = 1; set <= all; ++set) {
      open[set] = open_labels(set);
      if ((set & (set - 1)) == 0) least[set] = 0;
      FactorSet first = set & -set;  // always on the left: each pair of parts is met once, in the factors' order
      for (FactorSet part = (set - 1) & set; part != 0; part = (part - 1) & set) {
        if (!(part & first)) continue;
        double cost = least[part] + least[set ^ part] + flops(open[part], open[set ^ part]);
        if (cost >= least[set]) continue;
        least[set] = cost;
        left[set] = part;
      }
    }
    if (least[all] == std::numeric_limits<double>::infinity()) return std::nullopt;
    Order order;
    order.flops = least[all];
    add_steps(all, left, order);
    return order;
  }

  // The number under which later steps know the product of `set`.
  size_t add_steps(FactorSet set, const std::vector<FactorSet>& left, Order& order) const {
    if ((set & (set - 1)) == 0) {
      size_t factor = 0;
      while (!(set >> factor & 1)) ++factor;
      return factor;
    }
    size_t lhs = add_steps(left[set], left, order), rhs = add_steps(set ^ left[set], left, order);
    order.steps.push_back({lhs, rhs});
    return count_ + order.steps.size() - 1;
  }

  // The cheapest pair first.
  std::optional<Order> greedy() const {
    if (count_ > 64) return std::nullopt;
    struct Part {
      size_t number;
      FactorSet set;
      Labels open;
    };
    std::vector<Part> parts;
    for (size_t i = 0; i < count_; ++i) parts.push_back({i, FactorSet{1} << i, open_labels(FactorSet{1} << i)});
    Order order;
    while (parts.size() > 1) {
      double least = std::numeric_limits<double>::infinity();
      size_t best_a = 0, best_b = 0;
      for (size_t a = 0; a < parts.size(); ++a) {
        for (size_t b = a + 1; b < parts.size(); ++b) {
          double cost = flops(parts[a].open, parts[b].open);
          if (cost >= least) continue;
          least = cost;
          best_a = a;
          best_b = b;
        }
      }
      if (best_b == 0) return std::nullopt;
      order.flops += least;
      order.steps.push_back({parts[best_a].number, parts[best_b].number});
      FactorSet joined = parts[best_a].set | parts[best_b].set;
      parts[best_a] = {count_ + order.steps.size() - 1, joined, open_labels(joined)};
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best_b));
    }
    return order;
  }

  const Product& product_;
  size_t count_;
};

class ContractOrderer {
 public:
  explicit ContractOrderer(const Func& func)
      : func_(func), defining_(defining_ops(func)), readers_(func.values.size(), 0) {
    for (const Op& op : func.ops) {
      for (ValueId operand : op.operands) ++readers_[operand.index];
    }
    for (const FuncResult& result : func.results) readers_[result.value.index] += 2;
  }

  // How many products were given another order.
  int64_t run(Func& func) {
    find_orders();
    if (orders_.empty()) return 0;
    Rewriter rewriter(func_);
    for (size_t i = 0; i < func_.ops.size(); ++i) {
      if (is_replaced_[i]) continue;
      const Op& op = func_.ops[i];
      rewriter.at(op);
      auto chosen = orders_.find(i);
      if (chosen == orders_.end()) {
        rewriter.copy(op);
      } else {
        rewriter.replace(op.result(), multiply(rewriter, chosen->second.first, chosen->second.second));
      }
    }
    auto count = static_cast<int64_t>(orders_.size());
    func = rewriter.finish();
    return count;
  }

 private:
  void find_orders() {
    is_replaced_.assign(func_.ops.size(), false);
    std::vector<bool> is_inner(func_.ops.size(), false);
    for (size_t i = func_.ops.size(); i-- > 0;) {
      if (is_inner[i] || !is_contract(func_.ops[i])) continue;
      Product product;
      std::vector<size_t> inner;
      flatten(i, product, inner);
      for (size_t op : inner) is_inner[op] = true;
      if (product.factors.size() < 3) continue;
      std::optional<Order> order = OrderChooser(product).best();
      if (!order || order->flops >= product.flops) continue;
      for (size_t op : inner) is_replaced_[op] = true;
      orders_.emplace(i, std::pair(std::move(product), std::move(*order)));
    }
  }

  // The product below contract `root`; `inner`: the contracts that become part of it.
  void flatten(size_t root, Product& product, std::vector<size_t>& inner) const {
    Labels result;
    for (int64_t size : func_.type(func_.ops[root].result()).shape) result.push_back(new_label(product, size));
    product.result = result;
    add_factors(root, result, product, inner);
  }

  static int new_label(Product& product, int64_t size) {
    product.sizes.push_back(size);
    return static_cast<int>(product.sizes.size()) - 1;
  }

  // `result`: what the labels of the contract's result are called in the product.
  void add_factors(size_t index, const Labels& result, Product& product, std::vector<size_t>& inner) const {
    const Op& op = func_.ops[index];
    ContractSpec spec = *parse_contract_spec(attr_string(op.attrs, "spec"));
    const Shape &lhs = func_.type(op.operands[0]).shape, &rhs = func_.type(op.operands[1]).shape;
    product.flops += flops_of(spec, lhs, rhs);
    product.attrs = joined_accumulation(std::move(product.attrs), op.attrs);
    std::map<char, int> called;
    for (size_t d = 0; d < result.size(); ++d) called[spec.result[d]] = result[d];
    for (char label : spec.k) called[label] = new_label(product, label_size(spec, label, lhs, rhs));
    for (int side : {0, 1}) {
      Labels labels;
      for (char label : side == 0 ? spec.lhs : spec.rhs) labels.push_back(called.at(label));
      ValueId operand = op.operands[static_cast<size_t>(side)];
      int made_by = defining_[operand.index];
      bool is_part =
          made_by >= 0 && readers_[operand.index] == 1 && is_contract(func_.ops[static_cast<size_t>(made_by)]);
      if (is_part) {
        inner.push_back(static_cast<size_t>(made_by));
        add_factors(static_cast<size_t>(made_by), labels, product, inner);
      } else {
        product.factors.push_back(operand);
        product.labels.push_back(std::move(labels));
      }
    }
  }

  ValueId multiply(Rewriter& rewriter, const Product& product, const Order& order) const {
    OrderChooser chooser(product);
    std::vector<ValueId> values = rewriter.mapped(product.factors);
    std::vector<Labels> labels = product.labels;
    std::vector<FactorSet> sets;
    for (size_t i = 0; i < values.size(); ++i) sets.push_back(FactorSet{1} << i);
    for (const Step& step : order.steps) {
      FactorSet joined = sets[step.lhs] | sets[step.rhs];
      bool is_last = sets.size() + 1 == product.factors.size() + order.steps.size();
      Labels made =
          is_last ? product.result : in_order(labels[step.lhs], labels[step.rhs], chooser.open_labels(joined));
      std::string spec = spec_of(labels[step.lhs], labels[step.rhs], made);
      values.push_back(
          rewriter.builder().contract(values[step.lhs], values[step.rhs], with_attr(product.attrs, "spec", spec)));
      labels.push_back(std::move(made));
      sets.push_back(joined);
    }
    return values.back();
  }

  // The open labels as they stand in the operands.
  static Labels in_order(const Labels& lhs, const Labels& rhs, const Labels& open) {
    Labels made;
    for (const Labels* operand : {&lhs, &rhs}) {
      for (int label : *operand) {
        if (has(open, label) && !has(made, label)) made.push_back(label);
      }
    }
    return made;
  }

  static std::string spec_of(const Labels& lhs, const Labels& rhs, const Labels& result) {
    std::map<int, char> letters;
    auto text = [&](const Labels& labels) {
      std::string term;
      for (int label : labels) term += letters.emplace(label, static_cast<char>('a' + letters.size())).first->second;
      return term;
    };
    std::string left = text(lhs), right = text(rhs);
    return left + "," + right + "->" + text(result);
  }

  const Func& func_;
  std::vector<int> defining_;
  std::vector<int> readers_;                            // of each value; results count twice
  std::vector<bool> is_replaced_;                       // of each op: part of a product in another order
  std::map<size_t, std::pair<Product, Order>> orders_;  // by the contract that makes the product's result
};

Result<PassStats> run_contract_order(Module& module, const TargetWishes&) {
  PassStats stats;
  for (Func& func : module.funcs) stats.changed += ContractOrderer(func).run(func);
  return stats;
}

}  // namespace

double contract_flops(const Func& func) {
  double flops = 0;
  for (const Op& op : func.ops) flops += is_contract(op) ? flops_of(func, op) : 0;
  return flops;
}

const Pass pass_contract_order{.name = "contract_order",
                               .summary = "multiplies products of several tensors in the order of fewest operations",
                               .run = run_contract_order};

}  // namespace tarn
