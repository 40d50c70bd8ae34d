// The optimizer's update, written in the language, inlined into the training step for each parameter.
#pragma once

#include <string>
#include <vector>

#include "frontend/train.h"

namespace tarn {

struct OptimizerPlan {
  const ast::Decl* decl = nullptr;
  Span span;
  std::map<std::string, Term> settings;  // for all parameters
  struct Group {
    std::string glob;
    std::map<std::string, Term> settings;
  };
  std::vector<Group> groups;  // later ones win
  struct Freeze {
    std::string glob;
    std::optional<int64_t> until_epoch;  // none: for ever
  };
  std::vector<Freeze> freezes;
  Term step;  // from 1
};

// Reads `optimizer = adamw(lr = ..) { group ..; freeze .. }`; settings are emitted once, into the evaluator's function.
std::optional<OptimizerPlan> read_optimizer(Evaluator& evaluator, const ast::Entry& entry);
// A glob over parameters that fits none of them.
void report_empty_glob(Session& session, const std::string& glob, const std::vector<std::string>& paths, Span span);
bool is_frozen_for_ever(const OptimizerPlan& plan, std::string_view path);
// Emits the update of one parameter with this gradient: its new value and those of its slots go to Emitter::states.
void update_parameter(Evaluator& evaluator, const OptimizerPlan& plan, const ParamSpec& spec, const Term& gradient);
// Scales all gradients so that their joint norm is at most `limit`, as torch.nn.utils.clip_grad_norm_ does.
void clip_gradients(Evaluator& evaluator, const Term& limit, std::vector<Term>& gradients, Span span);

}  // namespace tarn
