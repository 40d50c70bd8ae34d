// Checks every invariant of the tensor IR.  Run on parsed text and after every pass.
//
// In every function
//   V1  function names are unique in the module; names of functions and values are not empty and of [A-Za-z0-9_.$/-]
//   V2  value names are unique in the function
//   V3  each value is defined once, by an argument or an op, and no operand or result is used before that
//   V4  sizes are not negative, and each tensor's bytes fit into int64
//   V5  an op has its record's number of operands and exactly its attributes, each of its kind
//   V6  an op's result has the type that its shape rule gives (calls: V13, grad: V14, scan: V15)
//   V7  result names are unique in the function
// In entry points (kind Entry)
//   V8  an argument has an argument's role and a result a result's; in other functions neither has a role
//   V9  seed, step, count, total_steps and epoch are i64[], a hyper is f64[], a loss or metric is a float scalar
//   V10 where some argument is persistent (param, state, slot, step), each persistent result overwrites an argument:
//       one of the same name, role and type
//   V11 a persistent name has one role and one type in all entry points
// Of the module
//   V16 there is at most one record `model`, and its `batch` is an integer of at least 1
// Across functions
//   V12 no function calls itself, directly or through others
//   V13 a call names a function of the module that is no entry point; operands and results have its types
//   V14 a grad has a float scalar as loss and gives for each float target a result of the target's type
//   V15 a scan names a body that no other op names, has its types (carries and constants as they are, sequences and
//       stacked outputs with the length before them), and has at least one result
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace tarn {

// One text for each violation: function, op or value, what was observed, and the rule in brackets; empty if sound.
std::vector<std::string> verify(const Module& module);

}  // namespace tarn
