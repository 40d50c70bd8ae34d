// Checkpoints: round trip, every failing system call, foreign and damaged files.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>

#include "checkpoint.h"
#include "fake_program.h"
#include "support.h"
#include "text.h"

using namespace tarn::runtime;

// The linker sends these calls here (--wrap).  `countdown` calls succeed, the next one fails with `failure`.
static int countdown = -1;
static int failure = 0;
static bool short_writes = false;
static bool fails() {
  if (countdown < 0) return false;
  if (countdown-- > 0) return false;
  errno = failure;
  return true;
}

extern "C" {
int __real_open(const char* path, int flags, ...);
ssize_t __real_write(int descriptor, const void* bytes, size_t count);
int __real_fsync(int descriptor);
int __real_close(int descriptor);
int __real_rename(const char* from, const char* to);
int __wrap_open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  int mode = (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
  va_end(arguments);
  return fails() ? -1 : __real_open(path, flags, mode);
}
ssize_t __wrap_write(int descriptor, const void* bytes, size_t count) {
  if (fails()) return -1;
  return __real_write(descriptor, bytes, short_writes && count > 1 ? count / 2 : count);
}
int __wrap_fsync(int descriptor) {
  return fails() ? -1 : __real_fsync(descriptor);
}
int __wrap_close(int descriptor) {
  bool failed = fails();
  int code = __real_close(descriptor);
  return failed ? -1 : code;
}
int __wrap_rename(const char* from, const char* to) {
  return fails() ? -1 : __real_rename(from, to);
}
}

struct Fixture {
  Scratch scratch;
  Model model = std::move(*Model::create(fake_idx_program));
  RunState state;
  WeightCopy best;
  std::string path = scratch.path("m.safetensors");

  Fixture() {
    state.partial = Totals(1);
    state.train_rows = 48;
    state.epochs = 4;
    state.seed = -5;
    state.partial.loss = 1.0 / 3;
    model.scalar(TARN_SEED) = 3;
    tarn_team alone{0, 1, nullptr, nullptr, nullptr, {}};
    fake_idx_program.init.run(model.arena(), &alone);
    model.scalar(TARN_STEP) = 17;
  }
  std::string bytes() const { return read_file(path); }
};

TEST_CASE_FIXTURE(Fixture, "a run comes back bit for bit") {
  state.epoch = 2;
  state.cursor = 3;
  state.partial.metrics[0] = 0.1;
  state.partial.rows = 24;
  state.has_best = true;
  state.best_value = 0.7;
  state.best_epoch = 1;
  state.epochs_since_best = 1;
  state.data_hash = 0xfedcba9876543210;
  model.hyper(*model.find(TARN_HYPER, "lr")) = 0.1 + 0.2;
  best.take(model);
  best.place(model, *model.find(TARN_PARAM, "out.b"))[0] = 42;
  REQUIRE(save_checkpoint(path, model, state, best));
  CHECK_FALSE(scratch.has("m.safetensors.tmp"));

  Fixture other;
  CHECK_FALSE(load_run(path, other.model, other.state, other.best).has_value());
  REQUIRE(save_checkpoint(other.path, other.model, other.state, other.best));
  CHECK(other.bytes() == bytes());
  CHECK(other.state.partial.loss == 1.0 / 3);
  CHECK(other.best.place(other.model, *other.model.find(TARN_PARAM, "out.b"))[0] == 42);
  CHECK(other.model.scalar(TARN_STEP) == 17);
}

TEST_CASE_FIXTURE(Fixture, "a finished run keeps the last weights beside the best") {
  best.take(model);
  unsigned char* first = model.data(*model.find(TARN_PARAM, "out.b"));
  first[0] = 1;  // the best, under the plain names
  state.finished = true;
  REQUIRE(save_checkpoint(path, model, state, best));
  Fixture other;
  CHECK_FALSE(load_run(path, other.model, other.state, other.best).has_value());
  CHECK(other.model.data(*other.model.find(TARN_PARAM, "out.b"))[0] == 0);
  CHECK(other.best.place(other.model, *other.model.find(TARN_PARAM, "out.b"))[0] == 1);
}

