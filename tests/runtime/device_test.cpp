// The device: what a step asks of it, what happens around its calls, and that no other file of the runtime holds a
// pointer into an arena.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <regex>
#include <set>

#include "checkpoint.h"
#include "data/table.h"
#include "fake_program.h"
#include "guarded_device.h"
#include "support.h"
#include "test_model.h"

using namespace tarn::runtime;

struct GuardedModel {
  std::unique_ptr<Team> team = std::move(*Team::create(2));
  Device owner = make_guarded_device(team.get());
  const GuardedCalls& calls = calls_of(owner.get());
  Model model = std::move(*Model::create(fake_csv_program, std::move(owner)));
  Table table;
  std::vector<uint32_t> order = {3, 1, 4, 0, 2};

  GuardedModel() {
    std::vector<float> x(5 * 4);
    std::vector<int32_t> y(5);
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) / 8;
    for (size_t i = 0; i < y.size(); ++i) y[i] = static_cast<int32_t>(i % 3);
    add_column(0, x.data());
    add_column(1, y.data());
    table.rows = 5;
    model.set_scalar(TARN_SEED, 3);
    REQUIRE(model.run(fake_csv_program.init) == TARN_OK);
  }
  void add_column(size_t input, const void* data) {
    const tarn_tensor& tensor = *model.inputs()[input];
    uint64_t row_bytes = tensor.bytes / 8;
    Bytes block;
    REQUIRE(block.resize(5 * row_bytes));
    memcpy(block.data(), data, 5 * row_bytes);
    table.add_dense(tensor, row_bytes, std::move(block));
  }
};

TEST_CASE_FIXTURE(GuardedModel, "a training step asks the device for its inputs, a run and its results, no more") {
  Totals totals(1);
  for (int step = 0; step < 3; ++step) {
    GuardedCalls before = calls;
    fill_batch(model, table, order.data(), 0, 5);
    REQUIRE(model.run(fake_csv_program.train_step) == TARN_OK);
    totals.add(model, 5);
    CHECK(calls.begin_write - before.begin_write == 2);
    CHECK(calls.end_write - before.end_write == 2);
    CHECK(calls.run - before.run == 1);
    CHECK(calls.synchronise - before.synchronise == 1);
    CHECK(calls.read - before.read == 2);                      // loss and accuracy
    CHECK(calls.write - before.write == (step == 0 ? 1 : 0));  // the count, where it is another
    CHECK(calls.all() - before.all() == (step == 0 ? 9 : 8));
  }
  CHECK(totals.mean_loss() > 0);
}

TEST_CASE_FIXTURE(GuardedModel, "rows past the valid ones repeat them in turn, for each number of rows") {
  const tarn_tensor& x = *model.inputs()[0];
  for (int64_t rows = 1; rows <= 5; ++rows) {
    fill_batch(model, table, order.data(), 0, rows);
    std::vector<float> values = values_of<float>(model, x);
    for (size_t row = 0; row < 8; ++row) {
      uint32_t source = order[row % static_cast<size_t>(rows)];
      for (size_t i = 0; i < 4; ++i) CHECK(values[row * 4 + i] == static_cast<float>(source * 4 + i) / 8);
    }
    REQUIRE(model.run(fake_csv_program.train_step) == TARN_OK);
    CHECK(model.scalar(TARN_COUNT) == rows);
  }
}

TEST_CASE_FIXTURE(GuardedModel, "inputs that are missing, or of different numbers of rows, are no step") {
  const tarn_tensor &x = *model.inputs()[0], &y = *model.inputs()[1];
  CHECK(model.run(fake_csv_program.train_step) == TARN_ERROR_INPUT);
  unsigned char* memory = model.begin_rows(x);
  memset(memory, 0, x.bytes);
  model.end_rows(x, memory, 3);
  CHECK(model.run(fake_csv_program.train_step) == TARN_ERROR_INPUT);
  CHECK(model.run(fake_csv_program.predict) == TARN_OK);
  memory = model.begin_rows(y);
  memset(memory, 0, y.bytes);
  model.end_rows(y, memory, 4);
  CHECK(model.run(fake_csv_program.train_step) == TARN_ERROR_INPUT);
}

TEST_CASE_FIXTURE(GuardedModel, "a model on another device saves the same bytes") {
  Scratch scratch;
  Model host = make_model(fake_csv_program);
  host.set_scalar(TARN_SEED, 3);
  REQUIRE(host.run(fake_csv_program.init) == TARN_OK);
  RunState state;
  state.partial = Totals(1);
  WeightCopy best;
  for (Model* each : {&model, &host}) {
    for (int step = 0; step < 4; ++step) {
      fill_batch(*each, table, order.data(), 0, 5);
      REQUIRE(each->run(fake_csv_program.train_step) == TARN_OK);
    }
    best.take(*each);
    REQUIRE(save_checkpoint(scratch.path(each == &host ? "host" : "guarded"), *each, state, best));
  }
  CHECK(scratch.read("host") == scratch.read("guarded"));
  REQUIRE(load_weights(scratch.path("guarded"), host));
}

// Code without comments and texts.
static std::string code_of(const std::string& text) {
  std::string code = std::regex_replace(text, std::regex("\"[^\"\n]*\"|//[^\n]*"), "");
  return std::regex_replace(code, std::regex("/\\*[^*]*\\*+(?:[^/*][^*]*\\*+)*/"), "");
}

TEST_CASE("no file of the runtime but the device's holds a pointer into an arena") {
  // A name `arena` that is no size, and a call of an entry point: both are the device's alone.
  const std::regex touches(
      "\\barena\\b|tarn_entry_function|\\bentry(\\.|->)run\\s*\\(|(\\.|->)(init|train_step|eval_step|"
      "predict)\\.run\\s*\\(");
  std::set<std::string> found;
  for (const auto& file : std::filesystem::recursive_directory_iterator(RUNTIME_DIRECTORY)) {
    std::string name = file.path().filename(), ending = file.path().extension();
    if (ending != ".h" && ending != ".c" && ending != ".cpp") continue;
    if (std::regex_search(code_of(read_file(file.path())), touches)) found.insert(name);
  }
  // tarn_abi.h declares the entry points.
  CHECK(found == std::set<std::string>{"device_host.c", "device_host.h", "device_mapped.cpp", "tarn_abi.h"});
}
