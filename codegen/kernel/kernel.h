// Kernels: loops over one fused group, the same for all targets.  Made from a kernel function of the tensor IR by
// codegen/kernel/lower_kernel.h, turned into machine code by a target's back end.
//
//   kernel @fc1.forward(%x: f32[32,784] in, %w: f32[784,64] in, %b: f32[64] in, %h: f32[32,64] out) {
//     for i in 0..32 {
//       for j in 0..64 {
//         %acc = reduce sum k in 0..784 {
//           %1 = load %x[i,k]
//           %2 = load %w[k,j]
//           %3 = mul %1, %2
//           yield %3
//         }
//         %4 = load %b[j]
//         %5 = add %acc, %4
//         store %h[i,j], %5
//       }
//     }
//   }
//
// Invariants:
//  K1  A scalar is defined once, before its uses, in the same block or an enclosing one; a loop's scalars do not
//      leave it but through `reduce`.
//  K2  Iterations of a `for` loop are independent: they may run in any order, in vectors, on any thread.
//  K3  A `reduce` combines its body's yield over all its index variables, starting from the identity of its kind.
//      The target chooses the order of combination, from the kernel's text alone (never from the thread count).
//  K4  An output element is stored by one iteration only.  An output may lie over an input (in place) only where every
//      element is loaded, by the iteration that stores it, before it is stored.
//  K5  A kernel is scalar code without loops or stores (loads of rank-0 buffers, say), then one nest of `for` loops,
//      the domain, that holds all the rest.  A kernel whose results are all scalars has no domain: it runs on one
//      thread.
//  K6  Scalars are never of a 16-bit float: a load from a buffer of one gives f32, a store to one rounds to the nearest,
//      half to even.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/base/source.h"
#include "ir/op_forms.h"
#include "ir/scalar.h"
#include "ir/type.h"

namespace tarn {

using BufferIndex = uint32_t;    // into Kernel::buffers
using VariableIndex = uint32_t;  // into Kernel::variables
using ScalarIndex = uint32_t;    // into Kernel::scalars

enum class BufferKind : uint8_t { In, Out };

struct KernelBuffer {
  std::string name;
  Type type;
  BufferKind kind = BufferKind::In;
};

struct IndexVariable {
  std::string name;
  int64_t extent = 0;
};

// (sum of coefficient * variable + sum of coefficient * loaded index + offset) / divisor.
struct IndexExpression {
  struct Term {
    VariableIndex variable;
    int64_t coefficient;
    bool operator==(const Term&) const = default;
  };
  // An index that was computed or loaded (a gather's): an I32 or I64 scalar.
  struct Loaded {
    ScalarIndex scalar;
    int64_t coefficient;
    bool operator==(const Loaded&) const = default;
  };
  std::vector<Term> terms;  // sorted by variable, no zero coefficient
  int64_t offset = 0;
  int64_t divisor = 1;
  std::vector<Loaded> loaded = {};  // of loads only; empty but for gathers
  bool operator==(const IndexExpression&) const = default;
};

// One element of a buffer.  `guarded`: some index may leave its dimension's range or not be divisible; such an element
// reads as zero.  Stores are never guarded.
struct Access {
  BufferIndex buffer = 0;
  std::vector<IndexExpression> indices;  // one for each dimension of the buffer
  bool guarded = false;
  bool operator==(const Access&) const = default;
};

struct Statement;
using Block = std::vector<Statement>;

struct Constant {
  ScalarIndex result;
  double value;  // converted to the result's dtype
};
struct Compute {
  ScalarIndex result;
  ScalarOp op;
  std::vector<ScalarIndex> operands;
};
struct ReadIndex {  // the value of an index variable as I32
  ScalarIndex result;
  VariableIndex variable;
};
struct Load {
  ScalarIndex result;
  Access access;
};
struct Store {
  Access access;
  ScalarIndex value;
};
struct ForLoop {
  VariableIndex variable;
  Block body;
};
// ArgMax: `result` is an I32, the number of the first maximum of `yield` in row-major order of the variables.
struct ReduceLoop {
  ScalarIndex result;
  ReduceKind kind;
  std::vector<VariableIndex> variables;
  Block body;
  ScalarIndex yield;
};

struct Statement {
  std::variant<Constant, Compute, ReadIndex, Load, Store, ForLoop, ReduceLoop> node;
};

struct Kernel {
  std::string name;
  std::vector<KernelBuffer>
      buffers;  // inputs in order of the function's arguments, then outputs in order of its results
  std::vector<IndexVariable> variables;
  std::vector<DType> scalars;  // dtype of each scalar
  Block body;
};

std::string print(const Kernel& kernel);

// Work of one run, counted from the loops: floating-point operations (a transcendental counts as one; a fused multiply
// and add as two), and bytes with each buffer counted once.
struct KernelCost {
  double flops = 0;
  double bytes = 0;
};
KernelCost cost_of(const Kernel& kernel);

}  // namespace tarn