TEST_CASE_FIXTURE(Fixture, "whatever call fails, the old file stays and the failure is told") {
  REQUIRE(save_checkpoint(path, model, state, best));
  std::string before = bytes();
  state.epoch = 1;
  REQUIRE(save_checkpoint(scratch.path("new"), model, state, best));
  std::string after = scratch.read("new");
  for (int code : {EIO, ENOSPC, EACCES}) {
    int calls = 0;
    for (; calls < 100; ++calls) {
      countdown = calls;
      failure = code;
      Status status = save_checkpoint(path, model, state, best);
      bool never_reached = countdown >= 0;
      countdown = -1;
      if (never_reached) {
        CHECK(status);
        break;
      }
      // close of the read-back descriptor is not looked at; all else is.
      if (status) {
        CHECK(bytes() == after);
        write_file(path, before);
        continue;
      }
      CHECK(status.error().message.find(strerror(code)) != std::string::npos);
      bool renamed = status.error().message.find("saved, but") != std::string::npos;
      CHECK(bytes() == (renamed ? after : before));
      if (renamed) write_file(path, before);
      CHECK_FALSE(scratch.has("m.safetensors.tmp"));
    }
    CHECK(calls >= 7);  // open, write, fsync, close, open, rename, directory
    write_file(path, before);
  }
}

TEST_CASE_FIXTURE(Fixture, "interrupted and short writes are no failures") {
  REQUIRE(save_checkpoint(path, model, state, best));
  std::string whole = bytes();
  short_writes = true;
  CHECK(save_checkpoint(path, model, state, best));
  short_writes = false;
  CHECK(bytes() == whole);
  countdown = 1;
  failure = EINTR;
  CHECK(save_checkpoint(path, model, state, best));
  countdown = -1;
  CHECK(bytes() == whole);
}

TEST_CASE_FIXTURE(Fixture, "every truncation of a checkpoint is refused as damaged") {
  REQUIRE(save_checkpoint(path, model, state, best));
  std::string whole = bytes();
  for (size_t size = 0; size < whole.size(); size += 3) {
    scratch.write("cut", whole.substr(0, size));
    auto failed = load_run(scratch.path("cut"), model, state, best);
    REQUIRE(failed.has_value());
    CHECK(failed->is_damaged);
    CHECK(failed->error.message.find(scratch.path("cut")) == 0);
  }
}

TEST_CASE_FIXTURE(Fixture, "a foreign model is refused with the differences") {
  REQUIRE(save_checkpoint(path, model, state, best));
  Model other = std::move(*Model::create(fake_csv_program));
  Status status = load_weights(path, other);
  REQUIRE_FALSE(status);
  CHECK(status.error().message.find("does not fit the model `fake_csv` (it was saved by `fake_idx`)") !=
        std::string::npos);
  CHECK(status.error().message.find("`out.w` is F32[16,3] in the file, F32[4,3] in the model") != std::string::npos);
  auto failed = load_run(path, other, state, best);
  REQUIRE(failed.has_value());
  CHECK_FALSE(failed->is_damaged);
}

TEST_CASE_FIXTURE(Fixture, "weights of another tool load, but are no run") {
  float w[48] = {}, b[3] = {1, 2, 3}, seen[1] = {};
  std::string header = R"({"out.w":{"dtype":"F32","shape":[16,3],"data_offsets":[0,192]},)"
                       R"("out.b":{"dtype":"F32","shape":[3],"data_offsets":[192,204]},)"
                       R"("out.seen":{"dtype":"F32","shape":[1],"data_offsets":[204,208]}})";
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i));
  bytes += header;
  bytes.append(reinterpret_cast<char*>(w), sizeof w).append(reinterpret_cast<char*>(b), sizeof b);
  bytes.append(reinterpret_cast<char*>(seen), sizeof seen);
  scratch.write("other", bytes);
  REQUIRE(load_weights(scratch.path("other"), model));
  CHECK(memcmp(model.data(*model.find(TARN_PARAM, "out.b")), b, sizeof b) == 0);
  auto failed = load_run(scratch.path("other"), model, state, best);
  REQUIRE(failed.has_value());
  CHECK(failed->error.message.find("`out.w.m` F32[16,3] is missing") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "an output that cannot be written is found out beforehand") {
  CHECK(check_writable(path, 1000));
  CHECK_FALSE(scratch.has("m.safetensors.tmp"));
  CHECK(check_writable(scratch.path("no/such/dir/x"), 10).error().message.find("No such file") != std::string::npos);
  CHECK(check_writable(scratch.directory(), 10).error().message.find("not a plain file") != std::string::npos);
  CHECK(check_writable(path, UINT64_MAX / 2).error().message.find("bytes, the disk has") != std::string::npos);
}
