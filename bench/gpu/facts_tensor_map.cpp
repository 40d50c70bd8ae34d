// The tensor copy engine: swizzle, zeros outside of the tensor, boxes of four dimensions, stores, several blocks.
#include <cstdio>

#include "driver.h"
#include "harness.h"
#include "numbers.h"

// A map of f32 over `sizes` (innermost first, packed), in boxes of `box`.
static CUtensorMap tensor_map(CUdeviceptr address, const std::vector<cuuint64_t>& sizes,
                              const std::vector<cuuint32_t>& box, CUtensorMapSwizzle swizzle) {
  CUtensorMap map;
  std::vector<cuuint64_t> strides;
  cuuint64_t stride = 4;
  for (size_t i = 0; i + 1 < sizes.size(); i++) strides.push_back(stride *= sizes[i]);
  const std::vector<cuuint32_t> element_strides(sizes.size(), 1);
  CU(cuTensorMapEncodeTiled(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, static_cast<cuuint32_t>(sizes.size()),
                            reinterpret_cast<void*>(address), sizes.data(), strides.data(), box.data(),
                            element_strides.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle,
                            CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
  return map;
}
static DeviceArray<CUtensorMap> on_device(const CUtensorMap& map) {
  return DeviceArray<CUtensorMap>(std::vector<CUtensorMap>{map});
}

static std::vector<float> counted(size_t n) {
  std::vector<float> values(n);
  for (size_t i = 0; i < n; i++) values[i] = static_cast<float>(i + 1);
  return values;
}

constexpr int kWidth = 96, kHeight = 48, kBoxX = 32, kBoxY = 16;

static std::vector<float> box_2d(const std::vector<float>& tensor, int x, int y, bool swizzled) {
  std::vector<float> box(kBoxX * kBoxY);
  for (int row = 0; row < kBoxY; row++)
    for (int column = 0; column < kBoxX; column++) {
      const int px = x + column, py = y + row;
      const bool inside = px >= 0 && px < kWidth && py >= 0 && py < kHeight;
      const int piece = column / 4, to = swizzled ? (piece ^ (row % 8)) * 4 + column % 4 : column;
      box[row * kBoxX + to] = inside ? tensor[py * kWidth + px] : 0;
    }
  return box;
}

CHECK(tensor_load, "a map in a kernel's argument and in memory; plain and swizzled; outside of the tensor are zeros") {
  const auto tensor = counted(kWidth * kHeight);
  DeviceArray<float> source(tensor), out(kBoxX * kBoxY);
  const uint32_t bytes = kBoxX * kBoxY * 4;
  for (const char* compiler : {"llvm", "nvcc"}) {
    const Module module(std::string("tensor_map.") + compiler + ".cubin");
    for (bool swizzled : {false, true}) {
      const CUtensorMap map = tensor_map(source.address, {kWidth, kHeight}, {kBoxX, kBoxY},
                                         swizzled ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_NONE);
      const auto there = on_device(map);
      struct Corner {
        int x, y;
      } const corners[] = {{0, 0}, {33, 5}, {80, 40}, {-3, -7}, {200, 3}};
      for (const Corner& corner : corners) {
        const auto want = box_2d(tensor, corner.x, corner.y, swizzled);
        const std::string what =
            std::string(compiler) + (swizzled ? ", swizzled, at " : ", plain, at ") + std::to_string(corner.x);
        out.fill_bytes(0xff);
        launch(module.function("tensor_load_by_pointer"), {.threads = 128, .shared = bytes + 1024}, there.address,
               corner.x, corner.y, bytes, out.address);
        synchronize();
        expect_close((what + ", map in memory").c_str(), out.read(), want, 0);
        out.fill_bytes(0xff);
        launch(module.function("tensor_load"), {.threads = 128, .shared = bytes + 1024}, map, corner.x, corner.y, bytes,
               out.address);
        synchronize();
        expect_close((what + ", map as argument").c_str(), out.read(), want, 0);
      }
    }
  }
}

CHECK(tensor_load_images, "boxes of four dimensions (channels innermost) with the zeros of a padded convolution") {
  const int c = 8, w = 7, h = 6, n = 3, box_w = 5, box_h = 4;
  const auto tensor = counted(size_t(c) * w * h * n);
  DeviceArray<float> source(tensor), out(size_t(c) * box_w * box_h);
  const auto there =
      on_device(tensor_map(source.address, {c, w, h, n}, {c, box_w, box_h, 1}, CU_TENSOR_MAP_SWIZZLE_NONE));
  const Module module("tensor_map.llvm.cubin");
  const uint32_t bytes = c * box_w * box_h * 4;
  for (int x : {-1, 0, 4})
    for (int y : {-1, 3}) {
      std::vector<float> want;
      for (int row = y; row < y + box_h; row++)
        for (int column = x; column < x + box_w; column++)
          for (int channel = 0; channel < c; channel++) {
            const bool inside = row >= 0 && row < h && column >= 0 && column < w;
            want.push_back(inside ? tensor[((size_t(2) * h + row) * w + column) * c + channel] : 0);
          }
      out.fill_bytes(0xff);
      launch(module.function("tensor_load_box4"), {.threads = 128, .shared = bytes + 1024}, there.address, 0, x, y, 2,
             bytes, out.address);
      synchronize();
      expect_close("box", out.read(), want, 0);
    }
}

CHECK(tensor_store, "a store leaves off what lies outside of the tensor") {
  DeviceArray<float> target(std::vector<float>(kWidth * kHeight, -1.0f));
  const auto there =
      on_device(tensor_map(target.address, {kWidth, kHeight}, {kBoxX, kBoxY}, CU_TENSOR_MAP_SWIZZLE_NONE));
  const Module module("tensor_map.llvm.cubin");
  const uint32_t bytes = kBoxX * kBoxY * 4;
  launch(module.function("tensor_store"), {.threads = 128, .shared = bytes + 1024}, there.address, 80, 40, bytes);
  synchronize();
  std::vector<float> want(kWidth * kHeight, -1.0f);
  for (int row = 40; row < kHeight; row++)
    for (int column = 80; column < kWidth; column++)
      want[row * kWidth + column] = float_of(static_cast<uint32_t>((row - 40) * kBoxX + column - 80));
  const auto is = target.read();
  expect(!memcmp(is.data(), want.data(), want.size() * 4), "other numbers than wanted");
}

CHECK(tensor_load_to_all, "one load for all blocks of a cluster") {
  const auto tensor = counted(kWidth * kHeight);
  DeviceArray<float> source(tensor);
  const auto there =
      on_device(tensor_map(source.address, {kWidth, kHeight}, {kBoxX, kBoxY}, CU_TENSOR_MAP_SWIZZLE_NONE));
  const Module module("tensor_map.llvm.cubin");
  const uint32_t bytes = kBoxX * kBoxY * 4;
  for (unsigned size : {2u, 4u, 8u}) {
    DeviceArray<float> out(size_t(size) * kBoxX * kBoxY);
    out.fill_bytes(0xff);
    launch(module.function("tensor_load_to_all"),
           {.blocks = size, .threads = 128, .shared = bytes + 1024, .cluster = size}, there.address, 33, 5, bytes,
           out.address);
    synchronize();
    std::vector<float> want;
    for (unsigned block = 0; block < size; block++) {
      const auto box = box_2d(tensor, 33, 5, false);
      want.insert(want.end(), box.begin(), box.end());
    }
    expect_close(("cluster of " + std::to_string(size)).c_str(), out.read(), want, 0);
  }
}

CHECK(bulk_load, "a plain run of bytes into shared memory") {
  const auto values = counted(1024);
  DeviceArray<float> source(values), out(1024);
  out.fill_bytes(0xff);
  const Module module("tensor_map.llvm.cubin");
  launch(module.function("bulk_load_show"), {.threads = 128, .shared = 8192}, source.address, 4096u, out.address);
  synchronize();
  expect_close("run", out.read(), values, 0);
}
