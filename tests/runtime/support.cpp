// What the runtime's tests share.
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "random.h"

Scratch::Scratch() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tarn_test_XXXXXX").string();
  directory_ = mkdtemp(pattern.data());
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string Scratch::write(const std::string& name, const std::string& bytes) const {
  write_file(path(name), bytes);
  return path(name);
}

std::string Scratch::read(const std::string& name) const {
  return read_file(path(name));
}
bool Scratch::has(const std::string& name) const {
  return std::filesystem::exists(path(name));
}

std::string gzip(const std::string& bytes) {
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string idx_bytes(const std::vector<uint32_t>& sizes, const std::string& data) {
  std::string out = {0, 0, 8, static_cast<char>(sizes.size())};
  for (uint32_t size : sizes)
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
  return out + data;
}

std::string npy_bytes(const std::string& descr, const std::string& shape, const std::string& data,
                      const std::string& fortran) {
  std::string dict = "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
  std::string out = "\x93NUMPY";
  out += '\x01';
  out += '\0';
  out += static_cast<char>(dict.size() & 255);
  out += static_cast<char>(dict.size() >> 8);
  return out + dict + data;
}

static uint32_t noise(uint32_t seed, uint32_t index) {
  return static_cast<uint32_t>(tarn::runtime::random_bits(seed, tarn::runtime::Stream::Shuffle, 99, index));
}

static void write_idx_pair(const Scratch& scratch, const std::string& name, int rows, uint32_t seed) {
  std::string images, labels;
  for (int row = 0; row < rows; ++row) {
    uint32_t label = noise(seed, static_cast<uint32_t>(row) * 100 + 99) % 3;
    labels += static_cast<char>(label);
    for (uint32_t pixel = 0; pixel < 16; ++pixel) {
      uint32_t value = noise(seed, static_cast<uint32_t>(row) * 100 + pixel) % 160;
      images += static_cast<char>(pixel / 4 == label ? value + 60 : value);
    }
  }
  auto count = static_cast<uint32_t>(rows);
  scratch.write(name + "-images-idx3-ubyte", idx_bytes({count, 4, 4}, images));
  scratch.write(name + "-labels-idx1-ubyte", idx_bytes({count}, labels));
}

void write_idx_data(const Scratch& scratch, int train_rows, int test_rows) {
  write_idx_pair(scratch, "train", train_rows, 1);
  write_idx_pair(scratch, "t10k", test_rows, 2);
}

std::string csv_data(int rows) {
  static const char* const kNames[] = {"ant", "bee", "cat"};
  std::string out;
  for (int row = 0; row < rows; ++row) {
    uint32_t label = static_cast<uint32_t>(row) % 3;
    char line[128];
    double a = noise(3, static_cast<uint32_t>(row) * 2) % 1000 / 1000.0,
           b = noise(3, static_cast<uint32_t>(row) * 2 + 1) % 1000 / 1000.0;
    snprintf(line, sizeof line, "%.3f,%.3f,%.3f,%.3f,%s\n", a + (label == 0), b + (label == 1), a - (label == 2), b,
             kNames[label]);
    out += line;
  }
  return out;
}

static int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Ran run(const std::string& directory, const std::string& command) {
  Scratch scratch;
  std::string line = "cd '" + directory + "' && { " + command + "\n} >'" + scratch.path("out") + "' 2>'" +
                     scratch.path("err") + "' </dev/null";
  int status = std::system(line.c_str());
  return {exit_code(status), scratch.read("out"), scratch.read("err")};
}

Child start(const std::string& directory, const std::vector<std::string>& words) {
  // Until the program runs, a signal must not reach the test framework's handlers in the child.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  int pid = fork();
  if (pid == 0) {
    for (int number : {SIGINT, SIGTERM, SIGUSR1}) signal(number, SIG_DFL);
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid != 0) return {pid};
  if (chdir(directory.c_str()) != 0) _exit(126);
  dup2(open("out.txt", O_WRONLY | O_CREAT | O_TRUNC, 0666), 1);
  dup2(open("err.txt", O_WRONLY | O_CREAT | O_TRUNC, 0666), 2);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

int finish(Child child) {
  int status = 0;
  waitpid(child.pid, &status, 0);
  return exit_code(status);
}
