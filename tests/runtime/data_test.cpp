// Data sets as a program loads them: files found, splits, batches.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "data/data.h"
#include "fake_program.h"
#include "support.h"
#include "test_model.h"

using namespace tarn::runtime;

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct IdxData {
  Scratch scratch;
  Model model = make_model(fake_idx_program);
  DataConfig config = *parse_config(fake_idx_program.config)->data;
  std::string load(Want want = Want::All) {
    Result<DataSets> loaded = load_data(config, model, scratch.directory(), want);
    if (!loaded) return loaded.error().message;
    sets = std::move(*loaded);
    return "";
  }
  DataSets sets;
};

TEST_CASE_FIXTURE(IdxData, "train, valid and test, whatever the files are called") {
  write_idx_data(scratch, 50, 20);
  CHECK(load() == "");
  CHECK(sets.train.size() == 40);
  CHECK(sets.valid.size() == 10);
  CHECK(sets.test.size() == 20);
  std::set<uint32_t> all(sets.train.rows.begin(), sets.train.rows.end());
  all.insert(sets.valid.rows.begin(), sets.valid.rows.end());
  CHECK(all.size() == 50);
  CHECK(std::is_sorted(sets.valid.rows.begin(), sets.valid.rows.end()));
  std::vector<uint32_t> valid = sets.valid.rows;
  CHECK(load() == "");
  CHECK(sets.valid.rows == valid);
  CHECK(load(Want::TestOnly) == "");
  CHECK(sets.tables.size() == 1);
}

TEST_CASE_FIXTURE(IdxData, "a plain file is preferred to its .gz; a .gz alone will do") {
  write_idx_data(scratch, 50, 20);
  scratch.write("train-images-idx3-ubyte.gz", "rubbish");
  CHECK(load() == "");
  std::string labels = scratch.read("t10k-labels-idx1-ubyte");
  std::remove(scratch.path("t10k-labels-idx1-ubyte").c_str());
  scratch.write("t10k-labels-idx1-ubyte.gz", gzip(labels));
  CHECK(load() == "");
}

TEST_CASE_FIXTURE(IdxData, "what is missing or does not match is named") {
  CHECK(contains(load(), "no file fits `train-*` (the directory is empty)"));
  scratch.write("readme", "x");
  CHECK(contains(load(), "no file fits `train-*` (there are: readme)"));
  scratch.write("train-images", idx_bytes({2, 4, 4}, std::string(32, 'x')));
  CHECK(contains(load(), "no IDX file of labels (rank 1) fits the pattern"));
  scratch.write("train-labels", idx_bytes({3}, std::string(3, '\0')));
  CHECK(contains(load(), "train-labels has 3 rows, but "));
  scratch.write("train-labels", idx_bytes({2}, std::string("\0\3", 2)));
  CHECK(contains(load(), "train-labels: row 1: label 3 is not one of the 3 classes 0..2"));
  scratch.write("train-images", idx_bytes({2, 5, 4}, std::string(40, 'x')));
  CHECK(contains(load(), "a row is [5,4] (20 values), but input `x` takes [4,4] (16)"));
  scratch.write("train-other", idx_bytes({2, 5, 4}, std::string(40, 'x')));
  CHECK(contains(load(), "two files of images fit `train-*`"));
  CHECK(contains(load_data(config, model, scratch.path("none"), Want::All).error().message, "no such directory"));
}

TEST_CASE_FIXTURE(IdxData, "a fraction that leaves nothing is an error") {
  write_idx_data(scratch, 4, 8);
  CHECK(contains(load(), "valid = 0.2 of 4 rows leaves it empty"));
}

