// Philox4x32-10 in plain integers.
#include "ir/philox.h"

namespace tarn {

PhiloxCounter philox4x32_10(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < kPhiloxRounds; ++round) {
    uint64_t product0 = uint64_t{kPhiloxMultiplier0} * counter[0];
    uint64_t product1 = uint64_t{kPhiloxMultiplier1} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += kPhiloxWeyl0;
    key[1] += kPhiloxWeyl1;
  }
  return counter;
}

double philox_uniform(uint64_t seed, uint64_t step, uint32_t stream, uint32_t element) {
  PhiloxCounter counter = {element, stream, static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32)};
  PhiloxKey key = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  return (philox4x32_10(counter, key)[0] >> 8) * 0x1p-24;
}

}  // namespace tarn
