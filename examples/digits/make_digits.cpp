// Draws a data set of digits: strokes of ten glyphs, each bent, slanted, shifted and soiled in its own way, written as
// the four IDX files of MNIST.  The same arguments make the same bytes: every random number is a hash of (seed, image,
// use).
//
//   make_digits DIR [--train 8000] [--test 2000] [--seed 1]
#include <sys/stat.h>

#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

static constexpr int kSide = 28;  // pixels

struct Point {
  double x, y;  // in the unit square, y downwards
};
using Stroke = std::vector<Point>;

// Numbers in 0..1, each a hash of where it is used.  Source of the mixer: splitmix64, https://prng.di.unimi.it
class Dice {
 public:
  Dice(uint64_t seed, uint64_t image) : key_(mix(mix(seed + 0x9E3779B97F4A7C15) + image)) {}
  double roll() { return static_cast<double>(mix(key_ + 0x9E3779B97F4A7C15 * ++uses_) >> 11) * 0x1p-53; }
  double between(double low, double high) { return low + (high - low) * roll(); }
  // About normal: the sum of four uniform numbers, scaled to the deviation.
  double around(double deviation) {
    double sum = -2;
    for (int i = 0; i < 4; ++i) sum += roll();
    return sum * deviation * std::sqrt(3.0);
  }
  int pick(int count) { return static_cast<int>(roll() * count); }

 private:
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  uint64_t key_;
  uint64_t uses_ = 0;
};

// Part of an ellipse, angles in turns, 0 to the right, 0.25 downwards.
static void add_arc(Stroke& stroke, Point centre, double rx, double ry, double from, double to) {
  int steps = 2 + static_cast<int>(std::fabs(to - from) * 20);
  for (int i = 0; i <= steps; ++i) {
    double angle = 2 * M_PI * (from + (to - from) * i / steps);
    stroke.push_back({centre.x + rx * std::cos(angle), centre.y + ry * std::sin(angle)});
  }
}

static std::vector<Stroke> glyph(int digit, Dice& dice) {
  Stroke a, b;
  switch (digit) {
    case 0:
      add_arc(a, {0.5, 0.5}, dice.between(0.2, 0.32), 0.42, -0.25, 0.75 + dice.between(-0.05, 0.05));
      break;
    case 1:
      if (dice.pick(2) == 0)
        a = {{0.34, 0.26}, {0.52, 0.08}};
      else
        a = {{0.52, 0.08}};
      a.push_back({0.52, 0.92});
      if (dice.pick(4) == 0) b = {{0.36, 0.92}, {0.68, 0.92}};
      break;
    case 2:
      add_arc(a, {0.5, 0.32}, 0.26, 0.24, -0.5, 0.08);
      a.push_back({0.26, 0.9});
      a.push_back({0.78, 0.9});
      break;
    case 3:
      add_arc(a, {0.48, 0.29}, 0.24, 0.21, -0.42, 0.25);
      add_arc(a, {0.48, 0.71}, 0.27, 0.21, -0.25, 0.42);
      break;
    case 4:
      if (dice.pick(2) == 0) {
        a = {{0.6, 0.08}, {0.22, 0.62}, {0.82, 0.62}};
        b = {{0.62, 0.4}, {0.62, 0.94}};
      } else {
        a = {{0.28, 0.1}, {0.26, 0.52}, {0.76, 0.52}};
        b = {{0.7, 0.1}, {0.68, 0.94}};
      }
      break;
    case 5:
      a = {{0.74, 0.1}, {0.34, 0.1}, {0.3, 0.46}};
      add_arc(a, {0.48, 0.66}, 0.26, 0.24, -0.33, 0.4);
      break;
    case 6:
      a = {{0.66, 0.08}, {0.4, 0.3}};
      add_arc(a, {0.5, 0.68}, 0.25, 0.23, -0.55, 0.5);
      break;
    case 7:
      a = {{0.22, 0.12}, {0.78, 0.12}, {0.42, 0.92}};
      if (dice.pick(3) == 0) b = {{0.36, 0.5}, {0.72, 0.5}};
      break;
    case 8:
      add_arc(a, {0.5, 0.29}, 0.2, 0.2, 0.25, 1.25);
      add_arc(a, {0.5, 0.71}, 0.25, 0.21, -0.25, 0.75);
      break;
    default:
      add_arc(a, {0.5, 0.32}, 0.24, 0.23, 0.1, 1.0);
      a.push_back({0.7, 0.6});
      a.push_back({dice.between(0.42, 0.68), 0.93});
      break;
  }
  std::vector<Stroke> strokes = {a};
  if (!b.empty()) strokes.push_back(b);
  return strokes;
}

// Bends the glyph by a smooth wave, then slants, turns, stretches and shifts it; the result is in pixels.
static void deform(std::vector<Stroke>& strokes, Dice& dice) {
  double wave_x = dice.around(0.045), wave_y = dice.around(0.045);
  double phase_x = dice.between(0, 6.3), phase_y = dice.between(0, 6.3), pitch = dice.between(4, 9);
  double angle = dice.around(0.12), slant = dice.around(0.16);
  double wide = 18.5 * dice.between(0.72, 1.12), high = 20.5 * dice.between(0.75, 1.08);
  double shift_x = dice.around(0.9), shift_y = dice.around(0.9);
  double cosine = std::cos(angle), sine = std::sin(angle);
  for (Stroke& stroke : strokes) {
    for (Point& p : stroke) {
      double x = p.x - 0.5 + wave_x * std::sin(pitch * p.y + phase_x) + dice.around(0.012);
      double y = p.y - 0.5 + wave_y * std::sin(pitch * p.x + phase_y) + dice.around(0.012);
      x = (x - slant * y) * wide;
      y *= high;
      p = {kSide / 2.0 + cosine * x - sine * y + shift_x, kSide / 2.0 + sine * x + cosine * y + shift_y};
    }
  }
}

