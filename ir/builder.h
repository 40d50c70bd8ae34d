// Appends ops to a function.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "ir/base/result.h"
#include "ir/graph.h"

namespace tarn {

// The attributes of op `window`.
struct SlidingWindow {
  int64_t axis = 0;
  int64_t tap = 0;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t offset = 0;
  int64_t size = 0;
};

class Builder {
 public:
  explicit Builder(Func& func) : func_(&func) {}

  Func& func() { return *func_; }
  const Type& type(ValueId value) const { return func_->type(value); }

  // Given to every op made from now on.
  void set_location(Location location) { location_ = std::move(location); }
  const Location& location() const { return location_; }
  // The next op's result gets this name (made unique); afterwards names are `<op>.<n>` again.
  void set_next_name(std::string_view name) { next_name_ = name; }

  ValueId argument(Type type, std::string_view name, Role role = Role::None, double initial = 0);
  void result(ValueId value, std::string_view name, Role role = Role::None);

  // Appends an op after applying its shape rule; fails with the rule's error on wrong operands or attributes.
  Result<ValueId> try_op(std::string_view name, std::vector<ValueId> operands, Attrs attrs = {});
  // The same where the caller knows that the op is right: a failure is an internal error.
  ValueId op(std::string_view name, std::vector<ValueId> operands, Attrs attrs = {});
  // The op of another one's record, for what does the same to other operands.
  ValueId op(const OpDef& def, std::vector<ValueId> operands, Attrs attrs = {});
  // Copies `op` of another function with new operands; result types are taken over.
  const Op& copy(const Func& from, const Op& op, std::vector<ValueId> operands);
  // A call of `callee`, whose results it returns; they are named as there.
  std::vector<ValueId> call(const Func& callee, std::vector<ValueId> operands);
  // A loop over `body` (ir/scan.h), whose arguments are those of the three lists; returns the final carries, then the
  // stacked outputs.
  std::vector<ValueId> scan(const Func& body, const std::vector<ValueId>& initial,
                            const std::vector<ValueId>& sequences, const std::vector<ValueId>& constants,
                            int64_t length, bool reverse);
  // d loss / d targets[i], each of its target's type.
  std::vector<ValueId> gradient(ValueId loss, std::vector<ValueId> targets);

  // Shorthands for gradient rules, and for passes, which name no ops.
  ValueId constant(double value, Type type);
  ValueId constant_like(ValueId value, double number);
  ValueId unary(std::string_view name, ValueId x) { return op(name, {x}); }
  ValueId add(ValueId a, ValueId b) { return op("add", {a, b}); }
  ValueId sub(ValueId a, ValueId b) { return op("sub", {a, b}); }
  ValueId mul(ValueId a, ValueId b) { return op("mul", {a, b}); }
  ValueId div(ValueId a, ValueId b) { return op("div", {a, b}); }
  ValueId neg(ValueId a) { return op("neg", {a}); }
  ValueId select(ValueId condition, ValueId then, ValueId otherwise) {
    return op("select", {condition, then, otherwise});
  }
  ValueId cast(ValueId value, DType dtype);  // the value itself where it has that dtype
  // Operand dimension d becomes dimension dims[d] of `shape`; the others are repeated.  Identity is not emitted.
  ValueId broadcast(ValueId value, Shape shape, std::vector<int64_t> dims);
  ValueId sum(ValueId value, std::vector<int64_t> axes);  // the value itself where axes is empty
  ValueId reshape(ValueId value, Shape shape);            // the value itself where the shape is the same
  ValueId transpose(ValueId value, std::vector<int64_t> perm);
  ValueId slice(ValueId value, Shape start, Shape limit, Shape stride);
  ValueId pad(ValueId value, Shape low, Shape high, Shape interior);
  ValueId window(ValueId value, const SlidingWindow& window);
  ValueId contract(ValueId lhs, ValueId rhs, Attrs attrs);  // `spec`, perhaps `accumulate`
  ValueId stored(ValueId value);                            // the same values in memory of their own

 private:
  Op& append(const OpDef& def, std::vector<ValueId> operands, Attrs attrs, const std::vector<Type>& types);

  Func* func_;
  Location location_;
  std::string next_name_;
};

}  // namespace tarn
