// Counter-based randomness: (seed, stream, index) -> bits, so that any order of use gives the same numbers.
// Philox4x32-10.  Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>
#include <numeric>
#include <vector>

namespace tarn::runtime {

// What a number is for; part of the counter.  Values are part of the format of checkpoints: never renumber.
enum class Stream : uint32_t { Shuffle = 0x74610001, Split = 0x74610002 };

inline std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t{0xD2511F53} * counter[0], b = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return counter;
}

inline uint64_t random_bits(uint64_t seed, Stream stream, uint32_t epoch, uint32_t index) {
  auto bits = philox({index, 0, epoch, static_cast<uint32_t>(stream)},
                     {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return bits[0] | uint64_t{bits[1]} << 32;
}

// Puts 0..rows.size()-1 into `rows` in random order (Fisher-Yates).  The bias of the multiply-shift draw is below
// 2^-32 for any size that fits uint32_t.
inline void permute(std::vector<uint32_t>& rows, uint64_t seed, Stream stream, uint32_t epoch) {
  std::iota(rows.begin(), rows.end(), 0u);
  for (size_t i = rows.size(); i > 1; --i) {
    uint64_t bits = random_bits(seed, stream, epoch, static_cast<uint32_t>(i - 1));
    __extension__ using Wide = unsigned __int128;
    std::swap(rows[i - 1], rows[static_cast<size_t>((Wide{bits} * i) >> 64)]);
  }
}

}  // namespace tarn::runtime
