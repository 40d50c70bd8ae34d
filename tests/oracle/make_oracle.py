#!/usr/bin/env python3
"""Asks PyTorch for the numbers that oracle_test.cpp compares Tarn with.

    python3 tests/oracle/make_oracle.py            rewrites tests/oracle/*.safetensors and units.json
    python3 tests/oracle/make_oracle.py --check    compares a fresh run with the committed files, writes nothing

Needs torch and numpy.  Weights and batches come from the integer hash of oracle_data.py, which oracle_data.h computes
too, so the files hold results only; a checksum of the weights and of the first batch ties the two together.
"""
import argparse
import datetime
import json
import pathlib
import struct

import numpy as np
import torch

from oracle_data import fnv1a, mnist_batch, parameter_arrays, regression_batch, simple_batch
from units import unit_records

FOLDER = pathlib.Path(__file__).resolve().parent
STEPS = 100

# layers: (In, Out, scale of w), the power of two next to Xavier's bound.
NETS = {
    "simple": {
        "layers": [(10, 5, 0.5), (5, 2, 1.0)], "activation": torch.sigmoid, "batch": 16, "data": simple_batch,
        "optimizer": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, foreach=False),
        "says": "10-5-2, sigmoid, cross entropy, SGD lr 0.1 momentum 0.9, batch 16",
    },
    "regression": {
        "layers": [(10, 10, 0.5), (10, 1, 0.5)], "activation": torch.relu, "batch": 1000, "data": regression_batch,
        "optimizer": lambda p: torch.optim.Adam(p, lr=0.01, foreach=False),
        "says": "10-10-1, relu, mean squared error, Adam lr 0.01, batch 1000",
    },
    "mnist": {
        "layers": [(784, 64, 0.0625), (64, 32, 0.25), (32, 10, 0.5)], "activation": torch.relu, "batch": 32,
        "data": mnist_batch, "optimizer": lambda p: torch.optim.Adam(p, lr=1e-3, foreach=False),
        "says": "784-64-32-10, relu, cross entropy, Adam lr 1e-3, batch 32",
    },
}


# --- training ---------------------------------------------------------------------------------------------------


def train(net, dtype, reverse_rows=False):
    """Gradients of step 1, the loss before each of STEPS updates, the parameters after them.  All [In, Out]."""
    arrays = parameter_arrays(net["layers"])
    parameters = {n: torch.tensor(a, dtype=dtype, requires_grad=True) for n, a in arrays.items()}
    # torch.nn.Linear stores [Out, In]; x @ w + b on [In, Out] is the same product, so no transpose is left to do.
    optimizer = net["optimizer"](list(parameters.values()))
    losses, gradients = [], None
    for step in range(STEPS):
        x, y = net["data"](step, net["batch"])
        if reverse_rows:
            x, y = x[::-1].copy(), y[::-1].copy()
        h = torch.tensor(x).to(dtype)
        if x.dtype == np.uint8:
            h = h / 255
        last = len(net["layers"])
        for number in range(1, last + 1):
            h = torch.addmm(parameters[f"fc{number}.b"], h, parameters[f"fc{number}.w"])
            h = net["activation"](h) if number < last else h
        if y.dtype == np.float32:
            loss = torch.nn.functional.mse_loss(h, torch.tensor(y).to(dtype))
        else:
            loss = torch.nn.functional.cross_entropy(h, torch.tensor(y.astype(np.int64)))
        optimizer.zero_grad()
        loss.backward()
        if gradients is None:
            gradients = {n: p.grad.detach().numpy().copy() for n, p in parameters.items()}
        optimizer.step()
        losses.append(loss.item())
    return gradients, np.array(losses), {n: p.detach().numpy().copy() for n, p in parameters.items()}


def norm(array):
    return float(np.sqrt((array.astype(np.float64) ** 2).sum()))


def deviations(run, reference):
    """Largest relative distance of gradients and parameters (by norm) and of losses."""
    def by_norm(a, b):
        return max(norm(a[n].astype(np.float64) - b[n]) / norm(b[n]) for n in b)
    loss = float(np.max(np.abs(run[1] - reference[1]) / np.abs(reference[1])))
    return {"gradients": by_norm(run[0], reference[0]), "losses": loss, "parameters": by_norm(run[2], reference[2])}


def oracle_of(name, net, stamp):
    """(tensors, metadata) of one net's file."""
    f32, f64 = train(net, torch.float32), train(net, torch.float64)
    reverse = train(net, torch.float32, reverse_rows=True)
    tensors = {"grad." + n: a.astype(np.float32) for n, a in f32[0].items()}
    tensors["losses"] = f32[1].astype(np.float32)
    tensors["losses.f64"] = f64[1]
    tensors.update({"norm." + n: np.array([norm(a)]) for n, a in f32[2].items()})
    first = net["data"](0, net["batch"])
    metadata = dict(stamp, net=net["says"], steps=str(STEPS),
                    parameters_fnv1a=fnv1a(parameter_arrays(net["layers"]).values()), first_batch_fnv1a=fnv1a(first),
                    f32_against_f64=json.dumps(deviations(f32, f64)),
                    f32_against_f32_with_rows_reversed=json.dumps(deviations(reverse, f32)))
    print(f"{name}: loss {f32[1][0]:.6f} -> {f32[1][-1]:.6f}")
    print(f"  f32 against f64:           {deviations(f32, f64)}")
    print(f"  f32, rows reversed, to f32: {deviations(reverse, f32)}")
    return tensors, metadata


# --- files ------------------------------------------------------------------------------------------------------


def write_safetensors(path, tensors, metadata):
    names = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64"}
    header, data = {"__metadata__": metadata}, b""
    for name, array in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": names[array.dtype], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read_safetensors(path):
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    header.pop("__metadata__")
    types = {"F32": np.float32, "F64": np.float64}
    return {n: np.frombuffer(raw[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]], types[t["dtype"]])
            .reshape(t["shape"]) for n, t in header.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    stamp = {"made_by": "tests/oracle/make_oracle.py", "torch": torch.__version__,
             "date": datetime.date.today().isoformat()}
    for name, net in NETS.items():
        tensors, metadata = oracle_of(name, net, stamp)
        path = FOLDER / f"{name}.safetensors"
        if check:
            old = read_safetensors(path)
            worst = max(norm(tensors[n].astype(np.float64) - old[n]) / norm(old[n]) for n in old)
            print(f"  largest relative distance from the committed file: {worst:.2e}")
        else:
            write_safetensors(path, tensors, metadata)
    if not check:
        text = ",\n".join(json.dumps(record) for record in unit_records())
        (FOLDER / "units.json").write_text(json.dumps(stamp)[:-1] + ', "units": [\n' + text + "\n]}\n")


if __name__ == "__main__":
    main()
