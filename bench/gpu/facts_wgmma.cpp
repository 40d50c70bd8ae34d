// wgmma's shared-memory descriptors: images drawn by the host in each layout, and which strides the hardware reads.
#include <algorithm>
#include <cstdio>
#include <functional>

#include "driver.h"
#include "harness.h"
#include "numbers.h"

// Where element (row, k) of an operand lies in bytes; `row` counts along M or N.
using Place = std::function<size_t(int row, int k)>;

struct Layout {
  const char* name;
  uint64_t swizzle;          // bits 62 and 63 of the descriptor
  uint64_t leading, stride;  // byte offsets of bits 16.. and 32..
  uint64_t step;             // bytes from one k step (32 bytes of k) to the next
  Place place;
};

constexpr uint64_t kSwizzle128 = 1, kNoSwizzle = 0;  // 2: 64 bytes, 3: 32 bytes

static uint64_t descriptor(const Layout& layout, size_t start) {
  return layout.swizzle << 62 | (layout.stride / 16) << 32 | (layout.leading / 16) << 16 | start / 16;
}

// Rows of 128 bytes along k, their 16-byte pieces exchanged within groups of eight rows.
static Layout k_innermost(int size) {
  Place place = [=](int row, int k) {
    const size_t at = static_cast<size_t>(k) * size;
    return size_t(row) * 128 + ((at / 16) ^ (row % 8)) * 16 + at % 16;
  };
  return {"k innermost, swizzle 128", kSwizzle128, 16, 1024, 32, place};
}

// Pieces of 8 rows by 16 bytes, whole after one another: all of one k first.
static Layout k_innermost_plain(int rows, int size) {
  const size_t pieces = 16 / size;
  Place place = [=](int row, int k) {
    return (k / pieces * (rows / 8) + row / 8) * 128 + row % 8 * 16 + k % pieces * size;
  };
  const uint64_t leading = static_cast<uint64_t>(rows) / 8 * 128;
  return {"k innermost, no swizzle", kNoSwizzle, leading, 128, 2 * leading, place};
}

// bf16 with M or N innermost, as a weight [k, n] lies: atoms of 64 rows by 8 k, 1024 bytes, all k of one after one another.
static Layout row_innermost(int k_count, bool exchanged_roles) {
  const uint64_t next_k = 1024, next_rows = static_cast<uint64_t>(k_count) / 8 * 1024;
  Place place = [=](int row, int k) {
    const size_t piece = row % 64 / 8;
    return row / 64 * next_rows + k / 8 * next_k + k % 8 * 128 + (piece ^ (k % 8)) * 16 + row % 8 * 2;
  };
  return {exchanged_roles ? "row innermost, swizzle 128, leading = next 8 k, stride = next 64 rows"
                          : "row innermost, swizzle 128, leading = next 64 rows, stride = next 8 k",
          kSwizzle128,
          exchanged_roles ? next_k : next_rows,
          exchanged_roles ? next_rows : next_k,
          2 * next_k,
          place};
}

// The largest error of A[64, k] B[k, n] with 128 bytes of k.
static double error_of(const Module& module, const std::string& kernel, int n, int size, const Layout& a,
                       const Layout& b) {
  const int k = 128 / size;
  const auto va = exact_numbers(size_t(64) * k, 11), vb = exact_numbers(size_t(n) * k, 12);
  const size_t a_bytes = 64 * 128, b_bytes = size_t(n) * 128, b_start = a_bytes,
               total = a_bytes + std::max<size_t>(b_bytes, 1024);
  std::vector<unsigned char> image(total, 0);
  auto put = [&](size_t at, float value) {
    if (size == 2) {
      const uint16_t bits = bf16_of(value);
      memcpy(image.data() + at, &bits, 2);
    } else {
      memcpy(image.data() + at, &value, 4);
    }
  };
  for (int row = 0; row < 64; row++)
    for (int at = 0; at < k; at++) put(a.place(row, at), va[size_t(row) * k + at]);
  for (int row = 0; row < n; row++)
    for (int at = 0; at < k; at++) put(b_start + b.place(row, at), vb[size_t(row) * k + at]);
  DeviceArray<unsigned char> device_image(image);
  DeviceArray<float> out(size_t(64) * n);
  out.fill_bytes(0xff);
  const unsigned shared = static_cast<unsigned>(total + 1024);
  launch(module.function(kernel, shared), {.threads = 128, .shared = shared}, device_image.address,
         static_cast<unsigned>(total / 16), descriptor(a, 0), descriptor(b, b_start), a.step / 16, b.step / 16,
         out.address);
  synchronize();
  return largest_error(out.read(), product(va, vb, 64, n, k), 1);
}

