// Known answers of Philox4x32-10, and the use that random_uniform makes of it.
#include <doctest/doctest.h>

#include "ir/philox.h"

namespace tarn {

// Source: Random123 1.14, tests/kat_vectors, lines "philox4x32 10".
TEST_CASE("Philox4x32-10 gives the known answers of its authors") {
  CHECK(philox4x32_10({0, 0, 0, 0}, {0, 0}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr uint32_t kOnes = 0xffffffff;
  CHECK(philox4x32_10({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) ==
        PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a draw is the top 24 bits of the first word, and depends on all of seed, step, stream and element") {
  CHECK(philox_uniform(0, 0, 0, 0) == 0x6627e8 * 0x1p-24);
  double draw = philox_uniform(1, 2, 3, 4);
  CHECK(draw != philox_uniform(1 + (uint64_t{1} << 32), 2, 3, 4));
  CHECK(draw != philox_uniform(1, 2 + (uint64_t{1} << 32), 3, 4));
  CHECK(draw != philox_uniform(1, 2, 4, 4));
  CHECK(draw != philox_uniform(1, 2, 3, 5));
}

TEST_CASE("draws are uniform: mean and variance of 100,000 within 5 standard errors") {
  constexpr int kCount = 100000;
  double sum = 0, squares = 0;
  for (uint32_t i = 0; i < kCount; ++i) {
    double draw = philox_uniform(42, 0, 7, i);
    CHECK_UNARY(draw >= 0 && draw < 1);
    sum += draw;
    squares += draw * draw;
  }
  double mean = sum / kCount, variance = squares / kCount - mean * mean;
  CHECK(mean == doctest::Approx(0.5).epsilon(5 * 0.2887 / 316.2 / 0.5));
  CHECK(variance == doctest::Approx(1.0 / 12).epsilon(0.014));  // 5 sqrt(1/180 / n) / (1/12)
}

}  // namespace tarn