TEST_CASE_FIXTURE(IdxData, "a batch holds the rows asked for; the rest are copies") {
  write_idx_data(scratch, 50, 20);
  REQUIRE(load() == "");
  std::vector<uint32_t> order(40);
  for (uint32_t i = 0; i < 40; ++i) order[i] = sets.train.rows[39 - i];
  fill_batch(model, *sets.train.table, order.data(), 35, 3);
  const Table::Column& images = sets.train.table->columns[0];
  std::vector<unsigned char> x = values_of<unsigned char>(model, *model.inputs()[0]);
  for (int64_t row = 0; row < 8; ++row) {
    uint32_t source = order[static_cast<size_t>(35 + row % 3)];
    CHECK(std::equal(x.data() + row * 16, x.data() + row * 16 + 16, images.row(source)));
  }
}

TEST_CASE("csv as a directory or a file; splits of a sorted file hold every class") {
  Scratch scratch;
  Model model = make_model(fake_csv_program);
  DataConfig config = *parse_config(fake_csv_program.config)->data;
  std::string sorted;
  for (int label = 0; label < 3; ++label)
    for (int row = 0; row < 50; ++row)
      sorted += "1,2,3," + std::to_string(row) + ",class" + std::to_string(label) + "\n";
  scratch.write("iris.csv", sorted);
  for (const std::string& place : {scratch.directory(), scratch.path("iris.csv")}) {
    Result<DataSets> sets = load_data(config, model, place, Want::All);
    REQUIRE(sets);
    CHECK(sets->train.size() == 90);
    CHECK(sets->valid.size() == 30);
    CHECK(sets->test.size() == 30);
    CHECK(sets->notes[0] == "y: 0 = class0, 1 = class1, 2 = class2");
    for (int label = 0; label < 3; ++label) {
      auto in_class = [&](uint32_t row) { return static_cast<int>(row) / 50 == label; };
      CHECK(std::count_if(sets->valid.rows.begin(), sets->valid.rows.end(), in_class) >= 4);
      CHECK(std::count_if(sets->test.rows.begin(), sets->test.rows.end(), in_class) >= 4);
    }
  }
}

TEST_CASE_FIXTURE(IdxData, "an input that no data feed is an error") {
  write_idx_data(scratch, 50, 20);
  config.inputs.pop_back();
  CHECK(load() == "input `y` is fed by no data of the program's config");
}

TEST_CASE("npy data, one file per input") {
  Scratch scratch;
  Model model = make_model(fake_csv_program);
  DataConfig config;
  config.format = DataFormat::Npy;
  config.inputs = {{"x", "x.npy", "", "", 0, 0, {}, 0}, {"y", "y.npy", "", "", 0, 0, {}, 3}};
  std::string doubles(8 * 4 * 5, '\0');
  scratch.write("x.npy", npy_bytes("<f8", "(5, 4)", doubles));
  scratch.write("y.npy", npy_bytes("|u1", "(5,)", std::string("\0\1\2\0\1", 5)));
  Result<DataSets> sets = load_data(config, model, scratch.directory(), Want::All);
  REQUIRE(sets);
  CHECK(sets->train.size() == 5);
  CHECK(sets->train.table->columns[0].row_bytes == 16);
  config.test.pattern = "x";
  CHECK(contains(load_data(config, model, scratch.directory(), Want::All).error().message,
                 "names no test file for input `x`"));
}

TEST_CASE("classes that do not occur are told") {
  Scratch scratch;
  Model model = make_model(fake_csv_program);
  DataConfig config = *parse_config(fake_csv_program.config)->data;
  for (const char* names : {"ab", "02"}) {
    std::string text;
    for (int row = 0; row < 20; ++row) text += std::string("1,2,3,4,") + names[row % 2] + "\n";
    scratch.write("iris.csv", text);
    Result<DataSets> sets = load_data(config, model, scratch.directory(), Want::All);
    REQUIRE(sets);
    CHECK(sets->notes[0] == "y: only 2 of its 3 classes occur in the training file");
  }
}

