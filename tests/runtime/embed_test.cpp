// The embedding API: training, misuse, two models, parameters, saving and loading, interchange with the program.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint.h"
#include "embed.h"
#include "fake_program.h"
#include "support.h"
#include "test_model.h"

// 64-aligned memory for one instance.
struct Instance {
  const tarn_program& program;
  std::vector<unsigned char> memory;
  tarn_instance* handle = nullptr;
  explicit Instance(const tarn_program& p, int64_t seed = 1) : program(p) {
    memory.resize(tarn_instance_bytes(&p) + 64, 0xAB);
    tarn_options options{sizeof(tarn_options), seed, 0};
    REQUIRE(tarn_create(&p, &options, aligned(), tarn_instance_bytes(&p), &handle) == TARN_OK);
  }
  void* aligned() { return memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64); }
  std::vector<float> weights(const char* name, size_t count) const {
    std::vector<float> values(count);
    REQUIRE(tarn_get_parameter(handle, name, values.data(), 4 * count) == TARN_OK);
    return values;
  }
};

static void feed(Instance& instance, int rows) {
  std::vector<float> x(static_cast<size_t>(rows) * 4);
  std::vector<int32_t> y(static_cast<size_t>(rows));
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] = static_cast<int32_t>(i % 3);
    for (size_t f = 0; f < 4; ++f) x[i * 4 + f] = f == i % 3 ? 2.0f : 0.1f * static_cast<float>(i);
  }
  REQUIRE(tarn_set_input(instance.handle, 0, x.data(), x.size() * 4) == TARN_OK);
  REQUIRE(tarn_set_input(instance.handle, 1, y.data(), y.size() * 4) == TARN_OK);
}

TEST_CASE("a model trains in the caller's memory, and writes nowhere else") {
  Instance a(fake_csv_program);
  REQUIRE(tarn_init(a.handle) == TARN_OK);
  float first = 0, loss = 0, accuracy = 0;
  int64_t steps = 0;
  feed(a, 5);
  REQUIRE(tarn_train_step(a.handle, &first) == TARN_OK);
  for (int i = 0; i < 100; ++i) REQUIRE(tarn_train_step(a.handle, &loss) == TARN_OK);
  CHECK(loss < first / 4);
  CHECK(tarn_step(a.handle, &steps) == TARN_OK);
  CHECK(steps == 101);
  CHECK(tarn_eval_step(a.handle, nullptr) == TARN_OK);
  CHECK(tarn_metric(a.handle, "accuracy", &accuracy) == TARN_OK);
  CHECK(accuracy == 1.0f);
  const void* data = nullptr;
  size_t bytes = 0;
  CHECK(tarn_predict(a.handle) == TARN_OK);
  CHECK(tarn_output(a.handle, 0, &data, &bytes) == TARN_OK);
  CHECK(bytes == 5 * 3 * 4);
  unsigned char* end = static_cast<unsigned char*>(a.aligned()) + tarn_instance_bytes(&fake_csv_program);
  for (unsigned char* p = end; p < a.memory.data() + a.memory.size(); ++p) CHECK(*p == 0xAB);
}

TEST_CASE("two models and two instances of one do not touch each other") {
  Instance a(fake_csv_program, 1), b(fake_csv_program, 1), c(fake_idx_program, 1);
  for (Instance* instance : {&a, &b, &c}) REQUIRE(tarn_init(instance->handle) == TARN_OK);
  CHECK(a.weights("out.w", 12) == b.weights("out.w", 12));
  feed(a, 8);
  REQUIRE(tarn_train_step(a.handle, nullptr) == TARN_OK);
  CHECK(a.weights("out.w", 12) != b.weights("out.w", 12));
  feed(b, 8);
  REQUIRE(tarn_train_step(b.handle, nullptr) == TARN_OK);
  CHECK(a.weights("out.w", 12) == b.weights("out.w", 12));
}

