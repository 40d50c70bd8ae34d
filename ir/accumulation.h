// The dtype in which a reduction adds up or multiplies, where that is not settled by the dtype of what it reduces.
//
// Attribute `accumulate` of sum, prod, contract and scatter_add.  It states what a target must at least hold its partial
// results in; the result is brought into its own dtype once, at the end.  The interpreter accumulates in f64 and rounds
// the result.
#pragma once

#include <optional>

#include "ir/attr.h"
#include "ir/base/result.h"
#include "ir/op_def.h"
#include "ir/type.h"

namespace tarn {

// Where the attribute is absent: the elements' own dtype, f32 for the 16-bit floats.
DType default_accumulation(DType element);

// What the attributes of a reduction of `element`s say.
DType accumulation(const Attrs& attrs, DType element);

// For a reduction that does the work of two, which both demands hold for: `attrs` with the wider one.
Attrs joined_accumulation(Attrs attrs, const Attrs& other);

// The attribute, where it is there, names a dtype that holds every number of the default and more: for floats a wider
// float, for integers a wider integer.  `rule`: its label.
std::optional<Error> accumulation_error(const Attrs& attrs, DType element, std::string rule);

// For the op's record.
inline constexpr AttrSpec kAccumulateAttr{"accumulate", AttrKind::String,
                                          "a wider dtype to accumulate in than that of the elements", true};

}  // namespace tarn
