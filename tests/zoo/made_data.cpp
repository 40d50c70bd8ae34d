// A model's records -> small data files that it can train on, of whatever format its `data` block reads.
#include "tests/zoo/made_data.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <random>

namespace tarn {

namespace {

// One input of the step, as its record and its argument describe it.
struct Input {
  std::string name, source;
  Attrs attrs;
  Type row;             // of one row
  int64_t classes = 0;  // 0: plain numbers
  int64_t elements() const { return row.elements(); }
};

class DataMaker {
 public:
  DataMaker(const Module& module, int64_t rows) : rows_(rows) {
    data_ = module.find_record("data");
    REQUIRE(bool(data_ != nullptr));
    for (const Record& record : module.records) {
      if (record.kind == "input") inputs_.push_back(input_of(module, record));
    }
  }

  std::vector<MadeFile> make() {
    for (const char* key : {"train", "test", "valid"}) {
      auto pattern = data_->attrs.find(key);
      bool is_file = pattern != data_->attrs.end() && std::holds_alternative<std::string>(pattern->second);
      if (is_file) make_split(std::get<std::string>(pattern->second));
    }
    if (text("format") == "npy") make_npy();
    return std::move(files_);
  }

 private:
  static Input input_of(const Module& module, const Record& record) {
    const Func* step = module.find("train_step");
    REQUIRE(bool(step != nullptr));
    Input input{record.name, attr_string(record.attrs, "source"), record.attrs, {}, 0};
    if (record.attrs.count("classes")) input.classes = attr_int(record.attrs, "classes");
    for (const Argument& argument : step->args) {
      if (step->name_of(argument.value) == record.name) input.row = step->type(argument.value);
    }
    REQUIRE_MESSAGE(!input.row.shape.empty(), record.name);
    input.row.shape.erase(input.row.shape.begin());
    return input;
  }

  std::string text(const std::string& key) const { return attr_string(data_->attrs, key); }
  int64_t below(int64_t limit) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(limit)); }
  char byte() { return static_cast<char>(random_() >> 16); }
  static std::string with_star(std::string pattern, const std::string& word) {
    size_t star = pattern.find('*');
    return star == std::string::npos ? pattern : pattern.replace(star, 1, word);
  }

  void make_split(const std::string& pattern) {
    const std::string format = text("format");
    if (format == "idx") make_idx(pattern);
    if (format == "cifar") make_cifar(pattern);
    if (format == "csv") make_csv(pattern);
    if (format == "text") make_text(pattern);
  }

  void make_idx(const std::string& pattern) {
    for (const char* source : {"images", "labels"}) {
      auto input = std::find_if(inputs_.begin(), inputs_.end(), [&](const Input& i) { return i.source == source; });
      if (input == inputs_.end()) continue;
      bool is_label = input->source == "labels";
      std::string out = {0, 0, 8, static_cast<char>(is_label ? 1 : 2)};
      for (int64_t size : {rows_, input->elements()}) {
        if (is_label && size != rows_) continue;
        for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
      }
      for (int64_t i = 0; i < rows_ * input->elements(); ++i)
        out += is_label ? static_cast<char>(below(input->classes)) : byte();
      files_.push_back({with_star(pattern, source), std::move(out)});
    }
  }

  void make_cifar(const std::string& pattern) {
    std::string out;
    for (int64_t row = 0; row < rows_; ++row) {
      out += static_cast<char>(below(10));
      for (int i = 0; i < 3 * 32 * 32; ++i) out += byte();
    }
    files_.push_back({with_star(pattern, "1.bin"), std::move(out)});
  }

  // Columns by number, or under a header.
  void make_csv(const std::string& pattern) {
    std::vector<std::string> header;
    std::vector<int64_t> classes;
    for (const Input& input : inputs_) {
      if (input.attrs.count("names")) {
        for (const std::string& name : std::get<std::vector<std::string>>(input.attrs.at("names"))) {
          header.push_back(name);
          classes.push_back(input.classes);
        }
        continue;
      }
      classes.resize(std::max(classes.size(), static_cast<size_t>(attr_int(input.attrs, "last"))));
      for (int64_t c = attr_int(input.attrs, "first"); c < attr_int(input.attrs, "last"); ++c)
        classes[static_cast<size_t>(c)] = input.classes;
    }
    std::string out;
    for (size_t i = 0; i < header.size(); ++i) out += (i ? "," : "") + header[i] + (i + 1 == header.size() ? "\n" : "");
    for (int64_t row = 0; row < rows_; ++row) {
      for (size_t i = 0; i < classes.size(); ++i) {
        out += i ? "," : "";
        out += classes[i] ? fmt::format("{}", row % classes[i]) : fmt::format("{}", below(1000) / 500.0);
      }
      out += "\n";
    }
    files_.push_back({with_star(pattern, "1.csv"), std::move(out)});
  }

  // Every character occurs; the windows of all splits have room.
  void make_text(const std::string& pattern) {
    int64_t window = attr_int(data_->attrs, "window"), characters = inputs_.at(0).classes;
    std::string out;
    for (int64_t i = 0; i < std::max(characters, rows_ * window + 1); ++i)
      out += static_cast<char>(' ' + (i < characters ? i : below(characters)));
    files_.push_back({with_star(pattern, "1.txt"), std::move(out)});
  }

  void make_npy() {
    for (const Input& input : inputs_) {
      for (const char* key : {"source", "test_source", "valid_source"}) {
        if (input.attrs.count(key)) files_.push_back({attr_string(input.attrs, key), npy_of(input)});
      }
    }
  }

  std::string npy_of(const Input& input) {
    std::string shape = fmt::format("({}, ", rows_);
    for (int64_t size : input.row.shape) shape += fmt::format("{}, ", size);
    bool is_float = input.classes == 0 && tarn::is_float(input.row.dtype);
    std::string header =
        fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}), }}\n", is_float ? "<f4" : "<i4", shape);
    std::string out("\x93NUMPY\x01\0", 8);
    out += static_cast<char>(header.size() & 255);
    out += static_cast<char>(header.size() >> 8);
    out += header;
    for (int64_t i = 0; i < rows_ * input.elements(); ++i) {
      float real = static_cast<float>(below(1000)) / 500 - 1;
      int32_t whole = static_cast<int32_t>(below(input.classes > 0 ? input.classes : 2));
      char bytes[4];
      std::memcpy(bytes, is_float ? static_cast<void*>(&real) : static_cast<void*>(&whole), 4);
      out.append(bytes, 4);
    }
    return out;
  }

  const Record* data_ = nullptr;
  std::vector<Input> inputs_;
  int64_t rows_;
  std::mt19937 random_{1};  // its sequence is fixed by the standard
  std::vector<MadeFile> files_;
};

}  // namespace

std::vector<MadeFile> make_data(const Module& module, int64_t rows) {
  return DataMaker(module, rows).make();
}

}  // namespace tarn
