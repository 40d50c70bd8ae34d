// Softmax regression with momentum as a tarn_program, threads and trace included.
#include "fake_program.h"

#include <cmath>
#include <cstddef>
#include <ctime>

static constexpr int kBatch = 8;
static constexpr int kClasses = 3;

template <int F, typename X>
struct alignas(64) Arena {
  float w[F * kClasses], b[kClasses], seen[1];
  float w_m[F * kClasses], b_m[kClasses];
  alignas(8) double lr, poison, poison_step, delay;
  alignas(64) X x[kBatch * F];
  alignas(64) int32_t y[kBatch];
  alignas(8) int64_t step, seed, count, total_steps, epoch;
  float loss, accuracy;
  alignas(64) float probabilities[kBatch * kClasses];
  // scratch
  alignas(64) float logits[kBatch * kClasses];
  float loss_scratch[1];
  int32_t failed;
};

// Signals do not cut it short, as they do not cut a kernel short.
static void wait_microseconds(long count) {
  timespec left = {count / 1000000, count % 1000000 * 1000};
  while (count > 0 && nanosleep(&left, &left) != 0) {}
}

static void meet(tarn_team* team) {
  if (team->threads > 1) team->barrier(team);
}

// As generated code does it: every thread that is traced waits until thread 0 has looked.
static void end_kernel(tarn_team* team, uint32_t kernel) {
  meet(team);
  if (team->trace == nullptr) return;
  if (team->thread == 0) team->trace(team, kernel);
  meet(team);  // as generated code: nobody goes on while thread 0 looks
}

template <int F, typename X>
struct Fake {
  using A = Arena<F, X>;
  static A& at(unsigned char* arena) { return *reinterpret_cast<A*>(arena); }

  static int32_t init(unsigned char* arena, tarn_team* team) {
    A& a = at(arena);
    if (team->thread == 0) {
      auto state = static_cast<uint64_t>(a.seed) * 2654435761u + 1;
      for (float& w : a.w) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        w = static_cast<float>(static_cast<double>(state >> 40) / (1 << 24) - 0.5) * 0.1f;
      }
      for (float& b : a.b) b = 0;
      for (float& m : a.w_m) m = 0;
      for (float& m : a.b_m) m = 0;
      a.seen[0] = 0;
      a.step = 0;
    }
    meet(team);
    return 0;
  }

  static void forward(A& a, tarn_team* team) {
    bool poisoned = a.poison > 1 && static_cast<double>(a.step) >= a.poison_step;
    for (int row = static_cast<int>(team->thread); row < kBatch; row += static_cast<int>(team->threads))
      for (int c = 0; c < kClasses; ++c) {
        float sum = a.b[c];
        for (int f = 0; f < F; ++f) sum += static_cast<float>(a.x[row * F + f]) * a.w[f * kClasses + c];
        if (sizeof(X) == 1) sum /= 255;
        a.logits[row * kClasses + c] =
            poisoned && row == 2 && c == 1 ? std::log(static_cast<float>(1 - a.poison)) : sum;
      }
    end_kernel(team, 0);
    for (int row = static_cast<int>(team->thread); row < kBatch; row += static_cast<int>(team->threads)) {
      const float* z = a.logits + row * kClasses;
      float top = std::fmax(z[0], std::fmax(z[1], z[2])), sum = 0;
      for (int c = 0; c < kClasses; ++c) sum += std::exp(z[c] - top);
      for (int c = 0; c < kClasses; ++c) a.probabilities[row * kClasses + c] = std::exp(z[c] - top) / sum;
    }
    end_kernel(team, 1);
  }

  static int32_t loss(A& a, tarn_team* team) {
    if (team->thread == 0) {
      double sum = 0;
      int hits = 0;
      for (int row = 0; row < a.count; ++row) {
        const float* p = a.probabilities + row * kClasses;
        sum -= std::log(static_cast<double>(p[a.y[row]]));
        int best = 0;
        for (int c = 1; c < kClasses; ++c)
          if (p[c] > p[best]) best = c;
        hits += best == a.y[row];
      }
      a.loss_scratch[0] = a.loss = static_cast<float>(sum / static_cast<double>(a.count));
      a.accuracy = static_cast<float>(hits) / static_cast<float>(a.count);
      a.failed = !std::isfinite(a.loss);
      wait_microseconds(static_cast<long>(a.delay));
    }
    end_kernel(team, 2);
    return a.failed;
  }

  static int32_t train_step(unsigned char* arena, tarn_team* team) {
    A& a = at(arena);
    forward(a, team);
    if (loss(a, team) != 0) return 1;
    auto lr = static_cast<float>(a.lr), count = static_cast<float>(a.count);
    for (int c = static_cast<int>(team->thread); c < kClasses; c += static_cast<int>(team->threads)) {
      for (int f = 0; f <= F; ++f) {
        float gradient = 0;
        for (int row = 0; row < a.count; ++row) {
          float x = f == F ? 1 : static_cast<float>(a.x[row * F + f]) / (sizeof(X) == 1 ? 255.0f : 1.0f);
          gradient += x * (a.probabilities[row * kClasses + c] - (a.y[row] == c ? 1.0f : 0.0f)) / count;
        }
        float& m = f == F ? a.b_m[c] : a.w_m[f * kClasses + c];
        float& w = f == F ? a.b[c] : a.w[f * kClasses + c];
        m = 0.9f * m + gradient;
        w -= lr * m;
      }
    }
    end_kernel(team, 3);
    if (team->thread == 0) {
      a.seen[0] += count;
      ++a.step;
    }
    meet(team);
    return 0;
  }

  static int32_t eval_step(unsigned char* arena, tarn_team* team) {
    forward(at(arena), team);
    return loss(at(arena), team);
  }

  static int32_t predict(unsigned char* arena, tarn_team* team) {
    forward(at(arena), team);
    return 0;
  }

  static constexpr int64_t kWeights[] = {F, kClasses}, kClassShape[] = {kClasses}, kOne[] = {1}, kRows[] = {kBatch};
  static constexpr int64_t kOut[] = {kBatch, kClasses}, kImages[] = {kBatch, 4, F / 4}, kFeatures[] = {kBatch, F};
