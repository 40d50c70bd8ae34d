// The program's command line -> Options.
#include "options.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "text.h"

namespace tarn::runtime {

// Commands that take a flag, as bits.
constexpr int kTrain = 1, kEval = 2, kPredict = 4, kInfo = 8;
constexpr int kTakesHypers = kTrain | kEval | kPredict;

struct Flag {
  const char* name;
  const char* value;  // what stands after it in the help; null: a switch
  int commands;
  const char* help;
  Status (*set)(Options& options, const std::string& flag, const std::string& value);
};

struct Command {
  const char* name;
  int bit;
  const char* usage;
  const char* help;
};

static const Command kCommands[] = {
    {"train", kTrain, "[flags]", "train, with progress, checkpoints and a final test"},
    {"eval", kEval, "[flags]", "loss and metrics of saved weights on the test data"},
    {"predict", kPredict, "--input FILE.npy --output FILE.npy [flags]", "run saved weights on your data"},
    {"info", kInfo, "[FILE.safetensors]", "what the model is made of; or what a checkpoint holds"},
};

static Error usage(const std::string& message) {
  return Error{message, kUsage};
}

template <std::string Options::* Member>
static Status set_text(Options& options, const std::string& flag, const std::string& value) {
  if (value.empty()) return usage("`" + flag + "` needs a value that is not empty");
  options.*Member = value;
  return Done{};
}

template <std::vector<std::string> Options::* Member>
static Status add_text(Options& options, const std::string& flag, const std::string& value) {
  if (value.empty()) return usage("`" + flag + "` needs a value that is not empty");
  (options.*Member).push_back(value);
  return Done{};
}

template <std::optional<int64_t> Options::* Member, int64_t Least, int64_t Most>
static Status set_integer(Options& options, const std::string& flag, const std::string& value) {
  int64_t number = 0;
  if (!parse_int(value, &number) || number < Least || number > Most)
    return usage("`" + flag + " " + value + "`: expected a whole number" +
                 (Least > INT64_MIN ? format(" of at least %lld", static_cast<long long>(Least)) : "") +
                 (Most < INT64_MAX ? format(" and at most %lld", static_cast<long long>(Most)) : ""));
  options.*Member = number;
  return Done{};
}

template <bool Options::* Member>
static Status set_switch(Options& options, const std::string&, const std::string&) {
  options.*Member = true;
  return Done{};
}

static const Flag kFlags[] = {
    {"data", "DIR", kTrain | kEval, "where the data files are (default: here)", set_text<&Options::data>},
    {"epochs", "N", kTrain, "passes over the training data", set_integer<&Options::epochs, 0, INT32_MAX>},
    {"steps", "N", kTrain, "length of the run, in place of epochs", set_integer<&Options::steps, 1, INT32_MAX>},
    {"seed", "N", kTrain, "key of every random number", set_integer<&Options::seed, 0, INT64_MAX>},
    {"save", "FILE", kTrain, "where to save, after each epoch and at the end", set_text<&Options::save>},
    {"resume", "FILE", kTrain, "go on with an interrupted run, bit for bit", set_text<&Options::resume>},
    {"load", "FILE", kTrain | kEval | kPredict, "weights to start from, evaluate or run", set_text<&Options::load>},
    {"log", "FILE", kTrain, "write one JSON line per event", set_text<&Options::log>},
    {"profile", "FILE", kTrain, "write a Chrome/Perfetto trace of the kernels", set_text<&Options::profile>},
    {"split", "NAME", kEval, "test, valid or train (default: test, if there is one)", set_text<&Options::split>},
    {"input", "[NAME=]FILE", kPredict, "an .npy file of rows, for each input", add_text<&Options::input>},
    {"output", "[NAME=]FILE", kPredict, "the .npy file to write, for each output", add_text<&Options::output>},
    {"threads", "N", kTrain | kEval | kPredict, "threads to use; any number gives the same bits",
     set_integer<&Options::threads, 1, 1024>},
    {"quiet", nullptr, kTrain | kEval | kPredict, "print results and errors only", set_switch<&Options::quiet>},
    {"help", nullptr, kTrain | kEval | kPredict | kInfo, "this text", set_switch<&Options::help>},
};

static const Command* find_command(const std::string& name) {
  for (const Command& command : kCommands)
    if (name == command.name) return &command;
  return nullptr;
}

static const Flag* find_flag(const std::string& name, int command) {
  for (const Flag& flag : kFlags)
    if (name == flag.name && (flag.commands & command) != 0) return &flag;
  return nullptr;
}

// `lr`, `weight-decay` for `weight_decay`, and `hyper.seed` where a flag has the name already.
static const tarn_tensor* find_hyper(const tarn_program& program, std::string name) {
  if (name.rfind("hyper.", 0) == 0) name.erase(0, 6);
  std::string alternative = name;
  std::replace(alternative.begin(), alternative.end(), '-', '_');
  for (uint32_t i = 0; i < program.tensor_count; ++i) {
    const tarn_tensor& tensor = program.tensors[i];
    if (tensor.role == TARN_HYPER && (name == tensor.name || alternative == tensor.name)) return &tensor;
  }
  return nullptr;
}

static Error unknown_flag(const tarn_program& program, const std::string& name, const Command& command) {
  std::vector<std::string> known;
  for (const Flag& flag : kFlags)
    if ((flag.commands & command.bit) != 0) known.push_back(std::string("--") + flag.name);
  for (uint32_t i = 0; i < program.tensor_count && (command.bit & kTakesHypers) != 0; ++i)
    if (program.tensors[i].role == TARN_HYPER) known.push_back(std::string("--") + program.tensors[i].name);
  return usage("`" + std::string(command.name) + "` has no flag `--" + name + "`" + did_you_mean("--" + name, known));
}

static Status set_hyper(Options& options, const tarn_tensor* hyper, const std::string& value) {
  double number = 0;
  if (!parse_double(value, &number) || !std::isfinite(number))
    return usage("`--" + std::string(hyper->name) + " " + value + "`: expected a number");
  options.hypers.emplace_back(hyper, number);
  return Done{};
}

// One `--name`, `--name value` or `--name=value`; moves `at` past what it takes.
static Status take_flag(const tarn_program& program, const Command& command, Options& options,
                        const std::vector<std::string>& words, size_t& at) {
  std::string name = words[at].substr(2);
  size_t equals = name.find('=');
  bool has_value = equals != std::string::npos;
  std::string value = has_value ? name.substr(equals + 1) : "";
  if (has_value) name.resize(equals);
  const Flag* flag = find_flag(name, command.bit);
  const tarn_tensor* hyper = flag == nullptr && (command.bit & kTakesHypers) != 0 ? find_hyper(program, name) : nullptr;
  if (flag == nullptr && hyper == nullptr) return unknown_flag(program, name, command);
  bool is_switch = flag != nullptr && flag->value == nullptr;
  if (is_switch && has_value) return usage("`--" + name + "` takes no value");
  if (!is_switch && !has_value) {
    if (at + 1 == words.size()) return usage("`--" + name + "` needs a value");
    value = words[++at];
    // A forgotten value must not swallow the flag behind it.
    if (value.rfind("--", 0) == 0)
      return usage("`--" + name + "` needs a value, found the flag `" + value + "` (`--" + name + "=" + value +
                   "`, if that is the value)");
  }
  ++at;
  return flag != nullptr ? flag->set(options, "--" + name, value) : set_hyper(options, hyper, value);
}

Result<Options> parse_options(const tarn_program& program, int argc, const char* const* argv) {
  Options options;
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (words.empty()) return usage("which command? one of train, eval, predict, info (`--help` tells more)");
  if (words[0] == "help" || words[0] == "--help" || words[0] == "-h") {
    options.help = true;
    if (words.size() > 1 && find_command(words[1]) != nullptr) options.command = words[1];
    return options;
  }
  const Command* command = find_command(words[0]);
  if (command == nullptr)
    return usage("no command `" + words[0] + "`" + did_you_mean(words[0], {"train", "eval", "predict", "info"}) +
                 " (commands: train, eval, predict, info)");
  options.command = command->name;
  for (size_t at = 1; at < words.size();) {
    const std::string& word = words[at];
    if (word == "-h") {
      options.help = true;
      ++at;
    } else if (word.size() > 2 && word[0] == '-' && word[1] == '-') {
      if (Status status = take_flag(program, *command, options, words, at); !status) return status.error();
    } else if (word[0] == '-' && word.size() > 1) {
      return usage("no flag `" + word + "`; flags begin with `--`");
    } else if (command->bit == kInfo && options.positional.empty()) {
      options.positional.push_back(words[at++]);
    } else {
      return usage("unexpected `" + word + "`");
    }
  }
  if (options.epochs && options.steps)
    return usage("`--epochs` and `--steps` exclude each other: both say how long the run is");
  return options;
}

static void add_line(std::string& text, const std::string& left, const std::string& right) {
  text += format("  %-22s %s\n", left.c_str(), right.c_str());
}

std::string help_text(const tarn_program& program, const std::string& name) {
  const Command* chosen = find_command(name);
  std::string text;
  if (chosen == nullptr) {
    text = format("usage: %s COMMAND [flags]\n\ncommands:\n", program.name);
    for (const Command& command : kCommands) add_line(text, command.name, command.help);
    return text + format("\n`%s COMMAND --help` lists a command's flags.\n", program.name);
  }
  text = format("usage: %s %s %s\n\n%s\n\nflags:\n", program.name, chosen->name, chosen->usage, chosen->help);
  for (const Flag& flag : kFlags)
    if ((flag.commands & chosen->bit) != 0)
      add_line(text, std::string("--") + flag.name + (flag.value ? std::string(" ") + flag.value : ""), flag.help);
  if ((chosen->bit & kTakesHypers) == 0) return text;
  bool first = true;
  for (uint32_t i = 0; i < program.tensor_count; ++i) {
    const tarn_tensor& tensor = program.tensors[i];
    if (tensor.role != TARN_HYPER) continue;
    if (std::exchange(first, false)) text += "\nhypers of the model:\n";
    const char* prefix = find_flag(tensor.name, chosen->bit) != nullptr ? "--hyper." : "--";
    add_line(text, std::string(prefix) + tensor.name + " X", format("default %g", tensor.initial));
  }
  if (chosen->bit != kTrain) return text;
  return text + "\nexit codes: 0 done, 1 error, 2 usage, 3 diverged, 75 stopped by a signal after saving\n";
}

}  // namespace tarn::runtime