TEST_CASE("a name with directories is looked up there, one from the root as it is") {
  Scratch scratch, elsewhere;
  Model model = make_model(fake_csv_program);
  DataConfig config = *parse_config(fake_csv_program.config)->data;
  REQUIRE(mkdir(scratch.path("below").c_str(), 0777) == 0);
  scratch.write("below/iris.csv", csv_data(30));
  elsewhere.write("iris.csv", csv_data(60));
  config.train = "below/iris.csv";
  CHECK(load_data(config, model, scratch.directory(), Want::All)->tables[0]->rows == 30);
  config.train = elsewhere.path("i*.csv");
  CHECK(load_data(config, model, scratch.directory(), Want::All)->tables[0]->rows == 60);
  CHECK(data_files(config, scratch.directory()) == std::vector<std::string>{elsewhere.path("iris.csv")});
  config.train = elsewhere.path("none.csv");
  CHECK(contains(load_data(config, model, scratch.directory(), Want::All).error().message,
                 elsewhere.directory() + "/: no file fits `none.csv` (there are: iris.csv)"));
}

// x and y of fake_csv from a file with holes: columns 0..3 and a class.
struct HoleData {
  Scratch scratch;
  Model model = make_model(fake_csv_program);
  DataConfig config = *parse_config(fake_csv_program.config)->data;
  DataSets sets;
  std::string load(MissingConfig missing, const std::string& extra = "") {
    std::string text;
    for (int row = 0; row < 30; ++row) {
      std::string number = std::to_string(row);
      text += number + "," + (row % 3 == 1 ? "" : number) + ",?,1,ab" + "cde"[row % 3] + "\n";
      if (row < 3) text.replace(text.find('?'), 1, "7");
    }
    scratch.write("iris.csv", text + extra);
    config.missing = missing;
    Result<DataSets> loaded = load_data(config, model, scratch.directory(), Want::All);
    if (!loaded) return loaded.error().message;
    sets = std::move(*loaded);
    return "";
  }
  float value(uint32_t row, size_t column) const {
    return reinterpret_cast<const float*>(sets.tables[0]->columns[0].row(row))[column];
  }
};

using How = MissingConfig::How;

TEST_CASE_FIXTURE(HoleData, "missing cells are an error that says what to do") {
  std::string message = load({});
  CHECK(contains(message, "column 1: 10 (first in line 2)"));
  CHECK(contains(message, "`missing = \"mean\"` in the data block fills them"));
  CHECK(contains(load({How::Mean, 0}, "1,2,3,1,?\n"), "a class cannot be filled in"));
}

TEST_CASE_FIXTURE(HoleData, "missing cells become the mean or median of the training rows") {
  for (How how : {How::Mean, How::Median}) {
    CHECK(load({how, 0}) == "");
    std::vector<float> known;
    for (uint32_t row : sets.train.rows)
      if (row % 3 != 1) known.push_back(static_cast<float>(row));
    std::sort(known.begin(), known.end());
    double sum = 0;
    for (float each : known) sum += static_cast<double>(each);
    double mean = sum / static_cast<double>(known.size());
    double median = (known[known.size() / 2] + known[(known.size() - 1) / 2]) / 2.0;
    for (uint32_t row = 0; row < 30; ++row) {
      double wanted = row % 3 != 1 ? row : how == How::Mean ? mean : median;
      CHECK(static_cast<double>(value(row, 1)) == doctest::Approx(wanted));
      CHECK(static_cast<double>(value(row, 0)) == row);
    }
    CHECK(value(29, 2) == 7);
    CHECK(contains(sets.notes[0], "column 1: 10 missing cells filled with the "));
  }
}

TEST_CASE_FIXTURE(HoleData, "missing cells become a number, or their rows are left out") {
  CHECK(load({How::Value, -2.5}) == "");
  CHECK(value(1, 1) == -2.5f);
  CHECK(value(0, 1) == 0);
  CHECK(load({How::Drop, 0}, "1,2,3,1,abc\n1,2,3,1,abd\n1,2,3,1,abe\n2,2,3,1,abe\n2,2,3,1,abe\n") == "");
  CHECK(sets.tables[0]->rows == 7);
  CHECK(contains(sets.notes[0], "left out 28 rows with missing cells"));
}
