// Result<T>: a value or the reason why there is none, for functions that can fail on a user's input.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "ir/base/source.h"

namespace tarn {

// Why something failed.  `message` is lower case, states what was observed first, and ends without a period.
struct Error {
  std::string message;
  std::string rule = {};   // label of the violated rule, "contract.C2"; empty where there is none
  int operand = -1;        // which operand is at fault, or -1
  Location location = {};  // of the op at fault, where there is one that knows its place
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor): `return value;`
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor): `return Error{...};`

  explicit operator bool() const { return std::holds_alternative<T>(state_); }
  T& operator*() { return std::get<T>(state_); }
  const T& operator*() const { return std::get<T>(state_); }
  T* operator->() { return &std::get<T>(state_); }
  const T* operator->() const { return &std::get<T>(state_); }
  const Error& error() const { return std::get<Error>(state_); }

 private:
  std::variant<T, Error> state_;
};

}  // namespace tarn