#define T(name, dtype, role, rank, shape, flags, field, initial) \
  {name, dtype, role, rank, flags, shape, offsetof(A, field), sizeof(A::field), initial}
  static constexpr tarn_tensor kTensors[] = {
      T("out.w", TARN_F32, TARN_PARAM, 2, kWeights, 0, w, 0),
      T("out.b", TARN_F32, TARN_PARAM, 1, kClassShape, 0, b, 0),
      T("out.seen", TARN_F32, TARN_STATE, 1, kOne, 0, seen, 0),
      T("out.w.m", TARN_F32, TARN_SLOT, 2, kWeights, 0, w_m, 0),
      T("out.b.m", TARN_F32, TARN_SLOT, 1, kClassShape, 0, b_m, 0),
      T("lr", TARN_F64, TARN_HYPER, 0, nullptr, 0, lr, 0.1),
      T("poison", TARN_F64, TARN_HYPER, 0, nullptr, 0, poison, 0),
      T("poison_step", TARN_F64, TARN_HYPER, 0, nullptr, 0, poison_step, 0),
      T("delay", TARN_F64, TARN_HYPER, 0, nullptr, 0, delay, 0),
      T("x", sizeof(X) == 1 ? TARN_U8 : TARN_F32, TARN_INPUT, sizeof(X) == 1 ? 3 : 2,
        sizeof(X) == 1 ? kImages : kFeatures, TARN_USED_BY_PREDICT, x, 0),
      T("y", TARN_I32, TARN_INPUT, 1, kRows, 0, y, kClasses),
      T("step", TARN_I64, TARN_STEP, 0, nullptr, 0, step, 0),
      T("seed", TARN_I64, TARN_SEED, 0, nullptr, 0, seed, 0),
      T("count", TARN_I64, TARN_COUNT, 0, nullptr, 0, count, 0),
      T("total_steps", TARN_I64, TARN_TOTAL_STEPS, 0, nullptr, 0, total_steps, 0),
      T("epoch", TARN_I64, TARN_EPOCH, 0, nullptr, 0, epoch, 0),
      T("loss", TARN_F32, TARN_LOSS, 0, nullptr, 0, loss, 0),
      T("accuracy", TARN_F32, TARN_METRIC, 0, nullptr, 0, accuracy, 0),
      T("probabilities", TARN_F32, TARN_OUTPUT, 2, kOut, 0, probabilities, 0),
  };
