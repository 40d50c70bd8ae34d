// Builds the module: what the parts in program.cpp, program_choice.cpp and program_step.cpp share.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "frontend/optimizer.h"
#include "frontend/train.h"
#include "ir/entry.h"

namespace tarn {

struct Objective {
  std::vector<Term> losses;  // as TrainSpec::losses
  std::vector<std::pair<std::string, Term>> metrics;
};

// A parameter with the gradient of the loss that trains it.
struct Derivative {
  std::string path;
  Term gradient;
};

class ProgramBuilder {
 public:
  explicit ProgramBuilder(Session& session) : session_(session) {}

  std::optional<Module> build();

 private:
  Func& add_func(EntryPoint entry) {
    module_.funcs.emplace_back();
    module_.funcs.back().name = entry_name(entry);
    return module_.funcs.back();
  }

  // What is built: program_choice.cpp
  void choose();
  const ast::Decl* choose_train();
  const ast::Decl* choose_model();
  void take_names();

  // What nothing is built from, and what is found only late: program_check.cpp
  void check_data(Evaluator& evaluator, const ast::Decl& data);
  void check_others();
  void check_model(const ast::Decl& model);
  void check_watched_split();
  void check_hypers();

  // Entry points: discovery, @init and @predict in program.cpp, the steps in program_step.cpp
  void discover();
  void search_params(bool* missing);
  Objective evaluate(Evaluator& evaluator);
  Term scalar_result(Evaluator& evaluator, const ast::Entry& entry, const FramePtr& frame, const char* rule);
  void build_train_step(Func& func);
  bool is_covered(const LossSpec& loss, const std::string& path) const;
  void check_cover(const std::vector<std::string>& trained);
  void differentiate(Evaluator& evaluator, size_t number, const Term& loss, const std::vector<std::string>& trained,
                     std::vector<Derivative>& derivatives);
  std::optional<Term> clip_limit(Evaluator& evaluator);
  void clip(Evaluator& evaluator, std::vector<Derivative>& derivatives, size_t first);
  void name_objective(Evaluator& evaluator, const Objective& objective);
  void build_eval_step(Func& func);
  void build_predict(Func& func);
  bool check_output(const Func& func, const Term& output, const std::string& name);
  const ast::Entry* find_field(const std::string& name) const;
  std::optional<Term> plain_input(Evaluator& evaluator, const ast::Decl& model, const ast::Param& param);
  void build_init(Func& func);
  void add_objective(Emitter& emit, Objective& objective);
  void add_records();
  void check_defines();

  Evaluator make_evaluator(Emitter& emit, bool discovering) {
    Evaluator evaluator(session_, emit, discovering);
    evaluator.prefix_models = prefix_models_;
    evaluator.inputs = discovering ? nullptr : &inputs_;
    return evaluator;
  }

  Session& session_;
  Module module_;
  const ast::Decl* train_ = nullptr;
  const ast::Decl* model_ = nullptr;
  TrainSpec spec_;
  Attrs data_attrs_;
  int64_t batch_ = 1;
  bool prefix_models_ = false;
  std::map<std::string, Attrs> inputs_;
  // What is said of inputs and outputs that no data block describes.
  std::map<std::string, int64_t> classes_;
  std::set<std::string> unbatched_;
};

// Inputs last, the others by role.
void sort_arguments(Func& func);

}  // namespace tarn
