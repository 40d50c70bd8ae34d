// Elaborates expressions and declarations into tensor IR: names are resolved, layers instantiated, sizes computed.
// One evaluator builds one entry point; what the whole compilation shares is in the Session.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "frontend/builtins.h"
#include "frontend/emitter.h"
#include "frontend/session.h"

namespace tarn {

enum class FrameKind : uint8_t { Layer, Function, Init, Schedule, Optimizer, Train, Data };

// The names of one declaration being elaborated, or of a block inside it.
struct Frame {
  FrameKind kind = FrameKind::Function;
  FramePtr outer = nullptr;  // enclosing block's frame; null at a declaration
  Frame* root = nullptr;
  std::map<std::string, Term> names;
  std::string loop_suffix;  // ".2" in the second round of a `for`
  std::string branch;       // "training." or "evaluation." in a branch of `if training`

  // Of a declaration's frame:
  const ast::Decl* decl = nullptr;
  std::string path;                           // of the layer instance; "" for the model itself
  std::string what;                           // "dense `fc1`", for messages
  std::map<std::string, int> unnamed;         // layers without `as`, counted by kind
  std::set<std::string> instances;            // names given by `as` and `use`
  std::map<std::string, std::string> stored;  // states and slots: name -> path in Emitter::states
  std::optional<DType> float_type;            // what `float` stands for: that of the first argument declared so
  int requirements = 0;                       // `require` statements met so far
  const ast::Decl* data = nullptr;            // Train: whose fields are names
  const ast::Entry* field = nullptr;          // Data: the field being elaborated
  std::optional<std::vector<Axis>> dotted;    // what `..` stands for in the signature
};

// Whether sizes are exact integers and B its static size (Static), or `/` divides reals and B counts rows (Value).
enum class Mode : uint8_t { Value, Static };

struct Flow {
  Term value;
  bool returned = false;
};

// Far above any network that is trained: what one entry point may take to build, and of how many operations it may be.
inline constexpr int64_t kMaxApplied = 150'000;
inline constexpr size_t kMaxOps = 150'000;

// What `..` stands for in one signature.
using Leading = std::optional<std::vector<Axis>>;

class Evaluator {
 public:
  Evaluator(Session& session, Emitter& emitter, bool discovering)
      : session(session), emit(emitter), discovering(discovering) {}

  Session& session;
  Emitter& emit;
  const bool discovering;          // the first pass, which finds the parameters; penalties over them are left out
  bool prefix_models = false;      // several models: paths start with the model's name
  bool params_known = true;        // false where errors may have kept some from being found
  bool* missing_params = nullptr;  // while they are searched: set where a path is not found yet
  std::map<std::string, Attrs>* inputs = nullptr;  // records of the inputs met

  FramePtr make_frame(FrameKind kind, const ast::Decl* decl, FramePtr outer = nullptr);
  Term eval(const ast::Expr& expr, const FramePtr& frame, Mode mode = Mode::Value);
  // A number, truth value, text, list, callable or initialiser known now; reports where it is a tensor.
  Term eval_static(const ast::Expr& expr, const FramePtr& frame);
  std::optional<int64_t> eval_size(const ast::Expr& expr, const FramePtr& frame);
  // `[H, W]`, `-1`, `all`: a list of numbers and names of dimensions.
  Term eval_axes(const ast::Expr& expr, const FramePtr& frame);
  // What `..` stands for in the signature of this frame's declaration; reports where it stands for nothing.
  std::optional<std::vector<Axis>> dotted_axes(const FramePtr& frame, Span span);
  // The dimensions of `x` that `axes` lists, ascending; nullopt with a message where there is no such.
  std::optional<std::vector<size_t>> find_axes(const Term& x, const Term& axes, Span span);
  // Those that argument `place` of a builtin's call names, or `fallback` where it is not given.
  std::optional<std::vector<size_t>> call_axes(const BuiltinCall& call, size_t place, const Term& x, Term fallback);

  // What every path through a call takes: the callee, the value from the pipe, the arguments as written.
  struct Call {
    Term callee;
    std::optional<Term> piped;
    const std::vector<ast::Arg>* args = nullptr;
    FramePtr frame = nullptr;  // of the caller
    ast::Name instance;
    Span span;

