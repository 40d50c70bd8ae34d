// Large products: f32 by multiply-adds, tf32 and bf16 by wgmma.  Chosen results are checked in f64.
#include <cstdio>

#include "driver.h"
#include "harness.h"
#include "numbers.h"

static const unsigned kSizes[] = {1024, 2048, 4096};

// The largest error at places spread over the product, relative to the root of the sum of squares of its terms.
template <class A, class B, class C>
static double error_at_places(unsigned size, A a_at, B b_at, C c_at) {
  double largest = 0;
  for (unsigned place = 0; place < 500; place++) {
    const size_t i = size_t(place) * 7919 % size, j = size_t(place) * 104729 % size;
    double sum = 0, squares = 0;
    for (size_t k = 0; k < size; k++) {
      const double term = double(a_at(i, k)) * b_at(k, j);
      sum += term;
      squares += term * term;
    }
    const double error = std::fabs(c_at(i, j) - sum) / std::sqrt(squares);
    if (!(error <= largest)) largest = std::isnan(error) ? INFINITY : error;
  }
  return largest;
}
static void report_rate(const std::string& what, unsigned size, double seconds) {
  report("| %s | %u | %.1f | %.1f |", what.c_str(), size, seconds * 1e6, 2.0 * size * size * size / seconds / 1e12);
}
// Of ten in a row.
static double time_of(const std::function<void()>& work) {
  return median_device_seconds([&] {
           for (int i = 0; i < 10; i++) work();
         }) /
         10;
}

CHECK(sgemm, "f32 by multiply-adds, tiles of 128 x 128 x 16") {
  report("| | size | us | TFLOP/s |");
  report("|---|---|---|---|");
  for (unsigned size : kSizes) {
    const size_t count = size_t(size) * size;
    const auto a = random_numbers(count, 1), b = random_numbers(count, 2);
    DeviceArray<float> da(a), db(b), c(count), bias(std::vector<float>(size, 0.0f)), m(count), v(count), w(count);
    for (const char* compiler : {"llvm", "nvcc"})
      for (bool adam : {false, true}) {
        const Module module((adam ? "sgemm_adam_" : "sgemm_") + std::to_string(size) + "." + compiler + ".cubin");
        m.fill_bytes(0), v.fill_bytes(0), w.fill_bytes(0), c.fill_bytes(0xff);
        const CUfunction function = module.function("sgemm");
        const auto run = [&] {
          launch(function, {.blocks = size / 128, .threads = 256, .blocks_y = size / 128}, da.address, db.address,
                 c.address, bias.address, m.address, v.address, w.address);
        };
        run();
        synchronize();
        const auto is = c.read();
        const double error = error_at_places(
            size, [&](size_t i, size_t k) { return a[i * size + k]; },
            [&](size_t k, size_t j) { return b[k * size + j]; },
            [&](size_t i, size_t j) { return is[i * size + j] + (adam && is[i * size + j] == 0 ? NAN : 0); });
        // relu leaves off the negative half, so that only the plain form is compared number by number.
        if (!adam) expect(error < 1e-4, "%s, %u: error %.3g", compiler, size, error);
        report_rate(std::string(compiler) + (adam ? ", Adam in the epilogue" : ""), size, time_of(run));
      }
  }
}

static CUtensorMap map_of(CUdeviceptr address, unsigned size, bool bf16, unsigned box_rows) {
  CUtensorMap map;
  const unsigned bytes = bf16 ? 2 : 4;
  const cuuint64_t sizes[] = {size, size}, stride = cuuint64_t(size) * bytes;
  const cuuint32_t box[] = {128 / bytes, box_rows}, ones[] = {1, 1};
  CU(cuTensorMapEncodeTiled(&map, bf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT32, 2,
                            reinterpret_cast<void*>(address), sizes, &stride, box, ones, CU_TENSOR_MAP_INTERLEAVE_NONE,
                            CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                            CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
  return map;
}

// `Number`: uint16_t for bf16, float for tf32.  B lies as [n, k].
template <class Number>
static void wgmma_products(bool bf16) {
  report("| | size | us | TFLOP/s |");
  report("|---|---|---|---|");
  const auto number = [&](float value) { return bf16 ? from_bf16(bf16_of(value)) : tf32_cut(value); };
  for (unsigned size : kSizes) {
    const size_t count = size_t(size) * size;
    const auto a = random_numbers(count, 3), b = random_numbers(count, 4);
    DeviceArray<Number> da(count), db(count), c(count);
    if constexpr (sizeof(Number) == 2)
      da.write(all_bf16(a)), db.write(all_bf16(b));
    else
      da.write(a), db.write(b);
    for (const char* compiler : {"llvm", "nvcc"})
      for (unsigned n : {128u, 256u}) {
        const Module module(std::string("products.") + compiler + ".cubin");
        const unsigned shared = (n == 256 ? 4 : 6) * (128 + n) * 128 + 1024;
        const CUfunction function =
            module.function((bf16 ? "product_bf16_" : "product_tf32_") + std::to_string(n), shared);
        const CUtensorMap map_a = map_of(da.address, size, bf16, 128), map_b = map_of(db.address, size, bf16, n);
        c.fill_bytes(0xff);
        const auto run = [&] {
          launch(function, {.blocks = size / 128 * (size / n), .threads = 384, .shared = shared}, map_a, map_b,
                 c.address, size, size, size);
        };
        run();
        synchronize();
        const auto is = c.read();
        const double error = error_at_places(
            size, [&](size_t i, size_t k) { return number(a[i * size + k]); },
            [&](size_t k, size_t j) { return number(b[j * size + k]); },
            [&](size_t i, size_t j) -> double {
              if constexpr (sizeof(Number) == 2)
                return from_bf16(is[i * size + j]);
              else
                return is[i * size + j];
            });
        // bf16 results are rounded to 8 bits, of sums up to 4 times their deviation.
        expect(error < (bf16 ? 2e-2 : 1e-3), "%s, %u, tile 128 x %u: error %.3g", compiler, size, n, error);
        report_rate(std::string(compiler) + ", tile 128 x " + std::to_string(n), size, time_of(run));
      }
  }
}
CHECK(wgmma_tf32, "tf32 by wgmma") {
  wgmma_products<float>(false);
}
CHECK(wgmma_bf16, "bf16 by wgmma") {
  wgmma_products<uint16_t>(true);
}

int main(int argc, char** argv) {
  return run_checks(argc, argv);
}
