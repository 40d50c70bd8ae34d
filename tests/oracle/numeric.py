#!/usr/bin/env python3
"""Functions of NumPy's names as PyTorch computes them in f64 -> numeric.json.   python3 tests/oracle/numeric.py

A record: text (the function in Tarn's language, of a tensor x [rows, columns]), x, cotangent, y [rows, any],
gradient = d sum(y * cotangent) / dx."""
import datetime
import json
import pathlib

import torch

from units import ramp

ALL = [-30.0, -3.0, -1.5, -1.0, -0.75, -0.2, -1e-3, -1e-9, 1e-9, 1e-3, 0.3, 0.5, 0.9, 1.0, 2.0, 30.0]
POSITIVE = [abs(p) + 1e-3 for p in ALL]
INSIDE = [p * 0.97 for p in ramp(16, 2)]
MODERATE = [p if abs(p) < 10 else p / 10 for p in ALL]


def grid(points):
    return torch.tensor(points, dtype=torch.float64).reshape(2, 8)


def mixed(rows, columns, seed):
    return (torch.tensor(ramp(rows * columns, seed), dtype=torch.float64) * 3).reshape(rows, columns)


ODD = mixed(3, 7, 5)
EIGHT = mixed(2, 8, 3)
CASES = [
    ("atan(x)", ALL, torch.atan), ("expm1(x)", MODERATE, torch.expm1), ("tan(x)", MODERATE, torch.tan),
    ("asin(x)", INSIDE, torch.asin), ("acos(x)", INSIDE, torch.acos), ("atanh(x)", INSIDE, torch.atanh),
    ("sinh(x)", MODERATE, torch.sinh), ("cosh(x)", MODERATE, torch.cosh), ("exp2(x)", MODERATE, torch.exp2),
    ("log2(x)", POSITIVE, torch.log2), ("log10(x)", POSITIVE, torch.log10), ("log1p(x)", POSITIVE, torch.log1p),
    ("reciprocal(x)", POSITIVE, torch.reciprocal), ("cbrt(x)", POSITIVE, lambda x: x ** (1 / 3)),
    ("x^1.7", POSITIVE, lambda x: x ** 1.7), ("pow(1.7, x)", MODERATE, lambda x: 1.7 ** x),
    ("ceil(x)", ALL, torch.ceil), ("trunc(x)", ALL, torch.trunc), ("round(x)", [p + 0.1 for p in ALL], torch.round),
    ("mod(x, 0.7)", MODERATE, lambda x: torch.remainder(x, 0.7)),
    ("mod(2.5, x)", [p + 0.21 for p in POSITIVE], lambda x: torch.remainder(torch.full_like(x, 2.5), x)),
    ("clip(x, -0.5, 1.5)", ALL, lambda x: torch.clamp(x, -0.5, 1.5)),
    ("maximum(x, 0.4)", ALL, lambda x: torch.maximum(x, torch.full_like(x, 0.4))),
    ("minimum(x, 0.4)", ALL, lambda x: torch.minimum(x, torch.full_like(x, 0.4))),
    ("where(x > 0.4, x^2, sin(x))", ALL, lambda x: torch.where(x > 0.4, x ** 2, torch.sin(x))),
    ("atan2(x, 0.6)", ALL, lambda x: torch.atan2(x, torch.full_like(x, 0.6))),
    ("atan2(x, -0.6)", ALL, lambda x: torch.atan2(x, torch.full_like(x, -0.6))),
    ("atan2(0.6, x)", ALL, lambda x: torch.atan2(torch.full_like(x, 0.6), x)),
    ("atan2(-0.6, x)", ALL, lambda x: torch.atan2(torch.full_like(x, -0.6), x)),
    ("cumsum(x)", ODD, lambda x: torch.cumsum(x, 1)), ("cumprod(x)", ODD, lambda x: torch.cumprod(x, 1)),
    ("cumsum(x)", EIGHT, lambda x: torch.cumsum(x, 1)), ("sort(x)", ODD, lambda x: torch.sort(x, 1).values),
    ("sort(x, descending = true)", ODD, lambda x: torch.sort(x, 1, descending=True).values),
    ("top(x)", ODD, lambda x: torch.topk(x, 3, 1).values),
    ("float(where_top(x))", ODD, lambda x: torch.topk(x, 3, 1).indices.double()),
    ("float(argsort(x))", ODD, lambda x: torch.argsort(x, 1).double()),
    ("float(argmin(x)) * max(x, over = -1)", ODD, lambda x: torch.argmin(x, 1).double() * x.max(1).values),
    ("prod(x, over = -1)", ODD, lambda x: x.prod(1)), ("min(x, over = -1)", ODD, lambda x: x.min(1).values),
    ("norm(x, over = -1)", ODD, lambda x: x.norm(dim=1)), ("logsumexp(x, over = -1)", ODD * 100, lambda x: x.logsumexp(1)),
    ("logsumexp(x, over = -1, keep = true)", ODD, lambda x: x.logsumexp(1, keepdim=True)),
    ("var(x, over = -1)", ODD, lambda x: x.var(1, correction=0)),
    ("std(x, over = -1)", ODD, lambda x: x.std(1, correction=0)),
    ("float(any(x > 2.5, over = -1)) * sum(x, over = -1)", ODD, lambda x: (x > 2.5).any(1).double() * x.sum(1)),
    ("float(all(x > -2.7, over = -1)) * sum(x, over = -1)", ODD, lambda x: (x > -2.7).all(1).double() * x.sum(1)),
    ("float(isfinite(x / 0)) + float(isnan(x * 0 / 0)) + x", ODD, lambda x: x + 1),
]


def records():
    for text, points, function in CASES:
        x = (points if torch.is_tensor(points) else grid(points)).clone().requires_grad_()
        y = function(x)
        cotangent = torch.tensor(ramp(y.numel(), 7), dtype=torch.float64).reshape(y.shape)
        (y * cotangent).sum().backward() if y.requires_grad else None
        gradient = x.grad if x.grad is not None else torch.zeros_like(x)
        yield {"text": text, "x": x.tolist(), "cotangent": cotangent.tolist(), "y": y.tolist(),
               "gradient": gradient.tolist()}


if __name__ == "__main__":
    stamp = {"made_by": "tests/oracle/numeric.py", "torch": torch.__version__, "date": str(datetime.date.today())}
    text = ",\n".join(json.dumps(record) for record in records())
    path = pathlib.Path(__file__).parent / "numeric.json"
    path.write_text(json.dumps(stamp)[:-1] + ', "functions": [\n' + text + "\n]}\n")
