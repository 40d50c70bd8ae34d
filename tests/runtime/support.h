// What the runtime's tests share: a scratch directory, files, data sets, running a program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "file.h"

// An empty directory that goes away with the object.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  const std::string& directory() const { return directory_; }
  std::string write(const std::string& name, const std::string& bytes) const;
  std::string read(const std::string& name) const;
  bool has(const std::string& name) const;

 private:
  std::string directory_;
};

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& bytes);
std::string gzip(const std::string& bytes);

// IDX text of u8 data.
std::string idx_bytes(const std::vector<uint32_t>& sizes, const std::string& data);
std::string npy_bytes(const std::string& descr, const std::string& shape, const std::string& data,
                      const std::string& fortran = "False");
// 4x4 images whose brightest row is the class (0..2), with noise; train-* and t10k-*.
void write_idx_data(const Scratch& scratch, int train_rows, int test_rows);
// Four features, three text classes that a linear model tells apart.
std::string csv_data(int rows);

struct Ran {
  int code;  // 128 + n where signal n ended it
  std::string out, err;
};

// Runs `command` with the shell in `directory`.
Ran run(const std::string& directory, const std::string& command);

struct Child {
  int pid;
};
// Starts a program without waiting; its output goes to out.txt and err.txt in `directory`.
Child start(const std::string& directory, const std::vector<std::string>& words);
int finish(Child child);  // its exit code, as in Ran