TEST_CASE("inputs can be filled in place") {
  Instance a(fake_csv_program), b(fake_csv_program);
  REQUIRE(tarn_init(a.handle) == TARN_OK);
  REQUIRE(tarn_init(b.handle) == TARN_OK);
  feed(a, 3);
  void *x = nullptr, *y = nullptr, *from = nullptr;
  REQUIRE(tarn_input_memory(b.handle, 0, &x) == TARN_OK);
  REQUIRE(tarn_input_memory(b.handle, 1, &y) == TARN_OK);
  REQUIRE(tarn_input_memory(a.handle, 0, &from) == TARN_OK);
  memcpy(x, from, 3 * 16);
  int32_t labels[] = {0, 1, 2};
  memcpy(y, labels, sizeof labels);
  REQUIRE(tarn_set_rows(b.handle, 3) == TARN_OK);
  float la = 0, lb = 0;
  CHECK(tarn_train_step(a.handle, &la) == TARN_OK);
  CHECK(tarn_train_step(b.handle, &lb) == TARN_OK);
  CHECK(la == lb);
}

TEST_CASE("misuse is told by result codes") {
  const tarn_program& p = fake_csv_program;
  Instance a(p);
  tarn_instance* handle = nullptr;
  size_t bytes = tarn_instance_bytes(&p);
  auto* memory = static_cast<unsigned char*>(a.aligned());
  tarn_options wrong{3, 1, 0};
  CHECK(tarn_create(nullptr, nullptr, memory, bytes, &handle) == TARN_ERROR_NULL);
  CHECK(tarn_create(&p, nullptr, nullptr, bytes, &handle) == TARN_ERROR_NULL);
  CHECK(tarn_create(&p, nullptr, memory, bytes, nullptr) == TARN_ERROR_NULL);
  CHECK(tarn_create(&p, &wrong, memory, bytes, &handle) == TARN_ERROR_VERSION);
  CHECK(tarn_create(&p, nullptr, memory, bytes - 1, &handle) == TARN_ERROR_SIZE);
  CHECK(tarn_create(&p, nullptr, memory + 8, bytes, &handle) == TARN_ERROR_ALIGNMENT);
  CHECK(handle == nullptr);
  tarn_program old = p;
  old.abi_version = 99;
  CHECK(tarn_create(&old, nullptr, memory, bytes, &handle) == TARN_ERROR_VERSION);

  float value = 0;
  CHECK(tarn_train_step(a.handle, &value) == TARN_ERROR_NOT_READY);
  CHECK(tarn_get_parameter(a.handle, "out.b", &value, 12) == TARN_ERROR_NOT_READY);
  REQUIRE(tarn_init(a.handle) == TARN_OK);
  CHECK(tarn_train_step(a.handle, &value) == TARN_ERROR_INPUT);
  CHECK(tarn_train_step(nullptr, &value) == TARN_ERROR_NULL);
  float x[32] = {};
  CHECK(tarn_set_input(a.handle, 0, x, 0) == TARN_ERROR_SIZE);
  CHECK(tarn_set_input(a.handle, 0, x, 15) == TARN_ERROR_SIZE);
  CHECK(tarn_set_input(a.handle, 0, x, 16 * 9) == TARN_ERROR_SIZE);
  CHECK(tarn_set_input(a.handle, 2, x, 16) == TARN_ERROR_NAME);
  CHECK(tarn_set_input(a.handle, 0, nullptr, 16) == TARN_ERROR_NULL);
  CHECK(tarn_set_input(a.handle, 0, x, 32) == TARN_OK);
  CHECK(tarn_predict(a.handle) == TARN_OK);  // labels are not needed
  int32_t y[3] = {};
  CHECK(tarn_set_input(a.handle, 1, y, 12) == TARN_OK);
  CHECK(tarn_train_step(a.handle, &value) == TARN_ERROR_INPUT);  // 2 rows against 3
  CHECK(tarn_set_rows(a.handle, 0) == TARN_ERROR_VALUE);
  CHECK(tarn_set_rows(a.handle, 9) == TARN_ERROR_VALUE);
  CHECK(tarn_set_hyper(a.handle, "lrr", 1) == TARN_ERROR_NAME);
  CHECK(tarn_set_hyper(a.handle, "lr", NAN) == TARN_ERROR_VALUE);
  CHECK(tarn_set_hyper(a.handle, nullptr, 1) == TARN_ERROR_NULL);
  CHECK(tarn_set_epoch(a.handle, -1) == TARN_ERROR_VALUE);
  CHECK(tarn_metric(a.handle, "loss", &value) == TARN_ERROR_NAME);
  CHECK(tarn_get_parameter(a.handle, "out.b", x, 11) == TARN_ERROR_SIZE);
  CHECK(tarn_get_parameter(a.handle, "lr", x, 8) == TARN_ERROR_NAME);
  const void* output = nullptr;
  CHECK(tarn_output(a.handle, 1, &output, nullptr) == TARN_ERROR_NAME);
  tarn_program no_training = p;
  no_training.train_step.run = nullptr;
  Instance b(no_training);
  REQUIRE(tarn_init(b.handle) == TARN_OK);
  CHECK(tarn_train_step(b.handle, &value) == TARN_ERROR_NO_ENTRY);
  alignas(64) unsigned char rubbish[256] = {};
  CHECK(tarn_init(reinterpret_cast<tarn_instance*>(rubbish)) == TARN_ERROR_INSTANCE);
  for (int code = TARN_ERROR_FOREIGN; code <= TARN_DIVERGED; ++code)
    CHECK(std::string(tarn_result_text(static_cast<tarn_result>(code))) != "an unknown result code");
}

