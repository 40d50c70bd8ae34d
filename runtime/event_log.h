// Events of a run -> JSON lines, one record each, flushed.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "result.h"

namespace tarn::runtime {

// {"event":"epoch","epoch":3,...}
class Event {
 public:
  explicit Event(const char* name);
  Event& add(const std::string& key, const std::string& text);
  Event& add(const std::string& key, int64_t value);
  Event& add(const std::string& key, double value);
  std::string line() const { return text_ + "}\n"; }

 private:
  void key(const std::string& name);
  std::string text_;
};

class EventLog {
 public:
  EventLog() = default;
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;
  ~EventLog();
  // `append`: a resumed run goes on in its file.
  Status open(const std::string& path, bool append);
  // Nothing where not open.
  Status write(const Event& event);

 private:
  std::FILE* file_ = nullptr;
  std::string path_;
};

}  // namespace tarn::runtime
