"""The products of products.cpp by cuBLAS, through PyTorch: f32, tf32, bf16."""
import statistics

import torch

print("| | size | us | TFLOP/s |\n|---|---|---|---|")
for kind in ("f32", "tf32", "bf16"):
    torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
    dtype = torch.bfloat16 if kind == "bf16" else torch.float32
    for size in (1024, 2048, 4096):
        a, b = (torch.rand(size, size, device="cuda", dtype=torch.float32).mul_(2).sub_(1).to(dtype) for _ in range(2))
        for form, right in (("A B", b), ("A B^T", b.t())):
            out = torch.empty(size, size, device="cuda", dtype=dtype)
            times = []
            for _ in range(12):
                start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                start.record()
                for _ in range(10):
                    torch.mm(a, right, out=out)
                end.record()
                end.synchronize()
                times.append(start.elapsed_time(end) / 10)
            seconds = statistics.median(times[2:]) * 1e-3
            print(f"| cuBLAS {kind}, {form} | {size} | {seconds * 1e6:.1f} | {2 * size**3 / seconds / 1e12:.1f} |", flush=True)