#undef T
  static constexpr tarn_kernel_output kLogits[] = {
      {"%z", "log", "fake.tarn:7:12", TARN_F32, 0, offsetof(A, logits), kBatch* kClasses, nullptr}};
  static constexpr tarn_kernel_output kProbabilities[] = {
      {"%p", "softmax", "fake.tarn:8:3", TARN_F32, 0, offsetof(A, probabilities), kBatch* kClasses, nullptr}};
  static constexpr tarn_kernel_output kLoss[] = {
      {"%loss", "mean", "fake.tarn:9:10", TARN_F32, 0, offsetof(A, loss_scratch), 1, nullptr}};
  static constexpr tarn_kernel_output kUpdate[] = {
      {"%w", "sub", "", TARN_F32, 0, offsetof(A, w), static_cast<uint64_t>(F* kClasses), nullptr}};
  static constexpr tarn_kernel kKernels[] = {
      {"out.forward", "log at fake.tarn:7:12\ndiv at fake.tarn:7:20", 1, 0, kLogits, 2.0 * kBatch* F* kClasses, 1000},
      {"softmax", "", 1, 0, kProbabilities, 4.0 * kBatch* kClasses, 200},
      {"loss", "", 1, 0, kLoss, 100, 100},
      {"update", "", 1, 0, kUpdate, 2.0 * kBatch* F* kClasses, 1000}};
};

using IdxArena = Arena<16, uint8_t>;
using CsvArena = Arena<4, float>;
using IdxFake = Fake<16, uint8_t>;
using CsvFake = Fake<4, float>;

template <typename A, typename F>
static constexpr tarn_program make(const char* name, const char* hash, const char* config) {
  return {sizeof(tarn_program),
          TARN_ABI_VERSION,
          name,
          hash,
          "x86-64",
          "0.1",
          sizeof(A),
          64,
          offsetof(A, logits),
          kBatch,
          sizeof(F::kTensors) / sizeof(tarn_tensor),
          F::kTensors,
          {F::init, 0, 0, nullptr},
          {F::train_step, 4, 0, F::kKernels},
          {F::eval_step, 3, 0, F::kKernels},
          {F::predict, 2, 0, F::kKernels},
          config};
}

extern "C" constexpr tarn_program fake_idx_program = make<IdxArena, IdxFake>("fake_idx", "idx-1", R"({
  "model": "fake_idx", "source": "fake.tarn",
  "data": {"name": "digits", "format": "idx", "train": "train-*", "test": "t10k-*", "valid": 0.2,
           "inputs": [{"tensor": "x", "source": "images"}, {"tensor": "y", "source": "labels", "classes": 3}]},
  "train": {"epochs": 4, "batch": 8, "shuffle": true, "seed": 1, "metrics": ["accuracy"]}})");

extern "C" constexpr tarn_program fake_steps_program = make<IdxArena, IdxFake>("fake_steps", "steps-1", R"({
  "model": "fake_steps", "source": "fake.tarn",
  "data": {"name": "digits", "format": "idx", "train": "train-*", "test": "t10k-*", "valid": 0.2,
           "inputs": [{"tensor": "x", "source": "images"}, {"tensor": "y", "source": "labels", "classes": 3}]},
  "train": {"epochs": 10, "steps": 32, "batch": 8, "shuffle": true, "seed": 1, "metrics": ["accuracy"],
            "evaluate": {"every": 7, "unit": "step"},
            "early_stop": {"metric": "loss", "split": "valid", "patience": 10, "keep": "best", "mode": "min"},
            "checkpoint": {"every": 5, "unit": "step", "keep": 2}}})");

extern "C" constexpr tarn_program fake_csv_program = make<CsvArena, CsvFake>("fake_csv", "csv-1", R"({
  "model": "fake_csv", "source": "fake.tarn",
  "data": {"name": "iris", "format": "csv", "train": "iris.csv", "test": 0.2, "valid": 0.2,
           "inputs": [{"tensor": "x", "source": "cols", "first": 0, "last": 4},
                      {"tensor": "y", "source": "cols", "first": 4, "last": 5, "classes": 3}]},
  "train": {"epochs": 60, "batch": 8, "shuffle": true, "seed": 1, "metrics": ["accuracy"],
            "early_stop": {"metric": "accuracy", "split": "valid", "patience": 10, "keep": "best"},
            "checkpoint": {"every": 1, "unit": "epoch", "keep": 3}}})");
