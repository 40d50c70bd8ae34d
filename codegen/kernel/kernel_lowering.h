// The state of lower_kernel(): the loops that are open, and what is computed in each of them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "codegen/kernel/kernel.h"
#include "ir/graph.h"
#include "ir/op_def.h"
#include "ir/scalar.h"

namespace tarn {

using Indices = std::vector<IndexExpression>;

class KernelLowering final : public ScalarEmitter {
 public:
  explicit KernelLowering(const Func& func);
  Kernel run();

 private:
  // A loop being built: its body so far, its variables, and the values already computed in it.
  struct Scope {
    Block block;
    std::vector<VariableIndex> variables;
    std::map<std::string, ScalarIndex> computed;
  };

  // Of one dimension in a flat kernel.
  Shape lowered_shape(ValueId value) const;
  void add_buffer(ValueId value, std::string name, BufferKind kind);

  // --- loops ---

  // Sibling loops of one extent share a variable, so that equal accesses look equal to the target.
  VariableIndex fresh_variable(int64_t extent);
  int depth_of(VariableIndex variable) const;  // -1: not open
  size_t depth_of(const Indices& indices) const;
  VariableIndex open_loop(int64_t extent);
  void close_loop();
  static IndexExpression plain(VariableIndex variable) { return {{{variable, 1}}, 0, 1, {}}; }
  // Opens a scope for a reduction whose result depends on `indices` only: loops below that depth do not enclose it.
  ScalarIndex reduce(ReduceKind kind, const Indices& indices, const std::vector<int64_t>& extents, DType dtype,
                     const std::function<ScalarIndex(const std::vector<VariableIndex>&)>& body);

  // What a reduction combines at one point of its loops; `accumulated`: the dtype of its partial results.
  using Term = std::function<Scalar(const std::vector<VariableIndex>& variables, DType accumulated)>;
  // The result of reduction `op`, in its own dtype.
  ScalarIndex accumulate(ReduceKind kind, const Op& op, const Indices& indices, const std::vector<int64_t>& extents,
                         const Term& term);

  // The loops over the dimensions that all results share, and the stores in them.
  void domain();
  // Results in groups of one shape; a group with dimensions beyond the domain gets loops of its own.  All values of a
  // group are computed before the first store, so that an output may lie over an input.
  void store_results(const Indices& domain);

  // --- scalars ---

  ScalarIndex add_scalar(DType dtype, size_t depth);
  // An element of a value: for the 16-bit dtypes one of their numbers, else the scalar itself.
  ScalarIndex element_of(ScalarIndex scalar, DType dtype);
  // Whether every value of the scalar is a number of that 16-bit dtype, and that it is.
  bool is_number_of(ScalarIndex scalar, DType half) const;
  void set_number_of(ScalarIndex scalar, DType half);
  // What a store of the scalar to such a buffer may store in its place, for it rounds itself.
  ScalarIndex before_rounding(ScalarIndex scalar, DType dtype) const;
  Scalar constant(double value, DType dtype) override;
  Scalar apply(ScalarOp op, std::span<const Scalar> operands, DType cast_to) override;
  using ScalarEmitter::apply;
  Scalar scalar_of(ScalarIndex index) const { return {index, kernel_.scalars[index]}; }
  // An index expression as an I32 scalar.
  Scalar index_scalar(const IndexExpression& index);
  Scalar read_index(VariableIndex variable);

  // --- values ---

  // The scalar that holds `value` at `indices`.
  ScalarIndex evaluate(ValueId value, const Indices& indices);
  ScalarIndex compute(ValueId value, const Indices& indices);
  ScalarIndex load(ValueId argument, const Indices& indices, bool guarded);
  ScalarIndex compute_form(const Elementwise& form, const Op& op, const Indices& indices);
  ScalarIndex compute_form(const Generate& form, const Op& op, const Indices& indices);
  ScalarIndex compute_form(const View&, const Op& op, const Indices& indices);
  ScalarIndex compute_form(const Reduce& form, const Op& op, const Indices& indices);
  ScalarIndex compute_form(const Contract&, const Op& op, const Indices& indices);
  ScalarIndex compute_form(const Gather&, const Op& op, const Indices& indices);
  ScalarIndex compute_form(const Scatter&, const Op& op, const Indices& indices);
  ScalarIndex compute_form(const Call&, const Op& op, const Indices&) { return refuse(op); }
  ScalarIndex compute_form(const Scan&, const Op& op, const Indices&) { return refuse(op); }
  ScalarIndex compute_form(const Gradient&, const Op& op, const Indices&) { return refuse(op); }
  ScalarIndex refuse(const Op& op) const;
  // The first dimensions of a gather or scatter, which its index tensor has too.
  static Indices shared_of(const Op& op, const Indices& indices);
  // An index from memory as I32 or I64.
  Scalar loaded_index(ValueId indices, const Indices& at);

  const Func& func_;
  std::vector<int> defining_;
  bool flat_;  // all loops are one over the elements in memory order
  Kernel kernel_;
  std::vector<Scope> scopes_;
  std::vector<size_t> scalar_depth_;                              // the scope in which each scalar is computed
  std::vector<bool> is_f16_, is_bf16_;                            // of each scalar: it is known to be such a number
  std::map<std::pair<ScalarIndex, DType>, ScalarIndex> rounded_;  // of a scalar, the nearest number of a 16-bit dtype
  std::map<ScalarIndex, ScalarIndex> unrounded_;                  // and back
  std::map<ScalarIndex, double> constants_;                       // of f32
  std::map<uint32_t, BufferIndex> buffer_of_;
};

}  // namespace tarn
