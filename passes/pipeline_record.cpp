// The record is a list of names; its place in the pipeline is found by going through both.
#include "passes/pipeline_record.h"

#include <fmt/format.h>

#include "passes/pipeline.h"

namespace tarn {

static constexpr std::string_view kKind = "pipeline", kDone = "done";

static Record* find(Module& module) {
  for (Record& record : module.records) {
    if (record.kind == kKind) return &record;
  }
  return nullptr;
}

static const std::vector<std::string>* steps_done(const Module& module) {
  const Record* record = module.find_record(kKind);
  auto done = record ? record->attrs.find(std::string(kDone)) : Attrs::const_iterator{};
  if (!record || done == record->attrs.end()) return nullptr;
  return std::get_if<std::vector<std::string>>(&done->second);
}

Result<size_t> first_step_to_do(const Module& module) {
  if (!module.find_record(kKind)) return size_t{0};
  const std::vector<std::string>* done = steps_done(module);
  if (!done) return Error{"record `pipeline` has no list of names `done`", "pass.done"};
  size_t next = 0;
  for (const std::string& name : *done) {
    size_t from = next;
    while (next < pipeline().size() && pipeline()[next].pass->name != name) ++next;
    if (next == pipeline().size()) {
      return Error{fmt::format("record `pipeline` says that pass `{}` has run {}, which it does not in this compiler; "
                               "without the record all passes run",
                               name, from == 0 ? "first" : fmt::format("after `{}`", pipeline()[from - 1].pass->name)),
                   "pass.done"};
    }
    ++next;
  }
  return next;
}

void note_step_done(Module& module, std::string_view pass) {
  Record* record = find(module);
  if (!record) record = &module.records.emplace_back(Record{std::string(kKind), "", {}});
  AttrValue& done = record->attrs.try_emplace(std::string(kDone), std::vector<std::string>{}).first->second;
  std::get<std::vector<std::string>>(done).emplace_back(pass);
}

}  // namespace tarn
