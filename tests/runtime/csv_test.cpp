// CSV files: separators, quotes, headers, categories, missing cells, and what is wrong with malformed ones.
#include <doctest/doctest.h>

#include <cstring>

#include "data/csv.h"
#include "data/csv_rows.h"
#include "support.h"

using namespace tarn::runtime;

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// x: f32[2, 2] from columns 0 and 1, y: i32[2] classes from column 2; batch 2.
struct Csv {
  Scratch scratch;
  DataConfig config;
  int64_t x_shape[2] = {2, 2}, y_shape[1] = {2};
  tarn_tensor x{"x", TARN_F32, TARN_INPUT, 2, 0, x_shape, 0, 16, 0},
      y{"y", TARN_I32, TARN_INPUT, 1, 0, y_shape, 0, 8, 0};
  std::vector<Categories> categories{2};

  Csv() { config.inputs = {{"x", "cols", "", "", 0, 2, {}, 0}, {"y", "cols", "", "", 2, 3, {}, 3}}; }
  std::string read(const std::string& text) {
    Result<CsvData> data = read_csv(scratch.write("f.csv", text), config, {&x, &y}, 2, categories);
    if (!data) return data.error().message;
    rows = data->rows;
    values.resize(data->inputs[0].size() / 4);
    memcpy(values.data(), data->inputs[0].data(), data->inputs[0].size());
    labels.resize(data->inputs[1].size() / 4);
    memcpy(labels.data(), data->inputs[1].data(), data->inputs[1].size());
    return "";
  }
  int64_t rows = 0;
  std::vector<float> values;
  std::vector<int32_t> labels;
};

TEST_CASE_FIXTURE(Csv, "plain numbers and whole-number classes") {
  CHECK(read("1,2,0\n3.5,-4e1,2\n") == "");
  CHECK(rows == 2);
  CHECK(values == std::vector<float>{1, 2, 3.5, -40});
  CHECK(labels == std::vector<int32_t>{0, 2});
}

TEST_CASE_FIXTURE(Csv, "text classes are numbered in lexicographic order") {
  CHECK(read("1,2,dog\n3,4,cat\n5,6,\"dog\"\n7,8,ant\n") == "");
  CHECK(labels == std::vector<int32_t>{2, 1, 2, 0});
  CHECK(categories[1].names == std::vector<std::string>{"ant", "cat", "dog"});
}

TEST_CASE_FIXTURE(Csv, "a later file follows the first one's numbering") {
  CHECK(read("1,2,dog\n3,4,cat\n5,6,eel\n") == "");
  CHECK(read("1,2,eel\n") == "");
  CHECK(labels == std::vector<int32_t>{2});
  CHECK(contains(read("1,2,cat\n1,2,dig\n"),
                 "f.csv:2: class `dig` does not occur in the training data; did you mean `dog`?"));
}

TEST_CASE_FIXTURE(Csv, "whole numbers that are no codes: exactly as many as classes are numbered by value") {
  CHECK(read("1,2,10\n3,4,9\n5,6,8\n") == "");
  CHECK(labels == std::vector<int32_t>{2, 1, 0});
  Csv other;
  CHECK(contains(other.read("1,2,0\n3,4,7\n"), "f.csv:2: column 2: label 7 is not one of the 3 classes 0..2"));
}

TEST_CASE_FIXTURE(Csv, "more classes than the type has are named, with the type that fits") {
  CHECK(contains(read("1,2,a\n3,4,b\n5,6,c\n7,8,d\n"),
                 "has 4 different classes, more than the 3 of input `y`: a, b, c, d; with `class[4]` they are numbered "
                 "0..3"));
  Csv two;
  two.config.inputs[1].classes = 2;
  CHECK(contains(two.read("1,2,1\n3,4,2\n5,6,3\n"),
                 "has 3 different classes, more than the 2 of input `y`: 1, 2, 3; with `class[3]` they are numbered "
                 "0..2; the first that is no class number is 2 in line 2"));
}

TEST_CASE_FIXTURE(Csv, "a class may be called NA, in quotes") {
  CHECK(read("1,2,\"NA\"\n3,4,EU\n5,6,\"null\"\n") == "");
  CHECK(categories[1].names == std::vector<std::string>{"EU", "NA", "null"});
  CHECK(contains(Csv().read("1,2,NA\n3,4,EU\n5,6,US\n"), "missing cells"));
  CHECK(contains(Csv().read("1,2,\"\"\n3,4,EU\n5,6,US\n"), "missing cells"));
  CHECK(contains(Csv().read("1,\"NA\",EU\n"), "missing cells"));
}

