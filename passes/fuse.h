// Groups the ops of each entry function into kernels.
//
// What: after it an entry function, and a body, holds only calls of kernel functions, scans, and reshapes that give
//       memory another name.
// How:  1. Constants, iotas and views are free: each kernel that reads one holds a copy of it.
//       2. In op order, an op joins the groups that make its operands where all agree on a domain: a common prefix of
//          their dimensions that every access inside the group keeps.  So a row reduction, what it is made from and
//          what is made from it become one loop over rows; elementwise ops on the result of a contract become its
//          epilogue, the optimizer's update of a weight after its gradient included.
//       3. A mask that only another group reads moves there if what it is made of is in memory anyway, or smaller.
//       4. A group of elementwise ops that only one other group reads is computed there in place.
//       Never joined: two contracts; a group to one that it reaches through a third (that would be a cycle); what
//       would compute a reduction more than once.
// Why here: last of the graph passes; the memory plan needs kernels in their final order.
// Order: the loss first, since nothing persistent may change before it is known to be finite; a kernel that overwrites
//       a parameter after those that read it.
// Cost: quadratic in the number of groups.
// Source: the domain rule is the prefix case of loop fusion on affine index maps; as XLA's and MLIR linalg's fusion do.
#pragma once

#include "passes/pass.h"

namespace tarn {

extern const Pass pass_fuse;

}  // namespace tarn
