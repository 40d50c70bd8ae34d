// The `train` block, read and checked: a closed block in which unknown keys are errors.
#pragma once

#include <optional>
#include <vector>

#include "frontend/evaluator.h"

namespace tarn {

// loss = value; or one of several, each with the parameters that it trains: loss critic = value over "critic.*"
struct LossSpec {
  const ast::Entry* entry = nullptr;
  std::string name;                     // "loss" of the first, which is reported so
  std::vector<const ast::Expr*> globs;  // none: all parameters
};

struct TrainSpec {
  const ast::Decl* decl = nullptr;
  const ast::Decl* model = nullptr;
  const ast::Decl* data = nullptr;
  std::vector<const ast::Entry*> lets;
  std::vector<LossSpec> losses;
  std::vector<const ast::Entry*> metrics;
  const ast::Entry* optimizer = nullptr;
  const ast::Expr* clip_norm = nullptr;
  int64_t epochs = 10;
  int64_t steps = 0;  // the length of the run in place of epochs, or 0
  int64_t batch = 32;
  int64_t seed = 1;
  bool shuffle = false;
  std::optional<Attrs> evaluate;
  std::optional<Attrs> early_stop;
  Span early_stop_span;  // what it watches, as in `accuracy(valid)`
  std::optional<Attrs> checkpoint;
};

// Reads `decl`; what is wrong is reported, and the rest is read on.
TrainSpec read_train(Evaluator& evaluator, const ast::Decl& decl);

// Reports a key that a closed block does not have, with the nearest that it has.
void unknown_key(Session& session, const ast::Name& key, const std::string& block,
                 const std::vector<std::string>& keys);

}  // namespace tarn