    const std::vector<ast::Arg>& written() const;  // `args`, or none
  };
  Term apply(const Call& call);
  Term call_model(const ast::Decl& decl, std::vector<Term> args, Span span);
  Flow run_block(const ast::Block& block, const FramePtr& frame);
  // Makes the parameter's, state's or slot's first value, for @init.
  Term initial_value(const ParamSpec& spec);
  Term param_value(const ParamSpec& spec);
  // An optimizer argument: a number that may follow a schedule over the steps.
  Term eval_schedule(const ast::Expr& expr, const FramePtr& frame, const Term& step, const Term& total);
  Term data_field(const ast::Decl& data, const ast::Entry& field);
  std::vector<Axis> eval_dims(const std::vector<ast::ExprPtr>& dims, const FramePtr& frame);
  bool match_type(const ast::TypeExpr& type, Term& value, const FramePtr& frame, Leading& leading,
                  const std::string& what, const std::string& subject, const std::string& rule, Span span);
  // The next call of a model that draws random numbers means the first one again: at the begin of a loss or metric.
  void restart_model_calls();
  // Readable dumps: the value is called after the name the user gave it, once.
  void name_value(const Term& term, const std::string& name);
  Term draw_uniform(Span span);  // one draw for each element of the parameter at hand
  // let name = value; let (a, b) = pair
  void bind_names(const std::vector<ast::Name>& names, bool is_tuple, Term value, const FramePtr& frame, Span span);
  bool in_init() const { return init_.has_value(); }
  bool bind_static_args(const ast::Decl& decl, const std::vector<ast::Arg>& args, const FramePtr& caller,
                        std::map<std::string, Term>& bound, Span span);

 private:
  struct InitContext {
    std::string path;
    std::vector<Axis> axes;
    int64_t fan_in = 1;
    int64_t fan_out = 1;
    int draws = 0;
  };
  struct ScheduleContext {
    Term step;
    Term total;
    std::optional<Term> next;
  };

  // Expressions (eval_expr.cpp)
  Term eval_node(const ast::Expr& expr, const FramePtr& frame, Mode mode);
  Term eval_callee(const ast::Expr& expr, const FramePtr& frame, Mode mode);
  Term eval_unary(const ast::Expr& expr, const FramePtr& frame, Mode mode);
  Term eval_binary(const ast::Expr& expr, const FramePtr& frame, Mode mode);
  Term eval_list(const ast::Expr& expr, const FramePtr& frame, Mode mode);
  Term eval_range(const ast::Expr& expr, const FramePtr& frame);
  Term eval_if(const ast::Expr& expr, const FramePtr& frame);
  std::optional<bool> eval_condition(const ast::Expr& expr, const FramePtr& frame);

  // Loops (eval_scan.cpp)
  struct OpenScan {
    Frame* frame = nullptr;  // of its block
    std::vector<std::string> names;
    std::vector<Term> carries;  // as the iteration finds them
    std::vector<Term> next;     // errors where not given yet
    std::vector<Span> given;    // `next` statements
    std::vector<Term> yields;
    Span yielded;
  };
  Term eval_scan(const ast::Expr& expr, const FramePtr& frame);
  std::optional<Axis> scan_axis(const ast::Expr& expr, const FramePtr& frame);
  std::optional<int64_t> scan_unroll(const ast::Expr& expr, const Axis& time, const FramePtr& frame);
  void part_twins(std::vector<Axis>& axes);
  bool is_short_enough(const ast::Expr& expr, int64_t copies);
  Term initial_carry(const ast::Expr& expr, size_t i, const FramePtr& frame);
  bool run_scan_body(const ast::Expr& expr, OpenScan& scan, const FramePtr& frame);
  OpenScan* scan_at(const ast::Stmt& stmt, const FramePtr& frame);
  void run_next(const ast::Stmt& stmt, const FramePtr& frame);
  void run_yield(const ast::Stmt& stmt, const FramePtr& frame);
  std::optional<Term> loop_index(const ast::Expr& expr, const FramePtr& frame);
  Term eval_slice_by_name(const Term& x, const Term& index, const ast::Expr& expr);
  Term eval_slice_at(const Term& x, size_t axis, const Term& index, Span span);

  // Names (eval_name.cpp)
  Term eval_name(const ast::Expr& expr, const FramePtr& frame, Mode mode);
  std::optional<Term> find_local(const std::string& name, const FramePtr& frame);
  Term find_global(const std::string& name, Span span, Mode mode);
  Term use_term(const Term& term, const std::string& name, Span span, Mode mode);
  Term unknown_name(const std::string& name, Span span, const FramePtr& frame);
  Term eval_const(const ast::Decl& decl);
  Term eval_hyper(const ast::Decl& decl, Span span, Mode mode);

