// Emits tensor IR for one entry point from terms: scalars adapt to tensors, dimensions are aligned and broadcast, and
// reductions over the batch leave out the rows past the count.  All user errors of shapes are found here.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/session.h"
#include "ir/builder.h"

namespace tarn {

enum class ReduceOp : uint8_t { Sum, Mean, Prod, Max, FirstMax, Min, ArgMax };

class Emitter {
 public:
  // `func` is of `module`, to which bodies of loops are added.
  Emitter(Session& session, Module& module, Func& func, int64_t batch, bool training)
      : training(training), batch(batch), session_(session), module_(module), builder_(func) {}

  const bool training;
  const int64_t batch;                 // B
  std::string path;                    // of the layer being elaborated, for locations
  std::map<std::string, int> draws;    // by path: random draws so far
  int draw_count = 0;                  // of all paths
  std::map<std::string, Term> states;  // by path: current value of states and optimizer slots

  Func& func() { return builder_.func(); }
  Module& module() { return module_; }
  Builder& at();  // the builder, set to the place of the user's text being elaborated

  // Arguments of the entry point, made when first asked for.
  Term argument(const std::string& name, Role role, DType dtype, std::vector<Axis> axes, double initial = 0);
  ValueId seed() { return integer_argument("seed", Role::Seed); }
  ValueId step() { return integer_argument("step", Role::Step); }
  Term count() { return number_argument("count", Role::Count); }
  Term number_argument(const std::string& name, Role role);  // an i64[] argument as a weak scalar
  Term batch_axis_rows(int64_t size);  // how many of `size` entries of a batch dimension are valid, as a weak scalar

  Term tensor(ValueId value, std::vector<Axis> axes, int64_t classes = 0);
  Term weak(ValueId value);
  Axis fresh_axis(int64_t size, std::string name = "", Span origin = {});
  Axis fresh_batch_axis();
  // Reports a dimension of `small` that fits several of `large` by its name.
  bool is_ambiguous(const Term& small, const Term& large, Span span);
  // The scalar or tensor `x` with this dtype and these dimensions; they must fit.
  ValueId spread(const Term& x, DType dtype, const std::vector<Axis>& axes);
  ValueId integer_constant(int64_t value, const Shape& shape);
  ValueId scalar(const Term& x, DType dtype) { return spread(x, dtype, {}); }
  Term to_float(const Term& x, Span span, DType dtype = DType::F32);  // labels, truth values and integers as floats
  Term cast(const Term& x, DType dtype, Span span);                   // explicit conversion
  Term computed(const Term& x, Span span);                            // f16 and bf16 as f32, others as they are
  Term add_widened(const Term& a, const Term& b, Span span);          // in the wider of their dtypes, f32 at least
  // The element type of a operation's result: that of its tensors, which is one, or f64 of two scalars that adapt.
  std::optional<DType> agree(const Term& a, const Term& b, std::string_view symbol, Span span);

  // What can be calculated with, and of that what is no integer; reports where it is not.
  bool is_arithmetic(const Term& x, std::string_view symbol, Span span);
  bool is_float_operand(const Term& x, std::string_view symbol, Span span);

  // Elementwise.  `op` is the IR op; `symbol` is how the user wrote it.
  Term unary(std::string_view op, const Term& x, Span span);
  Term arithmetic(std::string_view op, std::string_view symbol, const Term& a, const Term& b, Span span);
  Term compare(std::string_view op, std::string_view symbol, const Term& a, const Term& b, Span span);
  Term logic(std::string_view op, const Term& a, const Term& b, Span span);
  Term floor_div(const Term& a, const Term& b, Span span);
  Term power(const Term& a, const Term& b, Span span);
  Term select(const Term& condition, const Term& a, const Term& b, Span span);
  Term like(const Term& x, ValueId value) { return tensor(value, x.axes); }

  // `axes`: which dimensions of x, ascending.  A kept dimension has size 1 and fits any size.
  Term reduce(ReduceOp op, const Term& x, const std::vector<size_t>& axes, bool keep, Span span);
  Term matmul(const Term& a, const Term& b, Span span);
  Term einsum(const std::string& spec, const std::vector<Term>& operands, Span span);

