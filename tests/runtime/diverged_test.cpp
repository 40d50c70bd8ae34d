// The search for what made a loss not finite; and the check of the processor.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "cpu.h"
#include "diverged.h"
#include "fake_program.h"
#include "test_model.h"

using namespace tarn::runtime;

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Batch {
  std::unique_ptr<Team> team = std::move(*Team::create(2));
  Model model = make_model(fake_csv_program, team.get());
  uint32_t rows[8] = {107, 106, 105, 104, 103, 102, 101, 100};
  BatchOrigin origin{rows, 0, 8};

  Batch() {
    REQUIRE(model.run(fake_csv_program.init) == TARN_OK);
    set_zero_rows(model, 8);
  }
  void set(tarn_role role, const char* name, size_t element, float value) {
    set_value(model, *model.find(role, name), element, value);
  }
  std::string explain() { return explain_divergence(model, fake_csv_program.train_step, origin); }
};

TEST_CASE_FIXTURE(Batch, "a data row that is not finite is named first") {
  set(TARN_INPUT, "x", 2 * 4 + 1, NAN);
  set(TARN_PARAM, "out.b", 1, INFINITY);
  CHECK(explain() == "the data hold NaN: input `x`, row 105 of its file (counted from 0)");
}

TEST_CASE_FIXTURE(Batch, "then a parameter, state or slot") {
  set(TARN_PARAM, "out.b", 1, -INFINITY);
  CHECK(contains(explain(), "parameter `out.b` holds -infinity (element 1) already before this step"));
  CHECK(find_bad_parameter(model) == "parameter `out.b` holds -infinity (element 1)");
  set(TARN_PARAM, "out.b", 1, 0);
  set(TARN_SLOT, "out.w.m", 3, NAN);
  CHECK(find_bad_parameter(model) == "optimizer slot `out.w.m` holds NaN (element 3)");
}

TEST_CASE_FIXTURE(Batch, "then the kernel, with the infinity that came before the NaN") {
  model.set_hyper(*model.find(TARN_HYPER, "poison"), 2);
  CHECK(contains(explain(), "`log` at fake.tarn:7:12 made NaN in `%z` (element 7 of 24, kernel `out.forward`)"));
  model.set_hyper(*model.find(TARN_HYPER, "poison"), 0);
  set(TARN_PARAM, "out.w", 0, 3e38f);
  for (size_t i = 0; i < 32; ++i) set(TARN_INPUT, "x", i, 10);
  std::string text = explain();
  CHECK(contains(text, "`log` at fake.tarn:7:12 made infinity in `%z` (element 0 of 24"));
  CHECK(contains(text, "\n  then `softmax` at fake.tarn:8:3 made NaN in `%p`"));
}

TEST_CASE("the processor is checked by the level that the code needs") {
  CHECK(check_cpu("x86-64"));
#if defined(__x86_64__)
  Status v3 = check_cpu("x86-64-v3");
  CHECK(static_cast<bool>(v3) == (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")));
  Status v4 = check_cpu("x86-64-v4");
  CHECK(static_cast<bool>(v4) == (static_cast<bool>(v3) && __builtin_cpu_supports("avx512f") &&
                                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
                                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")));
  if (!v4) CHECK(contains(v4.error().message, "which the program was compiled for (x86-64-v4)"));
#endif
}
