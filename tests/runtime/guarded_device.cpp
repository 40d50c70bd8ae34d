// The host device over memory that is protected between calls.
#include "guarded_device.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "device_host.h"

using namespace tarn::runtime;

namespace {

struct Guarded {
  tarn_device device;  // first
  tarn_host_device host;
  tarn_crew crew;
  unsigned char* memory = nullptr;
  size_t bytes = 0;
  int depth = 0;  // calls that are under way: an observer may call within a run
  GuardedCalls calls;
  std::map<uint64_t, std::vector<unsigned char>> open;  // by offset: what is being filled
  std::vector<unsigned char> viewed;
  const tarn_entry* pending = nullptr;  // asked for, not run yet
  tarn_observer observer;
  bool is_observed = false;
};

Guarded& guarded(tarn_device* device) {
  return *reinterpret_cast<Guarded*>(device);
}

void must(bool holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "guarded device: %s\n", what);
  abort();
}

// While it lives, the arena is open; what was viewed before is gone.
class Call {
 public:
  explicit Call(Guarded& device) : device_(device) {
    memset(device_.viewed.data(), 0xDB, device_.viewed.size());
    if (device_.depth++ == 0) must(mprotect(device_.memory, device_.bytes, PROT_READ | PROT_WRITE) == 0, "mprotect");
  }
  ~Call() {
    if (--device_.depth == 0) must(mprotect(device_.memory, device_.bytes, PROT_NONE) == 0, "mprotect");
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  const tarn_device_table& host() const { return *device_.host.device.table; }
  tarn_device* target() const { return &device_.host.device; }
  void finish_run() {
    const tarn_entry* entry = std::exchange(device_.pending, nullptr);
    if (entry != nullptr) host().run(target(), entry, device_.is_observed ? &device_.observer : nullptr);
  }
  void check(uint64_t offset, uint64_t bytes) const {
    must(offset <= device_.bytes && bytes <= device_.bytes - offset, "a place outside the arena");
  }

 private:
  Guarded& device_;
};

int allocate(tarn_device* device, uint64_t bytes, uint64_t alignment) {
  Guarded& self = guarded(device);
  ++self.calls.allocate;
  must(self.memory == nullptr, "allocated twice");
  self.bytes = (bytes + 4095) / 4096 * 4096;
  void* memory = mmap(nullptr, self.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(memory != MAP_FAILED, "mmap");
  self.memory = static_cast<unsigned char*>(memory);
  tarn_host_device_make(&self.host, self.memory, self.bytes, &self.crew);
  Call call(self);
  return call.host().allocate(call.target(), bytes, alignment);
}

void release(tarn_device* device) {
  Guarded& self = guarded(device);
  must(self.open.empty(), "released while a place is being written");
  if (self.memory != nullptr) munmap(self.memory, self.bytes);
  delete &self;
}

void write(tarn_device* device, uint64_t offset, const void* from, uint64_t bytes) {
  Guarded& self = guarded(device);
  ++self.calls.write;
  Call call(self);
  call.check(offset, bytes);
  call.finish_run();
  call.host().write(call.target(), offset, from, bytes);
}

void zero(tarn_device* device, uint64_t offset, uint64_t bytes) {
  Guarded& self = guarded(device);
  ++self.calls.zero;
  Call call(self);
  call.check(offset, bytes);
  call.finish_run();
  call.host().zero(call.target(), offset, bytes);
}

void read(tarn_device* device, uint64_t offset, void* to, uint64_t bytes) {
  Guarded& self = guarded(device);
  ++self.calls.read;
  Call call(self);
  call.check(offset, bytes);
  call.finish_run();
  call.host().read(call.target(), offset, to, bytes);
}

void* begin_write(tarn_device* device, uint64_t offset, uint64_t bytes) {
  Guarded& self = guarded(device);
  ++self.calls.begin_write;
  Call call(self);
  call.check(offset, bytes);
  must(self.open.count(offset) == 0, "a place is opened twice");
  return self.open.emplace(offset, std::vector<unsigned char>(bytes + 1, 0xA5)).first->second.data();
}

void end_write(tarn_device* device, uint64_t offset, uint64_t bytes) {
  Guarded& self = guarded(device);
  ++self.calls.end_write;
  Call call(self);
  auto found = self.open.find(offset);
  must(found != self.open.end() && found->second.size() == bytes + 1, "end of a write that did not begin");
  must(found->second[bytes] == 0xA5, "written past the end of a place");
  call.finish_run();
  call.host().write(call.target(), offset, found->second.data(), bytes);
  self.open.erase(found);
}

const void* view(tarn_device* device, uint64_t offset, uint64_t bytes) {
  Guarded& self = guarded(device);
  ++self.calls.view;
  Call call(self);
  call.check(offset, bytes);
  call.finish_run();
  self.viewed.assign(self.memory + offset, self.memory + offset + bytes);
  return self.viewed.data();
}

void run(tarn_device* device, const tarn_entry* entry, const tarn_observer* observer) {
  Guarded& self = guarded(device);
  ++self.calls.run;
  Call call(self);
  must(self.open.empty(), "a run while a place is being written");
  call.finish_run();
  self.pending = entry;
  self.is_observed = observer != nullptr;
  if (observer != nullptr) self.observer = *observer;
}

tarn_run_result synchronise(tarn_device* device) {
  Guarded& self = guarded(device);
  ++self.calls.synchronise;
  Call call(self);
  call.finish_run();
  return call.host().synchronise(call.target());
}

const tarn_device_table kTable = {allocate, release, write, zero, read, begin_write, end_write, view, run, synchronise};

int32_t run_team(void* user, tarn_job job, void* context) {
  if (user != nullptr) return static_cast<Team*>(user)->run(job, context);
  tarn_team alone{0, 1, nullptr, nullptr, nullptr, {}};
  return job(context, &alone);
}

}  // namespace

Device make_guarded_device(Team* team) {
  auto* made = new Guarded;
  made->device.table = &kTable;
  made->crew = {run_team, team};
  return Device(&made->device);
}

const GuardedCalls& calls_of(const tarn_device* device) {
  return reinterpret_cast<const Guarded*>(device)->calls;
}
