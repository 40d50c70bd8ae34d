// Loops whose bodies are scalar code and one more loop are one nest: iterations are independent, and scalar code has no
// effect, so it may run again in the innermost.
#include "codegen/target/c/schedule/nest.h"

#include <algorithm>

#include "codegen/kernel/facts.h"

namespace tarn::c_source {

Nest collect_nest(const ForLoop& loop) {
  Nest nest;
  Block before;
  const ForLoop* at = &loop;
  for (;;) {
    nest.variables.push_back(at->variable);
    const Block& body = at->body;
    const ForLoop* inner = body.empty() ? nullptr : std::get_if<ForLoop>(&body.back().node);
    bool is_perfect = inner && std::all_of(body.begin(), body.end() - 1, is_pure);
    before.insert(before.end(), body.begin(), is_perfect ? body.end() - 1 : body.end());
    if (!is_perfect) break;
    at = inner;
  }
  nest.body = std::move(before);
  return nest;
}

bool holds_loop(const Block& block) {
  return std::any_of(block.begin(), block.end(), [](const Statement& statement) {
    return std::holds_alternative<ForLoop>(statement.node) || std::holds_alternative<ReduceLoop>(statement.node);
  });
}

}  // namespace tarn::c_source