  // `wanted`: sizes and names; which of them holds the batch is worked out.
  Term reshape(const Term& x, std::vector<Axis> wanted, Span span);
  Term flatten(const Term& x, Span span);  // all dimensions but the first become one
  Term slice(const Term& x, size_t axis, int64_t begin, int64_t end, Span span);
  Term drop_axis(const Term& x, size_t axis, Span span);  // of size 1
  Term transpose(const Term& x, const std::vector<int64_t>& order);
  Term concat(const std::vector<Term>& parts, size_t axis, Span span);
  Term stack(const std::vector<Term>& parts, size_t axis, Span span);  // along a new dimension
  struct Padding {
    int64_t before = 0, after = 0;  // negative: cut off
    int64_t between = 0;
    double value = 0;
  };
  Term pad(const Term& x, size_t axis, const Padding& padding, Span span);
  struct Windows {
    int64_t size = 1, stride = 1, dilation = 1;
  };
  // Dimension `axis` becomes the windows, their elements a new last one.
  Term windows(const Term& x, size_t axis, const Windows& windows, Span span);
  // How many valid entries a reduction over `axes` combines into one, as a number or a weak scalar.
  Term entries(const Term& x, const std::vector<size_t>& axes, Span span);
  Term one_hot(const Term& labels, Span span);
  // emit_index.cpp: `ids` are labels or integers.
  Term flip(const Term& x, size_t axis, Span span);
  Term gather(const Term& x, const Term& ids, size_t axis, size_t shared, Span span);
  Term scatter_add(const Term& ids, const Term& updates, int64_t size, size_t axis, size_t shared, Span span);
  bool do_share(const Term& x, const Term& ids, size_t axis, size_t shared, std::string_view what, Span span);
  Term positions(const std::vector<Axis>& axes, size_t axis);  // i32: each element's index along `axis`
  Term random_uniform(const std::vector<Axis>& axes, std::string_view stream_path, bool at_init);

  // Loops (emit_loop.cpp).  What is emitted between open_loop and close_loop is one iteration; the part of it that
  // changes from one to the next becomes the body.
  Term open_loop(const Axis& time, bool reverse, int64_t unroll);  // the index: i32[]
  Term loop_carry(const std::string& name, const Term& initial);   // its value in an iteration
  bool is_loop_index(const Term& x) const;                         // of a loop that is open
  const Axis& loop_axis(const Term& index) { return loop_of(index).time; }
  Term loop_slice(const Term& x, size_t axis, const Term& index, Span span);  // x[.., t, ..]
  // Last values of the carries, then `yields` of all iterations along the loop's axis.
  std::vector<Term> close_loop(const std::vector<Term>& next, const std::vector<Term>& yields);
  void abandon_loop() { loops_.pop_back(); }  // after an error
  bool in_loop() const { return !loops_.empty(); }
  size_t loop_ops() { return func().ops.size() - loops_.back().first_op; }  // emitted since the innermost was opened

 private:
  struct Loop {
    Axis time;
    bool reverse = false;
    int64_t unroll = 1;  // copies of an iteration in the body
    size_t first_op = 0;
    Term index;
    struct Carry {
      Term value;
      ValueId initial;
    };
    struct Sequence {
      ValueId stack, slice;
    };
    std::vector<Carry> carries;
    std::vector<Sequence> sequences;
    std::optional<size_t> place;  // of the axis in results: as in the first tensor that it takes apart
  };
  Loop& loop_of(const Term& index);
  std::vector<bool> varying_values(const Loop& loop);
  ValueId sequence_slice(Loop& loop, ValueId stack);
  Term stacked(const Loop& loop, const Term& output, ValueId stack);
  friend class LoopCutter;
  ValueId integer_argument(const std::string& name, Role role);
  bool join(const Term& a, const Term& b, std::string_view symbol, Span span, std::vector<Axis>& joined);
  void help_to_name(Diagnostic& made, const Term& small, const Term& large, const std::string& name);
  void note_axes(Diagnostic& diagnostic, const Term& a, const Term& b);
  bool are_indices(const Term& ids, int64_t size, std::string_view what, Span span);
  ValueId row_mask(const Axis& axis);  // bool[axis.size]: which entries belong to valid rows
  ValueId masked(const Term& x, const std::vector<size_t>& axes, double neutral);
  Term sum_unused_labels(const Term& x, std::string& labels, const std::string& others);
  Term contract(const Term& a, const Term& b, const std::string& left, const std::string& right,
                const std::string& result, Span span);
  bool labels_agree(const std::vector<std::string>& labels, const std::vector<Term>& operands, Span span);
  Term multiply_labels(std::vector<Term> factors, std::vector<std::string> labels, const std::string& result,
                       Span span);
  bool is_slidable(const Term& x, size_t axis, std::string_view what, Span span);
  ValueId inside(int64_t size, int64_t first, int64_t end);
  Term tiles(const Term& x, size_t axis, const std::vector<Axis>& axes, Span span);
  void place_batch(const Term& x, std::vector<Axis>& wanted, Span span);

  Session& session_;
  Module& module_;
  Builder builder_;
  std::vector<Loop> loops_;  // open ones, outermost first
  std::map<std::pair<Role, std::string>, Term> arguments_;
  std::map<std::pair<int64_t, int64_t>, ValueId> masks_;  // by size and inner
};

// Where each dimension of `small` lies in `large`: by name, as the last signature gave it, then by identity, then aligned
// at the end; empty optional where they do not fit.
std::optional<std::vector<int64_t>> match_axes(const std::vector<Axis>& small, const std::vector<Axis>& large);
// FNV-1a, 32 bits: the random stream of a path.
uint32_t stream_of(std::string_view path);

}  // namespace tarn
