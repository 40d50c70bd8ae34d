// Philox4x32-10, the counter-based random generator behind every draw that a program makes.
//
// Version 1 of the contract, which checkpoints and repeatable runs rely on: a change of any line below is a new
// version.
//   key     = (seed mod 2^32, seed >> 32)
//   counter = (row-major element index, stream, step mod 2^32, step >> 32)
//   uniform = (word 0 of the output >> 8) * 2^-24, in [0, 1)
// `stream` is the 32-bit hash that the front end makes of the parameter's or layer's path.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>

namespace tarn {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

inline constexpr uint32_t kPhiloxMultiplier0 = 0xD2511F53;
inline constexpr uint32_t kPhiloxMultiplier1 = 0xCD9E8D57;
inline constexpr uint32_t kPhiloxWeyl0 = 0x9E3779B9;  // golden ratio
inline constexpr uint32_t kPhiloxWeyl1 = 0xBB67AE85;  // sqrt(3) - 1
inline constexpr int kPhiloxRounds = 10;

PhiloxCounter philox4x32_10(PhiloxCounter counter, PhiloxKey key);

// One draw in [0, 1), exact in f32, as defined above.
double philox_uniform(uint64_t seed, uint64_t step, uint32_t stream, uint32_t element);

}  // namespace tarn
