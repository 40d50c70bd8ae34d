// The program's command line.
#include <doctest/doctest.h>

#include <algorithm>

#include "fake_program.h"
#include "options.h"

using namespace tarn::runtime;

static Result<Options> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "program");
  return parse_options(fake_idx_program, static_cast<int>(words.size()), words.data());
}

static std::string usage_error(std::vector<const char*> words) {
  Result<Options> options = parse(std::move(words));
  if (options) return "accepted";
  CHECK(options.error().exit_code == kUsage);
  return options.error().message;
}

TEST_CASE("flags, hypers, both ways to give a value") {
  Result<Options> options =
      parse({"train", "--data=d", "--epochs", "3", "--lr", "3e-4", "--poison-step", "-1", "--quiet"});
  REQUIRE(options);
  CHECK(options->data == "d");
  CHECK(options->epochs == 3);
  CHECK(options->quiet);
  REQUIRE(options->hypers.size() == 2);
  CHECK(options->hypers[0].second == 3e-4);
  CHECK(std::string(options->hypers[1].first->name) == "poison_step");
  CHECK(parse({"train", "--hyper.lr", "1"})->hypers.size() == 1);
  CHECK(parse({"eval", "--lr", "1"})->hypers.size() == 1);
  CHECK(parse({"predict", "--lr", "1"})->hypers.size() == 1);
  CHECK(parse({"predict", "--input", "a=x.npy", "--input", "y.npy"})->input.size() == 2);
  CHECK(parse({"info", "f"})->positional.size() == 1);
  CHECK(parse({"--help"})->help);
  CHECK(parse({"help", "train"})->command == "train");
}

TEST_CASE("usage errors say what is wrong and what may be meant") {
  CHECK(usage_error({}).find("which command?") == 0);
  CHECK(usage_error({"trian"}).find("did you mean `train`?") != std::string::npos);
  CHECK(usage_error({"train", "--epoch", "3"}).find("did you mean `--epochs`?") != std::string::npos);
  CHECK(usage_error({"eval", "--epochs", "3"}).find("`eval` has no flag `--epochs`") == 0);
  CHECK(usage_error({"info", "--lr", "3"}).find("`info` has no flag `--lr`") == 0);
  CHECK(usage_error({"train", "--epochs", "x"}).find("`--epochs x`: expected a whole number") == 0);
  CHECK(usage_error({"train", "--epochs", "-1"}).find("at least 0") != std::string::npos);
  CHECK(usage_error({"train", "--seed", "-1"}).find("at least 0") != std::string::npos);
  CHECK(usage_error({"train", "--data", "--quiet"}) ==
        "`--data` needs a value, found the flag `--quiet` (`--data=--quiet`, if that is the value)");
  CHECK(parse({"train", "--data=--quiet"})->data == "--quiet");
  CHECK(usage_error({"train", "--steps", "5", "--epochs", "2"}).find("exclude each other") != std::string::npos);
  CHECK(usage_error({"train", "--threads", "0"}).find("at least 1") != std::string::npos);
  CHECK(usage_error({"train", "--lr", "nan"}).find("expected a number") != std::string::npos);
  CHECK(usage_error({"train", "--lr"}).find("needs a value") != std::string::npos);
  CHECK(usage_error({"train", "--quiet=1"}).find("takes no value") != std::string::npos);
  CHECK(usage_error({"train", "-q"}).find("flags begin with `--`") != std::string::npos);
  CHECK(usage_error({"train", "extra"}).find("unexpected `extra`") == 0);
}

TEST_CASE("a hyper that is called like a flag has another of its own") {
  tarn_program program = fake_idx_program;
  std::vector<tarn_tensor> tensors(program.tensors, program.tensors + program.tensor_count);
  auto hyper = std::find_if(tensors.begin(), tensors.end(), [](const tarn_tensor& t) { return t.role == TARN_HYPER; });
  REQUIRE(hyper != tensors.end());
  hyper->name = "epochs";
  program.tensors = tensors.data();
  std::string help = help_text(program, "train");
  CHECK(help.find("--hyper.epochs X") != std::string::npos);
  CHECK(help.find("--epochs X") == std::string::npos);
  CHECK(help_text(program, "eval").find("--epochs X") != std::string::npos);  // `eval` has no such flag
  const char* words[] = {"net", "train", "--epochs", "7", "--hyper.epochs", "0.5"};
  Result<Options> options = parse_options(program, 6, words);
  REQUIRE(options);
  CHECK(options->epochs == 7);
  REQUIRE(options->hypers.size() == 1);
  CHECK(options->hypers[0].second == 0.5);
}

TEST_CASE("the help lists each flag and hyper") {
  std::string help = help_text(fake_idx_program, "train");
  for (const char* word : {"--data DIR", "--resume FILE", "--lr X", "default 0.1", "75 stopped"})
    CHECK(help.find(word) != std::string::npos);
  CHECK(help_text(fake_idx_program, "").find("predict") != std::string::npos);
}
