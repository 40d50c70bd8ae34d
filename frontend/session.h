// What all parts of one compilation share: declarations, options, the parameters found so far, and error reporting.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "frontend/ast.h"
#include "frontend/compile.h"
#include "frontend/term.h"

namespace tarn {

// A parameter or state of the model, found while its layers were elaborated for the first time.
struct ParamSpec {
  std::string path;  // "fc1.w"
  Role role = Role::Param;
  DType dtype = DType::F32;
  std::vector<Axis> axes;
  const ast::Expr* init = nullptr;
  FramePtr frame = nullptr;  // where `init` is evaluated
  Span declared;             // the `param` statement
  Span used;                 // the user's expression that made its layer
};

// One call being elaborated, for notes: "in `block.1`, made here".
struct CallRecord {
  std::string what;
  Span span;
  bool is_worth_a_note = true;  // not for models, which are called in one place
};

class Session {
 public:
  Session(SourceManager& sources, uint32_t file, const FrontendOptions& options, DiagnosticSink& sink)
      : sources_(sources), file_(file), options_(options), sink_(sink) {}

  // Parses the file and the library and enters their declarations; false where the file does not parse.
  bool load();

  const FrontendOptions& options() const { return options_; }
  const SourceManager& sources() const { return sources_; }
  const ast::File& user_file() const { return user_; }
  std::string_view source_name() const { return sources_.file(file_).name; }

  // What a name that stands at `from` means: the user's declaration, or else the library's; in the library's own text, the
  // library's.  nullptr if there is none.
  const ast::Decl* find(std::string_view name, Span from = {}) const;
  std::vector<std::string> declared_names() const;
  bool is_library(Span span) const { return span.is_known() && span.file != file_; }

  // Each message is reported once, however often its place is elaborated.  One in library code is moved to the user's
  // expression that led there.  The reference is valid until the next message.
  Diagnostic& error(Span span, std::string message, std::string rule);
  Diagnostic& warning(Span span, std::string message, std::string rule);
  bool has_errors() const { return sink_.has_errors(); }
  size_t error_count() const { return sink_.error_count(); }
  size_t errors_met() const { return errors_met_; }  // those reported before among them
  // Adds "784 comes from `...`" where the size was written in the user's text.
  void note_origin(Diagnostic& diagnostic, const Axis& axis);
  std::string source_text(Span span) const;  // of one line, shortened

  Span user_span;                 // the innermost expression of the user's file being elaborated
  std::vector<CallRecord> calls;  // outermost first
  std::map<std::string, ParamSpec> params;
  std::vector<std::string> param_order;        // paths, as found
  std::vector<std::shared_ptr<Frame>> frames;  // owns them
  bool params_complete = false;                // all of training are found: what comes now is in evaluation only
  // Names of arguments and results that are given away: what has them, and where.
  std::map<std::string, std::pair<std::string, Span>> taken;
  // Gives the name to `what`, or reports that something else has it.
  bool take_name(const std::string& name, const std::string& what, Span span);
  uint32_t next_identity = 1;  // of axes

 private:
  std::string in_users_layer(std::string message) const;
  Diagnostic& report(Severity severity, Span span, std::string message, std::string rule);
  void enter_decls(const ast::File& file, std::map<std::string, const ast::Decl*, std::less<>>& table);

  SourceManager& sources_;
  uint32_t file_;
  const FrontendOptions& options_;
  DiagnosticSink& sink_;
  ast::File user_;
  std::vector<ast::File> library_;
  std::map<std::string, const ast::Decl*, std::less<>> user_decls_;
  std::map<std::string, const ast::Decl*, std::less<>> library_decls_;
  std::set<std::string> reported_;
  Diagnostic ignored_;
  size_t errors_met_ = 0;
};

}  // namespace tarn