static void try_layouts(const Module& module, const std::string& kernel, int n, int size, const Layout& a,
                        const Layout& b) {
  const double error = error_of(module, kernel, n, size, a, b);
  expect(error == 0, "%s: A %s; B %s: error %.3g", kernel.c_str(), a.name, b.name, error);
}

CHECK(wgmma_swizzled, "wgmma m64nNk16 bf16 and m64nNk8 tf32: k innermost, swizzle 128 B, both compilers") {
  for (const char* compiler : {"llvm", "nvcc"}) {
    const Module module(std::string("wgmma.") + compiler + ".cubin");
    for (int n : {8, 64, 128, 256}) {
      const std::string suffix = "_n" + std::to_string(n) + "_t00";
      try_layouts(module, "wgmma_bf16" + suffix, n, 2, k_innermost(2), k_innermost(2));
      try_layouts(module, "wgmma_tf32" + suffix, n, 4, k_innermost(4), k_innermost(4));
    }
  }
}

CHECK(wgmma_plain, "the same without swizzle: leading = next 16 bytes of k, stride = next 8 rows") {
  const Module module("wgmma.llvm.cubin");
  for (int n : {8, 64, 256}) {
    const std::string suffix = "_n" + std::to_string(n) + "_t00";
    try_layouts(module, "wgmma_bf16" + suffix, n, 2, k_innermost_plain(64, 2), k_innermost_plain(n, 2));
    try_layouts(module, "wgmma_tf32" + suffix, n, 4, k_innermost_plain(64, 4), k_innermost_plain(n, 4));
  }
}

CHECK(wgmma_mixed, "A swizzled and B plain, and the other way round") {
  const Module module("wgmma.llvm.cubin");
  try_layouts(module, "wgmma_bf16_n64_t00", 64, 2, k_innermost(2), k_innermost_plain(64, 2));
  try_layouts(module, "wgmma_tf32_n64_t00", 64, 4, k_innermost_plain(64, 4), k_innermost(4));
}

CHECK(wgmma_transposed, "bf16 with rows innermost (a weight [k, n] as it lies), swizzle 128 B: A, B and both") {
  const Module module("wgmma.llvm.cubin");
  for (int n : {64, 128, 256}) {
    const std::string kernel = "wgmma_bf16_n" + std::to_string(n) + "_t01";
    const double as_documented = error_of(module, kernel, n, 2, k_innermost(2), row_innermost(64, false));
    const double exchanged = error_of(module, kernel, n, 2, k_innermost(2), row_innermost(64, true));
    report("n %d: leading = next 64 rows, stride = next 8 k: error %.3g; the other way round: %.3g", n, as_documented,
           exchanged);
    expect(as_documented == 0, "n %d: the documented meaning of the offsets gives another product", n);
  }
  try_layouts(module, "wgmma_bf16_n64_t10", 64, 2, row_innermost(64, false), k_innermost(2));
  try_layouts(module, "wgmma_bf16_n128_t11", 128, 2, row_innermost(64, false), row_innermost(64, false));
}

CHECK(wgmma_low_bits, "what wgmma tf32 makes of numbers with all bits of f32") {
  const Module module("wgmma.llvm.cubin");
  const int n = 64, k = 32;
  const auto a = random_numbers(64 * k, 21), b = random_numbers(size_t(n) * k, 22);
  const Layout place = k_innermost(4);
  std::vector<unsigned char> image(2 * 64 * 128);
  for (int row = 0; row < 64; row++)
    for (int at = 0; at < k; at++) {
      memcpy(image.data() + place.place(row, at), &a[size_t(row) * k + at], 4);
      memcpy(image.data() + 64 * 128 + place.place(row, at), &b[size_t(row) * k + at], 4);
    }
  DeviceArray<unsigned char> device_image(image);
  DeviceArray<float> out(64 * n);
  launch(module.function("wgmma_tf32_n64_t00"), {.threads = 128, .shared = 2 * 64 * 128 + 1024}, device_image.address,
         static_cast<unsigned>(image.size() / 16), descriptor(place, 0), descriptor(place, 64 * 128), uint64_t(2),
         uint64_t(2), out.address);
  synchronize();
  auto rounded = [](std::vector<float> v, float (*how)(float)) {
    for (float& x : v) x = how(x);
    return v;
  };
  const auto is = out.read();
  const double cut = largest_error(is, product(rounded(a, tf32_cut), rounded(b, tf32_cut), 64, n, k), 1);
  const double nearest = largest_error(is, product(rounded(a, tf32_nearest), rounded(b, tf32_nearest), 64, n, k), 1);
  report("differs by %.2g from numbers cut off, by %.2g from numbers rounded to nearest", cut, nearest);
  expect(std::min(cut, nearest) < 2e-6, "neither cut off nor rounded");
}
