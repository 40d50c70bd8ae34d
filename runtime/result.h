// A value or one error message with the exit code that it ends the program with.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace tarn::runtime {

// Exit codes of a compiled program; 75 is EX_TEMPFAIL of sysexits.h: run it again (with --resume).
constexpr int kDone = 0, kFailed = 1, kUsage = 2, kDiverged = 3, kStopped = 75;

struct Error {
  std::string message;
  int exit_code = kFailed;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Error error) : error_(std::move(error)) {}
  explicit operator bool() const { return value_.has_value(); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  const Error& error() const { return error_; }

 private:
  std::optional<T> value_;
  Error error_;
};

struct Done {};
using Status = Result<Done>;

}  // namespace tarn::runtime
