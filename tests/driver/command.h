// Runs commands as a user's shell does, in a directory that is removed afterwards.
#pragma once

#include <string>

namespace tarn {

struct CommandResult {
  int exit_code = -1;
  std::string output;  // standard output and standard error together
};

class Workplace {
 public:
  Workplace();
  ~Workplace();
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  // `tarn ARGUMENTS` in the directory.
  CommandResult tarn(const std::string& arguments) const;
  // Any shell command in the directory.
  CommandResult shell(const std::string& command) const;

  void write(const std::string& name, const std::string& text) const;
  std::string read(const std::string& name) const;
  bool has(const std::string& name) const;

 private:
  std::string directory_;
};

}  // namespace tarn
