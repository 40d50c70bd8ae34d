// One warp's matrix instructions on one tile: which thread holds what, and how ldmatrix fills it.
#include "device.h"

DEVICE void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
DEVICE void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
DEVICE void load_matrices_4(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}
DEVICE void load_matrices_2(uint32_t (&r)[2], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(address));
}
DEVICE void load_matrices_2_transposed(uint32_t (&r)[2], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(address));
}

// Row lane/4 and column 2*(lane%4) of registers 0 and 1; 8 rows down registers 2 and 3.
DEVICE void store_tile(float* c, const float (&d)[4], unsigned lane) {
  float* row = c + lane / 4 * 8 + lane % 4 * 2;
  row[0] = d[0];
  row[1] = d[1];
  row[64] = d[2];
  row[65] = d[3];
}

// a [16, 16], b_nk [8, 16], b_kn [16, 8], all bf16; c: two tiles [16, 8], from b_nk and, by ldmatrix.trans, from b_kn.
KERNEL void fragments_bf16(const uint16_t* a, const uint16_t* b_nk, const uint16_t* b_kn, float* c) {
  __shared__ __attribute__((aligned(16))) uint16_t sa[256];
  __shared__ __attribute__((aligned(16))) uint16_t sb[128];
  __shared__ __attribute__((aligned(16))) uint16_t st[128];
  const unsigned lane = thread_index();
  for (unsigned i = lane; i < 256; i += 32) sa[i] = a[i];
  for (unsigned i = lane; i < 128; i += 32) sb[i] = b_nk[i], st[i] = b_kn[i];
  __syncthreads();
  uint32_t ra[4], rb[2];
  load_matrices_4(ra, shared_address(sa + lane % 16 * 16 + lane / 16 * 8));
  load_matrices_2(rb, shared_address(sb + lane % 8 * 16 + lane / 8 % 2 * 8));
  float d[4] = {};
  mma_bf16(d, ra, rb);
  store_tile(c, d, lane);
  load_matrices_2_transposed(rb, shared_address(st + lane % 16 * 8));
  float e[4] = {};
  mma_bf16(e, ra, rb);
  store_tile(c + 128, e, lane);
}

// a [16, 8], b_nk [8, 8], f32; c: three tiles [16, 8]: registers loaded one by one, by ldmatrix, and rounded to nearest.
KERNEL void fragments_tf32(const uint32_t* a, const uint32_t* b_nk, float* c) {
  __shared__ __attribute__((aligned(16))) uint32_t sa[128];
  __shared__ __attribute__((aligned(16))) uint32_t sb[64];
  const unsigned lane = thread_index(), row = lane / 4, column = lane % 4;
  for (unsigned i = lane; i < 128; i += 32) sa[i] = a[i];
  for (unsigned i = lane; i < 64; i += 32) sb[i] = b_nk[i];
  __syncthreads();
  uint32_t ra[4] = {sa[row * 8 + column], sa[(row + 8) * 8 + column], sa[row * 8 + column + 4],
                    sa[(row + 8) * 8 + column + 4]};
  uint32_t rb[2] = {sb[row * 8 + column], sb[row * 8 + column + 4]};
  float d[4] = {};
  mma_tf32(d, ra, rb);
  store_tile(c, d, lane);
  load_matrices_4(ra, shared_address(sa + lane % 16 * 8 + lane / 16 * 4));
  load_matrices_2(rb, shared_address(sb + lane % 8 * 8 + lane / 8 % 2 * 4));
  float e[4] = {};
  mma_tf32(e, ra, rb);
  store_tile(c + 128, e, lane);
  for (uint32_t& r : ra) asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(*reinterpret_cast<float*>(&r)));
  for (uint32_t& r : rb) asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(*reinterpret_cast<float*>(&r)));
  float f[4] = {};
  mma_tf32(f, ra, rb);
  store_tile(c + 256, f, lane);
}

// Fills 32 slots of 16 bytes with ones, then copies over each slot: 16 bytes of which slot%17 are read, and 4 bytes of
// which none or all are read.  out [2, 128] words.
KERNEL void copies_async(const uint32_t* from, uint32_t* out) {
  __shared__ __attribute__((aligned(16))) uint32_t wide[128];
  __shared__ __attribute__((aligned(16))) uint32_t narrow[128];
  const unsigned lane = thread_index();
  for (unsigned i = lane; i < 128; i += 32) wide[i] = narrow[i] = 0xffffffff;
  __syncthreads();
  copy_async_16(shared_address(wide + lane * 4), from + lane * 4, lane % 17);
  for (unsigned i = 0; i < 4; i++)
    copy_async_4(shared_address(narrow + lane * 4 + i), from + lane * 4 + i, lane % 2 * 4);
  copy_async_commit();
  copy_async_wait<0>();
  __syncthreads();
  for (unsigned i = lane; i < 128; i += 32) out[i] = wide[i], out[128 + i] = narrow[i];
}