TEST_CASE("labels are classes that there are") {
  Instance a(fake_csv_program);
  REQUIRE(tarn_init(a.handle) == TARN_OK);
  feed(a, 3);
  for (int32_t wrong : {3, 7, -1, INT32_MIN, INT32_MAX}) {
    int32_t labels[] = {0, 1, 2, 0, wrong};
    CHECK(tarn_set_input(a.handle, 1, labels, sizeof labels) == TARN_ERROR_VALUE);
    CHECK(tarn_set_input(a.handle, 1, labels, 4 * sizeof *labels) == TARN_OK);
    void* memory = nullptr;
    REQUIRE(tarn_input_memory(a.handle, 1, &memory) == TARN_OK);
    memcpy(memory, labels, sizeof labels);
    CHECK(tarn_set_rows(a.handle, 5) == TARN_ERROR_VALUE);
    CHECK(tarn_train_step(a.handle, nullptr) == TARN_ERROR_INPUT);  // 3 rows of x, 4 labels, as before
    CHECK(tarn_set_rows(a.handle, 4) == TARN_OK);                   // the wrong one is past them
    CHECK(tarn_train_step(a.handle, nullptr) == TARN_OK);
    feed(a, 3);
  }
}

TEST_CASE("an input without a batch is taken whole") {
  std::vector<tarn_tensor> tensors(fake_csv_program.tensors, fake_csv_program.tensors + fake_csv_program.tensor_count);
  for (tarn_tensor& tensor : tensors)
    if (std::string(tensor.name) == "x") tensor.reserved |= TARN_WITHOUT_BATCH;
  tarn_program program = fake_csv_program;
  program.tensors = tensors.data();
  Instance a(program);
  REQUIRE(tarn_init(a.handle) == TARN_OK);
  float x[32] = {};
  int32_t y[3] = {};
  CHECK(tarn_set_input(a.handle, 1, y, sizeof y) == TARN_OK);
  CHECK(tarn_train_step(a.handle, nullptr) == TARN_ERROR_INPUT);
  CHECK(tarn_set_input(a.handle, 0, x, 16) == TARN_ERROR_SIZE);
  CHECK(tarn_set_input(a.handle, 0, x, sizeof x) == TARN_OK);
  CHECK(tarn_train_step(a.handle, nullptr) == TARN_OK);  // three rows
  CHECK(tarn_set_rows(a.handle, 5) == TARN_OK);
  CHECK(tarn_train_step(a.handle, nullptr) == TARN_OK);
}

TEST_CASE("a diverged step is told and changes nothing") {
  Instance a(fake_csv_program);
  REQUIRE(tarn_init(a.handle) == TARN_OK);
  feed(a, 8);
  std::vector<float> before = a.weights("out.w", 12);
  REQUIRE(tarn_set_hyper(a.handle, "poison", 2) == TARN_OK);
  float loss = 0;
  CHECK(tarn_train_step(a.handle, &loss) == TARN_DIVERGED);
  CHECK(std::isnan(loss));
  CHECK(a.weights("out.w", 12) == before);
}

static int append(void* user, const void* bytes, size_t count) {
  static_cast<std::string*>(user)->append(static_cast<const char*>(bytes), count);
  return 0;
}

static int copy_out(void* user, uint64_t offset, void* bytes, size_t count) {
  const auto& text = *static_cast<std::string*>(user);
  if (offset + count > text.size()) return 1;
  memcpy(bytes, text.data() + offset, count);
  return 0;
}

