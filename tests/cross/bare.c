/* Ten steps on a machine without anything: start, and output through the emulator. */
#include <stdint.h>

#include "steps.h"

#if defined(__arm__)
/* Semihosting: "Semihosting for AArch32 and AArch64", Arm; SYS_WRITE0 is 4, SYS_EXIT_EXTENDED 0x20. */
static int host_call(int operation, const void* argument) {
  register int r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}
static void write_text(const char* text) {
  host_call(4, text);
}
static void leave(int status) {
  const uint32_t block[2] = {0x20026, (uint32_t)status};
  host_call(0x20, block);
  for (;;) {}
}
#elif defined(__riscv)
/* System calls of Linux: write is 64, exit 93. */
static long system_call(long number, long a, long b, long c) {
  register long a0 __asm__("a0") = a;
  register long a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  register long a7 __asm__("a7") = number;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return a0;
}
static void write_text(const char* text) {
  long length = 0;
  while (text[length] != 0) ++length;
  system_call(64, 1, (long)text, length);
}
static void leave(int status) {
  system_call(93, status, 0, 0);
  for (;;) {}
}
#endif

static void run(void) {
  int status = steps_begin();
  for (int step = 0; step < STEP_COUNT && status == 0; ++step) {
    const uint32_t bits = steps_next();
    char line[10];
    for (int digit = 0; digit < 8; ++digit) line[digit] = "0123456789abcdef"[bits >> (28 - 4 * digit) & 15u];
    line[8] = '\n';
    line[9] = 0;
    write_text(line);
    if (bits == 0xFFFFFFFFu) status = 1;
  }
  leave(status);
}

#if defined(__arm__)
extern uint32_t stack_end[], data_load[], data_begin[], data_end[], bss_begin[], bss_end[];
void reset(void);
void reset(void) {
  for (uint32_t *at = data_begin, *from = data_load; at < data_end; ++at, ++from) *at = *from;
  for (uint32_t* at = bss_begin; at < bss_end; ++at) *at = 0;
#if defined(__ARM_FP)
  *(volatile uint32_t*)0xE000ED88u |= 0xF00000u; /* CPACR: the floating-point unit is on */
  __asm__ volatile("dsb\n isb");
#endif
  run();
}
__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16] = {(uintptr_t)stack_end,
                                                                                 (uintptr_t)reset};
#else
void _start(void);
void _start(void) {
  run();
}
#endif
