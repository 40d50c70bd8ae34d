// Which steps of the pipeline a module has behind it, so that the compiler goes on from a dump where it was:
//   record pipeline "" {done=["contract_order","autodiff"]}
// A module without the record, as the front end makes it or as it is written by hand, has none behind it.
#pragma once

#include "ir/base/result.h"
#include "ir/graph.h"

namespace tarn {

// The number in pipeline() of the first step that is yet to be done.  Steps that another -O level leaves out may be
// missing among those done.  Error: the steps done are not this pipeline's, in its order.
Result<size_t> first_step_to_do(const Module& module);

// Adds a step to those done.
void note_step_done(Module& module, std::string_view pass);

}  // namespace tarn
