// Checkpoints: round trip, every failing system call, foreign and damaged files.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <filesystem>

#include "checkpoint.h"
#include "fake_program.h"
#include "file.h"
#include "output_file.h"
#include "support.h"
#include "test_model.h"
#include "text.h"

using namespace tarn::runtime;

// The linker sends these calls here (--wrap).  `countdown` calls succeed, the next one fails with `failure`.
static int countdown = -1;
static int failure = 0;
static bool short_writes = false;
static bool damages_writes = false;  // as a bad disk or cable does: without an error
static std::string calls_made;       // a letter each: open, write, sync, close, rename
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
  calls_made += 'o';
  return fails() ? -1 : __real_open(path, flags, mode);
}
ssize_t __wrap_write(int descriptor, const void* bytes, size_t count) {
  calls_made += 'w';
  if (fails()) return -1;
  std::string changed(static_cast<const char*>(bytes), count);
  if (damages_writes && count > 0) {
    changed.back() ^= 1;
    bytes = changed.data();
  }
  return __real_write(descriptor, bytes, short_writes && count > 1 ? count / 2 : count);
}
int __wrap_fsync(int descriptor) {
  calls_made += 's';
  return fails() ? -1 : __real_fsync(descriptor);
}
int __wrap_close(int descriptor) {
  calls_made += 'c';
  bool failed = fails();
  int code = __real_close(descriptor);
  return failed ? -1 : code;
}
int __wrap_rename(const char* from, const char* to) {
  calls_made += 'r';
  return fails() ? -1 : __real_rename(from, to);
}
}

struct Fixture {
  Scratch scratch;
  Model model = make_model(fake_idx_program);
  RunState state;
  WeightCopy best;
  std::string path = scratch.path("m.safetensors");

  Fixture() {
    state.partial = Totals(1);
    state.train_rows = 48;
    state.epochs = 4;
    state.seed = -5;
    state.partial.loss = 1.0 / 3;
    model.set_scalar(TARN_SEED, state.seed);
    REQUIRE(model.run(fake_idx_program.init) == TARN_OK);
    model.set_scalar(TARN_STEP, 17);
  }
  std::string bytes() const { return read_file(path); }
  // In the directory, whatever their names.
  size_t files() const { return list_directory(scratch.directory())->size(); }
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
  model.set_hyper(*model.find(TARN_HYPER, "lr"), 0.1 + 0.2);
  best.take(model);
  best.place(model, *model.find(TARN_PARAM, "out.b"))[0] = 42;
  REQUIRE(save_checkpoint(path, model, state, best));
  CHECK(files() == 1);

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
  set_value<unsigned char>(model, *model.find(TARN_PARAM, "out.b"), 0, 1);  // the best, under the plain names
  state.finished = true;
  REQUIRE(save_checkpoint(path, model, state, best));
  Fixture other;
  CHECK_FALSE(load_run(path, other.model, other.state, other.best).has_value());
  CHECK(values_of<unsigned char>(other.model, *other.model.find(TARN_PARAM, "out.b"))[0] == 0);
  CHECK(other.best.place(other.model, *other.model.find(TARN_PARAM, "out.b"))[0] == 1);
}

TEST_CASE_FIXTURE(Fixture, "whatever call fails, the old file stays and the failure is told") {
  REQUIRE(save_checkpoint(path, model, state, best));
  std::string before = bytes();
  state.epoch = 1;
  REQUIRE(save_checkpoint(scratch.path("new"), model, state, best));
  std::string after = scratch.read("new");
  REQUIRE(files() == 2);
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
      CHECK(files() == 2);
    }
    CHECK(calls >= 7);  // open, write, fsync, close, open, rename, directory
    write_file(path, before);
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "a power cut loses nothing: the bytes are on the disk before the name, and the name at the end") {
  REQUIRE(save_checkpoint(path, model, state, best));
  calls_made.clear();
  REQUIRE(save_checkpoint(path, model, state, best));
  size_t last_write = calls_made.rfind('w'), renamed = calls_made.find('r');
  REQUIRE(renamed != std::string::npos);
  size_t file_synced = calls_made.find('s', last_write), directory_synced = calls_made.find('s', renamed);
  CHECK(file_synced < renamed);
  CHECK(directory_synced != std::string::npos);
  CHECK(calls_made.find('w', renamed) == std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "what a disk changed without a word is noticed before the old file goes") {
  REQUIRE(save_checkpoint(path, model, state, best));
  std::string before = bytes();
  state.epoch = 1;
  damages_writes = true;
  Status status = save_checkpoint(path, model, state, best);
  damages_writes = false;
  REQUIRE_FALSE(status);
  CHECK(status.error().message.find("what was written does not read back: ") != std::string::npos);
  CHECK(bytes() == before);
  CHECK(files() == 1);
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
  Model other = make_model(fake_csv_program);
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
  CHECK(values_of<float>(model, *model.find(TARN_PARAM, "out.b")) == std::vector<float>{1, 2, 3});
  auto failed = load_run(scratch.path("other"), model, state, best);
  REQUIRE(failed.has_value());
  CHECK(failed->error.message.find("`out.w.m` F32[16,3] is missing") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "an output that cannot be written is found out beforehand") {
  CHECK(check_writable(path, 1000, 1));
  CHECK(files() == 0);
  CHECK(check_writable(scratch.path("no/such/dir/x"), 10, 1).error().message.find("No such file") != std::string::npos);
  CHECK(check_writable(path, UINT64_MAX / 2, 1).error().message.find("bytes lie there at a time, the disk has") !=
        std::string::npos);
  // Room for two, but not for the four that lie there while the newest of three is written.
  struct statvfs space = {};
  REQUIRE(statvfs(scratch.directory().c_str(), &space) == 0);
  uint64_t third = uint64_t{space.f_bavail} * space.f_frsize / 3;
  CHECK(check_writable(path, third, 1));
  CHECK_FALSE(check_writable(path, third, 3));
  REQUIRE(save_checkpoint(path, model, state, best));
  CHECK(check_writable(path, third, 2));
}

TEST_CASE_FIXTURE(Fixture, "a new file has a name that nothing has, and no link is followed") {
  scratch.write("victim", "untouched");
  std::string first = NewFile(path).path();
  size_t dash = first.rfind('-');
  unsigned long counter = std::stoul(first.substr(dash + 1));
  for (unsigned long next = counter + 1; next <= counter + 3; ++next)
    REQUIRE(symlink("victim", (first.substr(0, dash + 1) + std::to_string(next)).c_str()) == 0);
  REQUIRE(save_checkpoint(path, model, state, best));
  CHECK(scratch.read("victim") == "untouched");
  CHECK(files() == 5);  // the victim, three links, the checkpoint
  CHECK_FALSE(std::filesystem::is_symlink(path));
}
