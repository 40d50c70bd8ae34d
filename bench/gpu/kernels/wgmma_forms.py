"""Writes the wgmma instructions as C++ functions: their registers are counted in the instruction's text.

usage: wgmma_forms.py > wgmma_forms.h

One function is fence, four wgmma and commit in one piece of assembly: between pieces, compilers copy the accumulators,
and ptxas then serialises the wgmma (its remarks C7511 to C7519).
"""


def function(n, kind, k):
    """D[64, n] (+)= A[64, 4 k] * B[4 k, n], both operands in shared memory."""
    count = n // 2
    registers = ", ".join(f"%{i}" for i in range(count))
    outputs = ", ".join(f'"+f"(d[{i}])' for i in range(count))
    a, b, step_a, step_b, accumulate, transpose_a, transpose_b = (f"%{count + i}" for i in range(7))
    # Only 16-bit operands have bits for "lies with M, or N, innermost".
    bits = f", {transpose_a}, {transpose_b}" if kind == "bf16" else ""
    text = f"{{ .reg .pred p; .reg .b64 a, b; setp.ne.b32 p, {accumulate}, 0; mov.b64 a, {a}; mov.b64 b, {b}; wgmma.fence.sync.aligned; "
    for step in range(4):
        text += f"wgmma.mma_async.sync.aligned.m64n{n}k{k}.f32.{kind}.{kind} {{{registers}}}, a, b, {'p' if step == 0 else '1'}, 1, 1{bits}; "
        if step < 3:
            text += f"add.s64 a, a, {step_a}; add.s64 b, b, {step_b}; "
    text += "wgmma.commit_group.sync.aligned; }"
    template = "template <int TransposeA, int TransposeB>\n" if bits else ""
    constants = ', "n"(TransposeA), "n"(TransposeB)' if bits else ""
    return f"""// D[64, {n}] = A[64, {4 * k}] * B[{4 * k}, {n}], added to D where `accumulate`.
{template}DEVICE void wgmma_{kind}(float (&d)[{count}], uint64_t a, uint64_t b, uint64_t step_a, uint64_t step_b, int accumulate) {{
  asm volatile("{text}"
               : {outputs}
               : "l"(a), "l"(b), "l"(step_a), "l"(step_b), "r"(accumulate){constants}
               : "memory");
}}
"""


def tied_wait(count):
    """The registers are tied to the wait, so that no read of one moves before it."""
    outputs = ", ".join(f'"+f"(d[{i}])' for i in range(count))
    return f"""template <int Pending>
DEVICE void wgmma_wait_tied(float (&d)[{count}]) {{
  asm volatile("wgmma.wait_group.sync.aligned %{count};" : {outputs} : "n"(Pending) : "memory");
}}
"""


if __name__ == "__main__":
    print('// Written by wgmma_forms.py.\n#pragma once\n#include "device.h"\n')
    for n in (8, 64, 128, 256):
        print(function(n, "bf16", 16))
        print(function(n, "tf32", 8))
        print(tied_wait(n // 2))
