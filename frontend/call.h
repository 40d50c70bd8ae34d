// What the parts of a call share: the list of active calls, and how messages name what is called.
#pragma once

#include <string>

#include "frontend/evaluator.h"

namespace tarn {

// Keeps the list of active calls for the time of one.
struct CallGuard {
  CallGuard(Evaluator& evaluator, std::string what, Span span) : session(evaluator.session) {
    session.calls.push_back({std::move(what), span});
  }
  ~CallGuard() { session.calls.pop_back(); }
  Session& session;
};

// "layer `dense`"
std::string words(ast::DeclKind kind, const std::string& name);

}  // namespace tarn
