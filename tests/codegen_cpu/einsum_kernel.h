// Products of affine accesses from text: "b,f,h,w = b,c,h+r,w+s * f,c,r,s" is a convolution.  Labels that the result
// lacks are summed, in order of their first appearance.
#pragma once

#include <map>
#include <string_view>

#include "codegen/kernel/kernel.h"

namespace tarn::testing {

using LabelSizes = std::map<char, int64_t>;

// Buffers: the operands, each as large as its indices reach, then the result.  An index is a sum of labels, of
// label*number, and of numbers: "2*h-r+4".
Kernel einsum_kernel(std::string_view text, const LabelSizes& sizes, DType dtype = DType::F32);

}  // namespace tarn::testing
