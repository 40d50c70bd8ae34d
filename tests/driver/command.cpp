// Commands through the shell.
#include "tests/driver/command.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace tarn {

Workplace::Workplace() {
  char path[] = "/tmp/tarn_test_XXXXXX";
  REQUIRE(mkdtemp(path));
  directory_ = path;
}

Workplace::~Workplace() {
  if (std::system(("rm -rf '" + directory_ + "'").c_str()) != 0)
    std::fprintf(stderr, "left behind: %s\n", directory_.c_str());
}

CommandResult Workplace::shell(const std::string& command) const {
  CommandResult result;
  std::string line = "cd '" + directory_ + "' && { " + command + "\n} 2>&1";
  std::FILE* pipe = popen(line.c_str(), "r");
  REQUIRE(pipe);
  char buffer[4096];
  size_t count = 0;
  while ((count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0) result.output.append(buffer, count);
  int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

CommandResult Workplace::tarn(const std::string& arguments) const {
  return shell(TARN_COMMAND " " + arguments);
}

void Workplace::write(const std::string& name, const std::string& text) const {
  std::ofstream(directory_ + "/" + name) << text;
}

std::string Workplace::read(const std::string& name) const {
  std::ifstream file(directory_ + "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool Workplace::has(const std::string& name) const {
  return access((directory_ + "/" + name).c_str(), F_OK) == 0;
}

}  // namespace tarn