TEST_CASE("saving and loading goes on with the run, bit for bit") {
  Instance a(fake_csv_program, 9), b(fake_csv_program, 1);
  std::string saved;
  CHECK(tarn_save(a.handle, append, &saved) == TARN_ERROR_NOT_READY);
  REQUIRE(tarn_init(a.handle) == TARN_OK);
  feed(a, 8);
  for (int i = 0; i < 10; ++i) REQUIRE(tarn_train_step(a.handle, nullptr) == TARN_OK);
  REQUIRE(tarn_save(a.handle, append, &saved) == TARN_OK);
  CHECK(saved.size() == tarn_save_bytes(a.handle));
  REQUIRE(tarn_load(b.handle, copy_out, &saved, saved.size()) == TARN_OK);
  feed(b, 8);
  for (int i = 0; i < 10; ++i) {
    float la = 0, lb = 0;
    REQUIRE(tarn_train_step(a.handle, &la) == TARN_OK);
    REQUIRE(tarn_train_step(b.handle, &lb) == TARN_OK);
    CHECK(la == lb);
  }
  int64_t steps = 0;
  CHECK(tarn_step(b.handle, &steps) == TARN_OK);
  CHECK(steps == 20);
}

TEST_CASE("bad files leave the instance as it was") {
  Instance a(fake_csv_program), other(fake_idx_program);
  REQUIRE(tarn_init(a.handle) == TARN_OK);
  REQUIRE(tarn_init(other.handle) == TARN_OK);
  std::string saved, foreign;
  REQUIRE(tarn_save(a.handle, append, &saved) == TARN_OK);
  REQUIRE(tarn_save(other.handle, append, &foreign) == TARN_OK);
  std::vector<float> before = a.weights("out.w", 12);
  for (size_t size = 0; size < saved.size(); size += 5) {
    std::string cut = saved.substr(0, size);
    CHECK(tarn_load(a.handle, copy_out, &cut, size) == TARN_ERROR_FORMAT);
  }
  CHECK(tarn_load(a.handle, copy_out, &foreign, foreign.size()) == TARN_ERROR_FOREIGN);
  CHECK(tarn_load(a.handle, copy_out, &saved, saved.size() + 100) != TARN_OK);
  std::string flipped = saved;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  CHECK(tarn_load(a.handle, copy_out, &flipped, flipped.size()) == TARN_ERROR_FORMAT);
  CHECK(tarn_save(a.handle, [](void*, const void*, size_t) { return 1; }, nullptr) == TARN_ERROR_IO);
  CHECK(a.weights("out.w", 12) == before);
}

TEST_CASE("files of the embedded model and of the program are the same format") {
  using namespace tarn::runtime;
  Scratch scratch;
  Instance a(fake_csv_program, 4);
  REQUIRE(tarn_init(a.handle) == TARN_OK);
  std::string saved;
  REQUIRE(tarn_save(a.handle, append, &saved) == TARN_OK);
  Model model = make_model(fake_csv_program);
  REQUIRE(load_weights(scratch.write("a.safetensors", saved), model));
  CHECK(values_of<float>(model, *model.find(TARN_PARAM, "out.w")) == a.weights("out.w", 12));

  RunState state;
  state.partial = Totals(1);
  state.train_rows = 1;
  WeightCopy best;
  best.take(model);
  set_value(model, *model.find(TARN_SLOT, "out.b.m"), 0, 2.0f);
  model.set_scalar(TARN_STEP, 33);
  REQUIRE(save_checkpoint(scratch.path("p.safetensors"), model, state, best));
  std::string from_program = scratch.read("p.safetensors");
  Instance b(fake_csv_program);
  REQUIRE(tarn_load(b.handle, copy_out, &from_program, from_program.size()) == TARN_OK);
  CHECK(b.weights("out.b.m", 3)[0] == 2.0f);
  int64_t steps = 0;
  CHECK(tarn_step(b.handle, &steps) == TARN_OK);
  CHECK(steps == 33);
}

TEST_CASE("parameters are listed") {
  Instance a(fake_csv_program);
  CHECK(tarn_parameter_count(a.handle) == 5);
  tarn_parameter_info info{};
  CHECK(tarn_parameter(a.handle, 0, &info) == TARN_ERROR_VERSION);
  info.struct_size = sizeof info;
  REQUIRE(tarn_parameter(a.handle, 3, &info) == TARN_OK);
  CHECK(std::string(info.name) == "out.w.m");
  CHECK(info.role == 2);
  CHECK(info.shape[0] == 4);
  CHECK(tarn_parameter(a.handle, 5, &info) == TARN_ERROR_NAME);
}