  // Brackets (eval_index.cpp)
  Term eval_bracket(const ast::Expr& expr, const FramePtr& frame, Mode mode);
  Term eval_item(const Term& list, const ast::Expr& expr, const FramePtr& frame);
  Term eval_index(const Term& base, const ast::Expr& expr, const FramePtr& frame);

  // Pipes and calls (eval_call.cpp)
  Term eval_pipe(const ast::Expr& expr, const FramePtr& frame);
  Term run_stage(const ast::Expr& stage, Term input, const FramePtr& frame);
  Term run_for(const ast::Expr& stage, Term input, const FramePtr& frame);
  bool can_nest(Span span);
  Term apply_layer(const Call& call);
  Term apply_function(const Call& call);
  Term run_layer(const ast::Decl& decl, const FramePtr& frame, std::vector<Term> args, const std::string& path,
                 Span span);
  bool match_params(const ast::Decl& decl, const FramePtr& frame, std::vector<Term>& args, Leading& leading, Span span);
  std::string instance_path(const Call& call);

  // Arguments (call_args.cpp)
  bool bind_args(const ast::Decl& decl, const Call& call, const FramePtr& inner, std::vector<Term>& values);
  bool fill_statics(const ast::Decl& decl, const FramePtr& inner, Span span);
  Term eval_arg(const ast::Param& param, const ast::Expr& value, const FramePtr& frame);

  // Builtins, schedules, initialisers (call_builtin.cpp, eval_schedule.cpp, eval_init.cpp)
  Term apply_builtin(const Call& call);
  Term apply_schedule(const Call& call);
  Term eval_then(const ast::Expr& expr, size_t first, const FramePtr& frame, const Term& step, const Term& total);
  Term apply_init(const Call& call);
  bool is_initialiser(const ast::Expr& expr, const FramePtr& frame);
  std::optional<Term> find_initialiser(const ast::Expr& expr, const FramePtr& frame);
  Term eval_static_arg(const ast::Expr& expr, const FramePtr& frame);

  // Types (eval_type.cpp)
  std::optional<DType> stored_type(const ast::Stmt& stmt, const FramePtr& frame);
  bool match_element(const ast::TypeExpr& type, Term& value, const FramePtr& frame, const std::string& what,
                     const std::string& subject, const std::string& rule, Span span);
  bool match_dim(const ast::Expr& dim, Axis& axis, const FramePtr& frame, const std::string& what,
                 const std::string& clause, const std::string& rule, Span span);

  // Statements (eval_block.cpp, eval_param.cpp)
  void run_stmt(const ast::Stmt& stmt, const FramePtr& frame, Flow& flow);
  void run_param(const ast::Stmt& stmt, const FramePtr& frame);
  void run_update(const ast::Stmt& stmt, const FramePtr& frame);
  void run_use(const ast::Stmt& stmt, const FramePtr& frame);
  bool run_require(const ast::Stmt& stmt, const FramePtr& frame);
  std::string values_in(const ast::Expr& condition, const FramePtr& frame);
  const ParamSpec* declare(const ast::Stmt& stmt, Role role, DType dtype, std::vector<Axis> axes,
                           const FramePtr& frame);

  // Data (data.cpp)
  Term source_tensor(const FramePtr& frame, const std::string& name, Attrs attrs, int64_t columns, Span span);
  bool fits_text(const Frame& root, const std::vector<Axis>& axes, const std::string& source, Span span);
  Term data_file(const ast::Expr& expr, const FramePtr& frame);
  Term data_columns(const ast::Expr& expr, const FramePtr& frame);

  std::vector<OpenScan*> scans_;  // innermost last

  std::optional<InitContext> init_;
  std::optional<ScheduleContext> schedule_;
  std::map<const ast::Decl*, Term> constants_;
  std::set<const ast::Decl*> evaluating_;  // constants being computed, to find cycles
  // Calls of one model on the same values.
  struct ModelCalls {
    std::vector<Term> results;  // one, or of a model that draws random numbers, one for each call
    bool draws = false;
    size_t next = 0;  // the number of the next call
  };
  std::map<std::pair<const ast::Decl*, std::vector<uint32_t>>, ModelCalls> model_calls_;
  std::set<uint32_t> named_values_;
  int64_t applied_ = 0;  // calls so far, so that nested loops over nothing end
  bool is_too_large_ = false;
  int levels_ = 0;  // of eval() now active
};

inline std::string join_path(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

}  // namespace tarn
