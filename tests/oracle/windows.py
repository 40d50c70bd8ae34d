#!/usr/bin/env python3
"""Convolutions, pooling and normalisation as torch.nn.functional computes them in f64, for many settings.

    python3 tests/oracle/windows.py            rewrites windows.json

A record has "name"; "layer", the text of Tarn's layer; "x", the shape of one row of the input; "y", that of a row of the
result; "steps", in how many steps per unit the input's numbers lie (0: all numbers; a few make entries tie); "parameters"
and states by Tarn's paths, with their sizes; and results.  All numbers that go in are units.py's ramp, by seeds that follow
from their place (SEEDS); what comes out is recorded as sums with three ramps as weights:
  "eval"       the result in evaluation
  "gradients"  d sum(y * cotangent) / dp for each parameter, in training; `input.p` is added to each row of x
  "second"     d sum(g^2) / dp, where g = d sum(y^2 * cotangent) / dx, in training
  "states"     after one step
Needs torch.
"""
import json
import pathlib

import torch
import torch.nn.functional as F

from units import ramp

ROWS = 3
SEEDS = {"x": 1000, "cotangent": 2000, "parameter": 3000}  # of parameter number n: 3000 + 100 n
WEIGHTS = 3  # the k-th sum has ramp(.., 500 + 50 k)


def tensor(shape, seed):
    return torch.tensor(ramp(torch.Size(shape).numel(), seed), dtype=torch.float64).reshape(shape)


def sums(value):
    flat = value.detach().reshape(-1)
    return [(flat * tensor(flat.shape, 500 + 50 * k)).sum().item() for k in range(WEIGHTS)]


def convolution(options, x, w, form, function=F.conv2d):
    """`options`: Tarn's; `w`: the weights' shape as PyTorch has it; `form`: PyTorch's options."""
    channels = w[0] if function is not F.conv_transpose2d else w[1] * form.get("groups", 1)
    return dict(name=f"{function.__name__} {form} {w}", layer=options, x=x, parameters={"w": w, "b": [channels]},
                function=lambda p, v, training: function(v, p["w"], p["b"], **form))


def plain(layer, x, function, steps=0):
    return dict(name=layer, layer=layer, x=x, parameters={}, steps=steps, function=lambda p, v, training: function(v))


def normalised(layer, x, shape, function, second="beta"):
    return dict(name=layer, layer=layer, x=x, parameters={"gamma": shape, **({second: shape} if second else {})},
                function=lambda p, v, training: function(v, p))


def batch_norm(x):
    c = [x[0]]
    return dict(name=f"batch_norm of {len(x)} dimensions", layer="batch_norm", x=x,
                parameters={"gamma": c, "beta": c}, states={"mean": c, "var": c},
                function=lambda p, v, training: F.batch_norm(v, p["mean"], p["var"], p["gamma"], p["beta"], training))


IMAGE = [4, 7, 6]


