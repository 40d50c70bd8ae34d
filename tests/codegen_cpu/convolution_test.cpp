// Products over sliding windows and batches: every kind of tile, odd sizes, strides, panels, sums in blocks.
#include <doctest/doctest.h>

#include "tests/codegen_cpu/einsum_kernel.h"
#include "tests/codegen_cpu/run_kernel.h"

using namespace tarn;
using namespace tarn::testing;

namespace {

struct Convolution {
  int64_t batch, filters, channels, height, width, rows, columns;
  LabelSizes sizes() const {
    return {{'b', batch}, {'f', filters}, {'c', channels}, {'h', height}, {'w', width}, {'r', rows}, {'s', columns}};
  }
};

const Convolution kConvolutions[] = {{2, 6, 1, 28, 28, 5, 5}, {2, 16, 6, 10, 10, 5, 5}, {3, 5, 4, 7, 17, 3, 3},
                                     {1, 8, 3, 16, 16, 3, 3}, {2, 33, 2, 3, 1, 1, 3},   {1, 1, 1, 5, 5, 2, 2}};

}  // namespace

TEST_CASE("convolutions and their gradients") {
  for (const Convolution& c : kConvolutions) {
    CAPTURE(c.filters);
    CAPTURE(c.width);
    std::string flipped =
        "b,c,h,w = b,f,h+r,w+s * f,c," + std::to_string(c.rows - 1) + "-r," + std::to_string(c.columns - 1) + "-s";
    CHECK(check_kernel(einsum_kernel("b,f,h,w = b,c,h+r,w+s * f,c,r,s", c.sizes()), 1e-5, -1, 1) == "");
    CHECK(check_kernel(einsum_kernel(flipped, c.sizes()), 1e-5, -1, 1) == "");
    CHECK(check_kernel(einsum_kernel("f,c,r,s = b,f,h,w * b,c,h+r,w+s", c.sizes()), 1e-5, -1, 1) == "");
  }
}

TEST_CASE("strides, dilation, groups, depthwise") {
  LabelSizes n{{'b', 2}, {'g', 3}, {'f', 4}, {'c', 3}, {'h', 9}, {'w', 19}, {'r', 3}, {'s', 3}};
  CHECK(check_kernel(einsum_kernel("b,f,h,w = b,c,2*h+r,2*w+s * f,c,r,s", n), 1e-5, -1, 1) == "");
  CHECK(check_kernel(einsum_kernel("f,c,r,s = b,f,h,w * b,c,2*h+r,2*w+s", n), 1e-5, -1, 1) == "");
  CHECK(check_kernel(einsum_kernel("b,f,h,w = b,c,3*h+2*r,3*w+2*s * f,c,r,s", n), 1e-5, -1, 1) == "");
  CHECK(check_kernel(einsum_kernel("b,g,f,h,w = b,g,c,h+r,w+s * g,f,c,r,s", n), 1e-5, -1, 1) == "");
  CHECK(check_kernel(einsum_kernel("b,c,h,w = b,c,h+r,w+s * c,r,s", n), 1e-5, -1, 1) == "");
  CHECK(check_kernel(einsum_kernel("c,r,s = b,c,h,w * b,c,h+r,w+s", n), 1e-5, -1, 1) == "");
  CHECK(check_kernel(einsum_kernel("b,f,w = b,c,w+s * f,c,s", n), 1e-5, -1, 1) == "");
}

TEST_CASE("attention") {
  for (int64_t t : {5, 16, 40}) {
    LabelSizes n{{'b', 2}, {'t', t}, {'s', t + 1}, {'n', 3}, {'k', 19}};
    CHECK(check_kernel(einsum_kernel("b,n,t,s = b,t,n,k * b,s,n,k", n), 1e-5, -1, 1) == "");
    CHECK(check_kernel(einsum_kernel("b,t,n,k = b,n,t,s * b,s,n,k", n), 1e-5, -1, 1) == "");
    CHECK(check_kernel(einsum_kernel("b,s,n,k = b,n,t,s * b,t,n,k", n), 1e-5, -1, 1) == "");
  }
}

TEST_CASE("operands larger than the cache: sums in blocks") {
  Convolution c{19, 20, 9, 32, 32, 3, 3};
  CHECK(check_kernel(einsum_kernel("f,c,r,s = b,f,h,w * b,c,h+r,w+s", c.sizes()), 3e-4, -1, 1) == "");
  CHECK(check_kernel(einsum_kernel("m,n = m,k * k,n", {{'m', 37}, {'n', 67}, {'k', 5003}}), 3e-4, -1, 1) == "");
  CHECK(check_kernel(einsum_kernel("m,n = k,m * k,n", {{'m', 50}, {'n', 67}, {'k', 5003}}), 3e-4, -1, 1) == "");
}