static double squared_distance(Point p, Point a, Point b) {
  double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  double t = length2 > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length2 : 0;
  t = std::fmin(std::fmax(t, 0), 1);
  double x = p.x - a.x - t * dx, y = p.y - a.y - t * dy;
  return x * x + y * y;
}

// image: kSide x kSide bytes, 0 = paper.
static void draw(int digit, Dice& dice, unsigned char* image) {
  std::vector<Stroke> strokes = glyph(digit, dice);
  deform(strokes, dice);
  double half_width = dice.between(0.55, 1.5), ink = dice.between(150, 255), grain = dice.between(4, 20);
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      Point centre{column + 0.5, row + 0.5};
      double nearest = 1e9;
      for (const Stroke& stroke : strokes)
        for (size_t i = 1; i < stroke.size(); ++i)
          nearest = std::fmin(nearest, squared_distance(centre, stroke[i - 1], stroke[i]));
      double cover = std::fmin(std::fmax(half_width + 0.5 - std::sqrt(nearest), 0), 1);  // one pixel of soft edge
      double value = ink * cover + dice.around(grain);
      image[row * kSide + column] = static_cast<unsigned char>(std::fmin(std::fmax(value, 0), 255));
    }
  }
  // Specks of dirt: a few pixels that have nothing to do with the digit.
  for (int speck = dice.pick(6); speck > 0; --speck)
    image[dice.pick(kSide * kSide)] = static_cast<unsigned char>(dice.between(60, 255));
}

static void put_number(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}

// Under another name first, so that a file that is there is whole.
static bool write_file(const std::string& path, const std::string& bytes) {
  std::string temporary = path + ".tmp";
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  bool good = file != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  if (file != nullptr && std::fclose(file) != 0) good = false;
  if (good && std::rename(temporary.c_str(), path.c_str()) == 0) return true;
  std::fprintf(stderr, "make_digits: error: %s: %s\n", path.c_str(), std::strerror(errno));
  std::remove(temporary.c_str());
  return false;
}

// Image n of a set is image n of any larger set of that seed.
static bool make_set(const std::string& prefix, uint32_t count, uint64_t seed) {
  std::string images, labels;
  put_number(images, 0x803);
  for (uint32_t number : {count, uint32_t{kSide}, uint32_t{kSide}}) put_number(images, number);
  put_number(labels, 0x801);
  put_number(labels, count);
  std::vector<unsigned char> image(kSide * kSide);
  for (uint32_t i = 0; i < count; ++i) {
    Dice dice(seed, i);
    int digit = dice.pick(10);
    draw(digit, dice, image.data());
    images.append(reinterpret_cast<const char*>(image.data()), image.size());
    labels += static_cast<char>(digit);
  }
  return write_file(prefix + "-images-idx3-ubyte", images) && write_file(prefix + "-labels-idx1-ubyte", labels);
}

static bool has_size(const std::string& path, long long size) {
  struct stat facts = {};
  return stat(path.c_str(), &facts) == 0 && facts.st_size == size;
}

static bool is_there(const std::string& prefix, uint32_t count) {
  return has_size(prefix + "-images-idx3-ubyte", 16LL + count * static_cast<long long>(kSide * kSide)) &&
         has_size(prefix + "-labels-idx1-ubyte", 8LL + count);
}

static int usage() {
  std::fputs("usage: make_digits DIR [--train 8000] [--test 2000] [--seed 1]\n", stderr);
  return 2;
}

int main(int argc, char** argv) {
  std::string directory;
  uint64_t numbers[3] = {8000, 2000, 1};  // train, test, seed
  static const char* const kFlags[] = {"--train", "--test", "--seed"};
  for (int i = 1; i < argc; ++i) {
    int flag = 0;
    while (flag < 3 && std::strcmp(argv[i], kFlags[flag]) != 0) ++flag;
    if (flag < 3) {
      char* end = nullptr;
      if (++i == argc) return usage();
      numbers[flag] = std::strtoull(argv[i], &end, 10);
      if (*argv[i] == 0 || *end != 0 || (flag < 2 && (numbers[flag] < 1 || numbers[flag] > 10000000))) return usage();
    } else if (argv[i][0] != '-' && directory.empty()) {
      directory = argv[i];
    } else {
      return usage();
    }
  }
  if (directory.empty()) return usage();
  auto train = static_cast<uint32_t>(numbers[0]), test = static_cast<uint32_t>(numbers[1]);
  if (is_there(directory + "/train", train) && is_there(directory + "/t10k", test)) {
    std::printf("%s: %u + %u images are there already\n", directory.c_str(), train, test);
    return 0;
  }
  if (mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST) {
    std::fprintf(stderr, "make_digits: error: %s: %s\n", directory.c_str(), std::strerror(errno));
    return 1;
  }
  // The test images have a stream of their own.
  if (!make_set(directory + "/train", train, 2 * numbers[2]) ||
      !make_set(directory + "/t10k", test, 2 * numbers[2] + 1))
    return 1;
  std::printf("%s: %u images to train on, %u to test\n", directory.c_str(), train, test);
  return 0;
}