def cases():
    yield convolution("conv[3, k = 3]", IMAGE, [3, 4, 3, 3], {})
    yield convolution("conv[3, k = 1]", IMAGE, [3, 4, 1, 1], {})
    yield convolution("conv[3, k = 3, stride = 2, pad = 1]", IMAGE, [3, 4, 3, 3], {"stride": 2, "padding": 1})
    yield convolution("conv[2, k = [3, 2], stride = [2, 1], pad = [1, 0], dilation = [1, 2]]", IMAGE, [2, 4, 3, 2],
                      {"stride": [2, 1], "padding": [1, 0], "dilation": [1, 2]})
    yield convolution("conv[2, k = 5, stride = 3, pad = 4]", IMAGE, [2, 4, 5, 5], {"stride": 3, "padding": 4})
    yield convolution("conv[3, k = 3, pad = same]", IMAGE, [3, 4, 3, 3], {"padding": "same"})
    yield convolution("conv[3, k = [4, 2], pad = same, dilation = [1, 3]]", IMAGE, [3, 4, 4, 2],
                      {"padding": "same", "dilation": [1, 3]})
    yield convolution("conv[3, k = 2, pad = valid, dilation = 3]", IMAGE, [3, 4, 2, 2], {"dilation": 3})
    yield convolution("conv[6, k = 3, pad = 1, groups = 2]", IMAGE, [6, 2, 3, 3], {"padding": 1, "groups": 2})
    yield convolution("conv[6, k = 2, stride = 2, groups = 2, dilation = 2]", IMAGE, [6, 2, 2, 2],
                      {"stride": 2, "groups": 2, "dilation": 2})
    yield convolution("depthwise_conv[k = 3, pad = 1]", IMAGE, [4, 1, 3, 3], {"padding": 1, "groups": 4})
    yield convolution("depthwise_conv[k = [1, 3], stride = 2, multiplier = 2]", IMAGE, [8, 1, 1, 3],
                      {"stride": 2, "groups": 4})
    transposed = F.conv_transpose2d
    yield convolution("conv_transpose[3, k = 3]", IMAGE, [4, 3, 3, 3], {}, transposed)
    yield convolution("conv_transpose[3, k = 2, stride = 2]", IMAGE, [4, 3, 2, 2], {"stride": 2}, transposed)
    yield convolution("conv_transpose[2, k = 3, stride = 2, pad = 1, output_pad = 1]", IMAGE, [4, 2, 3, 3],
                      {"stride": 2, "padding": 1, "output_padding": 1}, transposed)
    yield convolution("conv_transpose[2, k = [3, 2], stride = [1, 3], dilation = 2]", IMAGE, [4, 2, 3, 2],
                      {"stride": [1, 3], "dilation": 2}, transposed)
    yield convolution("conv_transpose[6, k = 3, stride = 2, pad = 1, groups = 2]", IMAGE, [4, 3, 3, 3],
                      {"stride": 2, "padding": 1, "groups": 2}, transposed)
    yield convolution("conv1d[5, k = 3]", [4, 9], [5, 4, 3], {}, F.conv1d)
    yield convolution("conv1d[5, k = 4, stride = 2, pad = 2, dilation = 2]", [4, 9], [5, 4, 4],
                      {"stride": 2, "padding": 2, "dilation": 2}, F.conv1d)
    yield convolution("conv1d[5, k = 4, pad = same]", [4, 9], [5, 4, 4], {"padding": "same"}, F.conv1d)
    for steps in (0, 2):  # entries of windows tie
        yield plain("max_pool[2]", IMAGE, lambda v: F.max_pool2d(v, 2), steps)
        yield plain("max_pool[3, stride = 2]", IMAGE, lambda v: F.max_pool2d(v, 3, 2), steps)
        yield plain("max_pool[3, stride = 1, pad = 1]", IMAGE, lambda v: F.max_pool2d(v, 3, 1, 1), steps)
        yield plain("max_pool[[3, 2], stride = [1, 2], pad = [1, 0]]", IMAGE,
                    lambda v: F.max_pool2d(v, [3, 2], [1, 2], [1, 0]), steps)
        yield plain("max_pool1d[3, stride = 2]", [4, 9], lambda v: F.max_pool1d(v, 3, 2), steps)
    yield plain("avg_pool[2]", IMAGE, lambda v: F.avg_pool2d(v, 2))
    yield plain("avg_pool[3, stride = 2, pad = 1]", IMAGE, lambda v: F.avg_pool2d(v, 3, 2, 1))
    yield plain("avg_pool[[3, 2], stride = 1]", IMAGE, lambda v: F.avg_pool2d(v, [3, 2], 1))
    yield plain("avg_pool1d[3]", [4, 9], lambda v: F.avg_pool1d(v, 3))
    yield plain("global_avg_pool", IMAGE, lambda v: v.mean((2, 3)))
    yield plain("global_max_pool", IMAGE, lambda v: v.amax((2, 3)), 2)
    yield batch_norm([4])
    yield batch_norm([4, 5])
    yield batch_norm(IMAGE)
    for groups in (1, 2, 4):
        yield normalised(f"group_norm[{groups}]", IMAGE, [4],
                         lambda v, p, g=groups: F.group_norm(v, g, p["gamma"], p["beta"]))
    yield normalised("instance_norm", IMAGE, [4], lambda v, p: F.instance_norm(v, weight=p["gamma"], bias=p["beta"]))
    yield normalised("layer_norm", IMAGE, [6], lambda v, p: F.layer_norm(v, [6], p["gamma"], p["beta"]))
    yield normalised("rms_norm", IMAGE, [6], lambda v, p: F.rms_norm(v, [6], p["gamma"], 1e-6), None)


def record(case):
    row, states, function = case["x"], case.get("states", {}), case["function"]
    x = tensor([ROWS, *row], SEEDS["x"])
    if case.get("steps"):
        x = torch.floor(x * case["steps"]) / case["steps"]
    sizes = {"input.p": row} | {f"unit.{path}": shape for path, shape in (case["parameters"] | states).items()}
    values = {path: tensor(shape, SEEDS["parameter"] + 100 * n) for n, (path, shape) in enumerate(sizes.items())}
    values["input.p"] *= 0  # so that entries still tie
    for path in values:
        values[path] = values[path].abs() if path.endswith(".var") else values[path]
    parameters = {path: v.requires_grad_() for path, v in values.items() if path.split(".")[1] not in states}

    def run(v, training):  # states change in place, so each run has its own
        own = {path.split(".")[1]: value.clone() if path not in parameters else value for path, value in values.items()}
        return function(own, v, training), own

    def derived(loss):
        found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True)
        return {path: sums(g) for path, g in zip(parameters, found)}

    shifted = x + values["input.p"]
    y, after = run(shifted, True)
    cotangent = tensor(y.shape, SEEDS["cotangent"])
    (slope,) = torch.autograd.grad((y * y * cotangent).sum(), shifted, create_graph=True)
    result = {"name": case["name"], "layer": case["layer"], "x": row, "y": list(y.shape[1:]),
              "steps": case.get("steps", 0), "parameters": [{"path": p, "size": torch.Size(s).numel()} for p, s in sizes.items()],
              "eval": sums(run(shifted, False)[0]), "second": derived((slope * slope).sum()),
              "gradients": derived((run(shifted, True)[0] * cotangent).sum())}
    return result | {"states": {f"unit.{path}": sums(after[path]) for path in states}}


def main():
    text = ",\n".join(json.dumps(record(case)) for case in cases())
    origin = json.dumps(f"tests/oracle/windows.py, torch {torch.__version__}")
    path = pathlib.Path(__file__).resolve().parent / "windows.json"
    path.write_text(f'{{"origin": {origin}, "records": [\n{text}\n]}}\n')


if __name__ == "__main__":
    main()