TEST_CASE_FIXTURE(Csv, "lines end with LF, CR LF or CR, also at the edge of a block") {
  for (std::string end : {"\n", "\r\n", "\r"}) {
    CAPTURE(end.size());
    std::string text = "a,b,kind" + end;
    // More than a block of 64 KiB, so that its edge falls between CR and LF somewhere.
    for (int row = 0; row < 30000; ++row) text += std::to_string(row % 7) + ",2," + std::to_string(row % 3) + end;
    CHECK(read(text + "1,\"2\",\"0\"" + end + end) == "");
    CHECK(rows == 30001);
    CHECK(values[2 * 29999] == 29999 % 7);
    CHECK(contains(read("1,2,0" + end + end + "1,x,0" + end), "f.csv:3: column 1: `x` is not a number"));
  }
}

TEST_CASE_FIXTURE(Csv, "headers are noticed, with any separator, byte-order mark, line end and quotes") {
  CHECK(read("\xEF\xBB\xBF"
             "a,b,kind\r\n1,2,x\r\n\r\n3,4,y\r\n\r\n") == "");
  CHECK(values == std::vector<float>{1, 2, 3, 4});
  Csv tabs, semicolons;
  CHECK(tabs.read("a\tb\tkind\n1\t2\tx\n") == "");
  CHECK(semicolons.read("\"a,1\";\"b\";\"k\"\"ind\"\n1;2;\"x; y\"\n 3 ; 4 ;z") == "");
  CHECK(semicolons.categories[1].names == std::vector<std::string>{"x; y", "z"});
  CHECK(semicolons.rows == 2);
}

TEST_CASE_FIXTURE(Csv, "columns by name") {
  config.inputs[0].names = {"b", "a"};
  CHECK(read("a,b,kind\n1,2,x\n") == "");
  CHECK(values == std::vector<float>{2, 1});
  Csv other;
  other.config.inputs[0].names = {"sepal length", "a"};
  CHECK(contains(other.read("a,sepal_length,kind\n1,2,x\n"),
                 "no column is named `sepal length`; did you mean `sepal_length`?"));
}

TEST_CASE_FIXTURE(Csv, "missing cells are counted by column") {
  std::string error = read("a,b,kind\n1,,x\n?,2,x\n3,NA,\n");
  CHECK(contains(error,
                 "missing cells (empty, ?, NA): column `a`: 1 (first in line 3); column `b`: 2 (first in line 2); "
                 "column `kind`: 1 (first in line 4)"));
}

TEST_CASE_FIXTURE(Csv, "malformed files name the line") {
  CHECK(contains(read("1,2,0\n\n3,4\n"), "f.csv:3: 2 cells, expected 3 as in line 1"));
  CHECK(contains(read("1,2,0\n3,four,1\n"), "f.csv:2: column 1: `four` is not a number"));
  CHECK(contains(read("1,2,0\n3,1e999,1\n"), "f.csv:2: column 1: `1e999` is not a number"));
  CHECK(contains(read("1,2,0\n3,1e99,1\n"), "1e99 does not fit into f32"));
  CHECK(contains(read("1,2\n3,4\n"), "has 2 columns (0..1), but input `y` takes column 2"));
  CHECK(contains(read(""), "is empty"));
  CHECK(contains(read("\n\n"), "is empty"));
  CHECK(contains(read("a,b,c\n"), "has a header but no rows"));
  CHECK(contains(read("1,2,\"open\n3,4,x\n"), "ends inside a quoted cell"));
  CHECK(contains(read("1,2,\"a\"b\n"), "text after a closing quote"));
  CHECK(contains(read(std::string("1,2\0,0\n", 8)), "NUL byte"));
  CHECK(contains(read("1,2,\"" + std::string(17 << 20, 'x')), "longer than 16 MiB"));
  config.inputs[0].last = 3;
  CHECK(contains(read("1,2,0\n"), "input `x` takes 2 values a row, but 3 columns are given"));
}

TEST_CASE_FIXTURE(Csv, "no truncation crashes") {
  std::string text = "a,\"b\",kind\n1,2,\"x\"\n3,4,y\n", packed = gzip(text);
  for (size_t size = 0; size <= text.size(); ++size) {
    categories.assign(2, {});
    read(text.substr(0, size));
  }
  for (size_t size = 0; size < packed.size(); ++size) {
    categories.assign(2, {});
    std::string error = read(packed.substr(0, size));
    CHECK(error != "");
  }
  categories.assign(2, {});
  CHECK(read(packed) == "");
}
