// Events of a run -> JSON lines, one record each, flushed.
#include "event_log.h"

#include <cerrno>
#include <cstring>

#include "output_file.h"
#include "text.h"

namespace tarn::runtime {

Event::Event(const char* name) : text_("{\"event\":" + json_string(name)) {}

void Event::key(const std::string& name) {
  text_ += "," + json_string(name) + ":";
}

Event& Event::add(const std::string& name, const std::string& text) {
  key(name);
  text_ += json_string(text);
  return *this;
}

Event& Event::add(const std::string& name, int64_t value) {
  key(name);
  text_ += std::to_string(value);
  return *this;
}

Event& Event::add(const std::string& name, double value) {
  key(name);
  text_ += json_number(value);
  return *this;
}

EventLog::~EventLog() {
  if (file_ != nullptr) fclose(file_);
}

Status EventLog::open(const std::string& path, bool append) {
  path_ = path;
  Result<std::FILE*> file = open_stream(path, append);
  if (!file) return file.error();
  file_ = *file;
  return Done{};
}

Status EventLog::write(const Event& event) {
  if (file_ == nullptr) return Done{};
  std::string line = event.line();
  if (fwrite(line.data(), 1, line.size(), file_) == line.size() && fflush(file_) == 0) return Done{};
  return Error{path_ + ": cannot be written: " + strerror(errno)};
}

}  // namespace tarn::runtime
