// Reads the entries of a `train` block.
#include "frontend/train.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/print_ast.h"

namespace tarn {

using ast::Entry;
using ast::EntryForm;
using ast::Expr;
using ast::ExprKind;

static const std::vector<std::string> kTrainKeys = {"loss",     "metric",     "optimizer", "epochs", "steps",
                                                    "batch",    "shuffle",    "seed",      "let",    "clip_norm",
                                                    "evaluate", "early_stop", "checkpoint"};

void unknown_key(Session& session, const ast::Name& key, const std::string& block,
                 const std::vector<std::string>& keys) {
  std::string nearest = nearest_name(key.text, keys);
  Diagnostic& made = session.error(key.span,
                                   fmt::format("`{}` has no key `{}`{}", block, key.text,
                                               nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                                   "key.unknown");
  if (!nearest.empty() || made.rule.empty()) return;
  std::string list;
  for (const std::string& known : keys) list += (list.empty() ? "" : ", ") + known;
  made.help({}, fmt::format("its keys are {}", list));
}

namespace {

class TrainReader {
 public:
  TrainReader(Evaluator& evaluator, const ast::Decl& decl)
      : evaluator_(evaluator), session_(evaluator.session), frame_(evaluator.make_frame(FrameKind::Function, &decl)) {
    spec_.decl = &decl;
  }

  TrainSpec read() {
    spec_.model = find(spec_.decl->name, ast::DeclKind::Model);
    spec_.data = find(spec_.decl->on, ast::DeclKind::Data);
    for (const Entry& entry : spec_.decl->entries) read_entry(entry);
    if (spec_.losses.empty()) missing("loss", "loss = cross_entropy(" + spec_.decl->name.text + "(x), y)");
    if (!spec_.optimizer) missing("optimizer", "optimizer = adam(lr = 1e-3)");
    check_losses();
    check_length();
    check_early_stop();
    return std::move(spec_);
  }

 private:
  const ast::Decl* find(const ast::Name& name, ast::DeclKind kind) {
    const ast::Decl* decl = session_.find(name.text);
    if (decl && decl->kind == kind) return decl;
    std::vector<std::string> names;
    for (const auto& candidate : session_.user_file().decls) {
      if (candidate->kind == kind) names.push_back(candidate->name.text);
    }
    std::string nearest = nearest_name(name.text, names);
    session_.error(name.span,
                   fmt::format("there is no {} `{}`{}", ast::decl_word(kind), name.text,
                               nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                   "name.unknown");
    return nullptr;
  }

  void missing(const char* key, const std::string& example) {
    session_
        .error(spec_.decl->name.span, fmt::format("`train {}` has no `{}`", spec_.decl->name.text, key), "key.missing")
        .help({}, fmt::format("as in `{}`", example));
  }

  bool expect_form(const Entry& entry, EntryForm form, const char* usage) {
    if (entry.form == form && (!entry.has_entries || entry.key.text == "optimizer")) return true;
    session_.error(entry.span, fmt::format("`{}` is written `{}`", entry.key.text, usage), "key.form");
    return false;
  }

  void read_entry(const Entry& entry) {
    const std::string& key = entry.key.text;
    if (entry.form == EntryForm::Let) {
      spec_.lets.push_back(&entry);
      return;
    }
    if (key == "prune") {
      session_.error(entry.span, "`prune` is not supported yet", "unsupported");
      return;
    }
    if (std::find(kTrainKeys.begin(), kTrainKeys.end(), key) == kTrainKeys.end()) {
      unknown_key(session_, entry.key, "train " + spec_.decl->name.text, kTrainKeys);
      return;
    }
    bool is_named = (key == "metric" || key == "loss") && !entry.names.empty();
    std::string unique = is_named ? key + " " + entry.names[0].text : key;
    auto [first, is_new] = seen_.emplace(unique, entry.key.span);
    if (!is_new) {
      session_.error(entry.key.span, fmt::format("`{}` is given twice", unique), "key.duplicate")
          .note(first->second, "first here");
      return;
    }
    if (key == "metric") {
      if (expect_form(entry, EntryForm::Named, "metric accuracy = accuracy(net(x), y)"))
        spec_.metrics.push_back(&entry);
    } else if (key == "loss") {
      read_loss(entry);
    } else if (key == "optimizer") {
      if (expect_form(entry, EntryForm::Assign, "optimizer = adam(lr = 1e-3)")) spec_.optimizer = &entry;
    } else if (key == "clip_norm") {
      if (expect_form(entry, EntryForm::Assign, "clip_norm = 1.0")) spec_.clip_norm = entry.value.get();
    } else if (key == "epochs") {
      read_integer(entry, 1, spec_.epochs);
    } else if (key == "steps") {
      read_integer(entry, 1, spec_.steps);
    } else if (key == "evaluate") {
      read_evaluate(entry);
    } else if (key == "batch") {
      read_integer(entry, 1, spec_.batch);
    } else if (key == "seed") {
      read_integer(entry, 0, spec_.seed);
    } else if (key == "shuffle") {
      read_shuffle(entry);
    } else if (key == "early_stop") {
      read_early_stop(entry);
    } else if (key == "checkpoint") {
      read_checkpoint(entry);
    }
  }

  void read_loss(const Entry& entry) {
    bool is_named = entry.form == EntryForm::Named;
    if (!is_named && !expect_form(entry, EntryForm::Assign, "loss = value")) return;
    LossSpec loss{&entry, spec_.losses.empty() ? "loss" : "", {}};
    if (is_named && !spec_.losses.empty()) loss.name = entry.names[0].text;
    for (const ast::ExprPtr& word : entry.words) loss.globs.push_back(word.get());
    spec_.losses.push_back(std::move(loss));
  }

  // Of several losses each has a name and says what it trains.
  void check_losses() {
    if (spec_.losses.size() < 2) return;
    for (const LossSpec& loss : spec_.losses) {
      if (loss.entry->form == EntryForm::Named && !loss.globs.empty()) continue;
      session_
          .error(loss.entry->key.span, "of several losses each has a name and the parameters that it trains",
                 "key.form")
          .help({}, "as in `loss critic = value over \"critic.*\"`");
    }
  }

  void read_integer(const Entry& entry, int64_t least, int64_t& target) {
    if (!expect_form(entry, EntryForm::Assign, (entry.key.text + " = 10").c_str())) return;
    Term value = evaluator_.eval_static(*entry.value, frame_);
    if (value.is_error()) return;
    if (value.kind == TermKind::Integer && value.integer >= least && value.integer <= INT32_MAX)
      target = value.integer;
    else
      session_.error(
          entry.value->span,
          fmt::format("`{}` is an integer from {} to 2^31-1, but this is {}", entry.key.text, least, describe(value)),
          "key.value");
  }

  void read_shuffle(const Entry& entry) {
    spec_.shuffle = true;
    if (entry.form == EntryForm::Words && entry.words.empty()) return;
    if (!expect_form(entry, EntryForm::Assign, "shuffle")) return;
    Term value = evaluator_.eval_static(*entry.value, frame_);
    if (value.kind == TermKind::Bool)
      spec_.shuffle = value.integer != 0;
    else if (!value.is_error())
      session_.error(entry.value->span, fmt::format("`shuffle` is true or false, but this is {}", describe(value)),
                     "key.value");
  }

  // A word of `early_stop accuracy(valid) patience 3`: its text where it is a bare name.
  static std::string word_of(const Entry& entry, size_t place) {
    if (place >= entry.words.size() || entry.words[place]->kind != ExprKind::Name) return "";
    return entry.words[place]->text;
  }

  std::optional<int64_t> count_of(const Entry& entry, size_t place) {
    if (place < entry.words.size()) {
      Term value = evaluator_.eval_static(*entry.words[place], frame_);
      if (value.is_error()) return std::nullopt;
      if (value.kind == TermKind::Integer && value.integer >= 1) return value.integer;
    }
    session_.error(entry.span,
                   fmt::format("`{}` needs a positive integer after `{}`", entry.key.text, word_of(entry, place - 1)),
                   "key.value");
    return std::nullopt;
  }

  void bad_words(const Entry& entry, const char* usage) {
    session_.error(entry.span, fmt::format("`{}` is written `{}`", entry.key.text, usage), "key.form");
  }

  // early_stop accuracy(valid) patience 3 keep best
  void read_early_stop(const Entry& entry) {
    constexpr const char* kUsage = "early_stop accuracy(valid) patience 3 keep best";
    const Expr* target = entry.form == EntryForm::Words && !entry.words.empty() ? entry.words[0].get() : nullptr;
    bool is_call = target && target->kind == ExprKind::Call && target->parts[0]->kind == ExprKind::Name &&
                   target->args.size() == 1 && target->args[0].value->kind == ExprKind::Name;
    if (!is_call) return bad_words(entry, kUsage);
    Attrs attrs = {{"metric", target->parts[0]->text},
                   {"split", target->args[0].value->text},
                   {"patience", int64_t{1}},
                   {"keep", std::string("best")}};
    spec_.early_stop_span = target->span;
    for (size_t i = 1; i < entry.words.size(); i += 2) {
      std::string word = word_of(entry, i);
      if (word == "patience") {
        if (std::optional<int64_t> count = count_of(entry, i + 1)) attrs["patience"] = *count;
      } else if (word == "keep" && (word_of(entry, i + 1) == "best" || word_of(entry, i + 1) == "last")) {
        attrs["keep"] = word_of(entry, i + 1);
      } else if (word == "mode" && (word_of(entry, i + 1) == "min" || word_of(entry, i + 1) == "max")) {
        attrs["mode"] = word_of(entry, i + 1);
      } else {
        return bad_words(entry, kUsage);
      }
    }
    spec_.early_stop = std::move(attrs);
  }

  void check_early_stop() {
    if (!spec_.early_stop) return;
    std::vector<std::string> names = {"loss"};
    for (const LossSpec& loss : spec_.losses) names.push_back(loss.name);
    for (const Entry* metric : spec_.metrics) names.push_back(metric->names[0].text);
    const std::string& name = attr_string(*spec_.early_stop, "metric");
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      std::string nearest = nearest_name(name, names);
      session_.error(spec_.early_stop_span,
                     fmt::format("there is no metric `{}`{}", name,
                                 nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                     "name.unknown");
    }
    const std::string& split = attr_string(*spec_.early_stop, "split");
    if (split != "valid" && split != "train" && split != "test") {
      session_.error(spec_.early_stop_span,
                     fmt::format("there are the splits train, valid and test, but no `{}`", split), "key.value");
    }
  }

  // `every epoch`, `every 2 epochs`, `every 500 steps`: leaves `place` behind it; nullopt where the words are others.
  std::optional<Attrs> read_every(const Entry& entry, size_t& place) {
    if (entry.form != EntryForm::Words || word_of(entry, 0) != "every") return std::nullopt;
    Attrs attrs = {{"every", int64_t{1}}};
    place = 1;
    if (place < entry.words.size() && entry.words[place]->kind == ExprKind::Number) {
      if (std::optional<int64_t> count = count_of(entry, place)) attrs["every"] = *count;
      ++place;
    }
    std::string unit = word_of(entry, place++);
    if (unit == "epochs") unit = "epoch";
    if (unit == "steps") unit = "step";
    if (unit != "epoch" && unit != "step") return std::nullopt;
    attrs["unit"] = unit;
    return attrs;
  }

  // evaluate every 250 steps
  void read_evaluate(const Entry& entry) {
    size_t place = 0;
    std::optional<Attrs> attrs = read_every(entry, place);
    if (!attrs || place != entry.words.size()) return bad_words(entry, "evaluate every 250 steps");
    spec_.evaluate = std::move(attrs);
  }

  // checkpoint every epoch keep 3; checkpoint every 500 steps
  void read_checkpoint(const Entry& entry) {
    constexpr const char* kUsage = "checkpoint every epoch keep 3";
    size_t place = 0;
    std::optional<Attrs> attrs = read_every(entry, place);
    if (!attrs) return bad_words(entry, kUsage);
    (*attrs)["keep"] = int64_t{1};
    if (place < entry.words.size()) {
      if (word_of(entry, place) != "keep" || place + 2 != entry.words.size()) return bad_words(entry, kUsage);
      if (std::optional<int64_t> count = count_of(entry, place + 1)) (*attrs)["keep"] = *count;
    }
    spec_.checkpoint = std::move(attrs);
  }

  void check_length() {
    auto steps = seen_.find("steps"), epochs = seen_.find("epochs");
    if (steps == seen_.end() || epochs == seen_.end()) return;
    session_.error(steps->second, "`steps` and `epochs` both say how long the run is", "key.duplicate")
        .note(epochs->second, "the other is here");
  }

  Evaluator& evaluator_;
  Session& session_;
  FramePtr frame_;
  TrainSpec spec_;
  std::map<std::string, Span> seen_;
};

}  // namespace

TrainSpec read_train(Evaluator& evaluator, const ast::Decl& decl) {
  return TrainReader(evaluator, decl).read();
}

}  // namespace tarn
