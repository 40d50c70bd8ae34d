// A value of a loop's body, of all its runs, as a value outside.
#pragma once

#include "ir/graph.h"

namespace tarn {

// The result of `scan` that stacks the values that `value` of its body takes; one more result where there is none yet.
// `outer`: the function that holds the scan.
ValueId stacked_output(Func& outer, Op& scan, Func& body, ValueId value);

}  // namespace tarn
