#!/usr/bin/env python3
"""Asks PyTorch for the numbers that oracle_test.cpp compares Tarn with.

    python3 tests/oracle/make_oracle.py            rewrites tests/oracle/*.safetensors and units.json
    python3 tests/oracle/make_oracle.py --check    compares a fresh run with the committed files, writes nothing

Needs torch and numpy.  Weights and batches come from the integer hash below, which oracle_data.h computes too, so the
files hold results only; a checksum of the weights and of the first batch ties the two implementations together.
"""
import argparse
import datetime
import json
import pathlib
import struct

import numpy as np
import torch

FOLDER = pathlib.Path(__file__).resolve().parent
STEPS = 100

# --- data: oracle_data.h is the same in C++, line by line ---------------------------------------------------------


def mix(h):
    """Murmur3's 32-bit finaliser (Appleby, public domain), on a u32 array."""
    h = h.astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h


def bits(stream, first, count):
    """`count` u32 words of stream number `stream` from index `first`."""
    key = mix(np.array([(stream + 0x9E3779B9) & 0xFFFFFFFF], dtype=np.uint32))
    index = np.arange(first, first + count, dtype=np.uint64).astype(np.uint32)
    return mix(key ^ index)


def signed_units(stream, first, count):
    """k * 2^-23 for k in [-2^23, 2^23): in [-1, 1) and exact in f32."""
    return ((bits(stream, first, count) >> 8).astype(np.int64) - (1 << 23)).astype(np.float32) * np.float32(2.0**-23)


def teacher(stream, count):
    """Whole numbers in [-128, 128)."""
    return (bits(stream, 0, count) >> 24).astype(np.int64) - 128


# Streams: 1 inputs, 2 labels or noise, 3 and 4 teachers, 16 + n for parameter number n.
def points(step, batch, features):
    """24-bit whole numbers [batch, features]; the input is these times 2^-24, in [0, 1)."""
    return (bits(1, step * batch * features, batch * features) >> 8).astype(np.int64).reshape(batch, features)


def simple_batch(step, batch):
    """x f32 [B,10]; label 1 on one side of a plane through the middle of the cube."""
    raw = points(step, batch, 10)
    side = ((raw - (1 << 23)) * teacher(3, 10)).sum(axis=1)
    return raw.astype(np.float32) * np.float32(2.0**-24), (side > 0).astype(np.int32)


def regression_batch(step, batch):
    """x f32 [B,10], y f32 [B,1]: a plane plus the absolute value of another one, rounded once to f32."""
    raw = points(step, batch, 10)
    plane = ((raw - (1 << 23)) * teacher(3, 10)).sum(axis=1)
    bend = np.abs(((raw - (1 << 23)) * teacher(4, 10)).sum(axis=1))
    y = ((plane + bend).astype(np.float64) * 2.0**-31).astype(np.float32)
    return raw.astype(np.float32) * np.float32(2.0**-24), y.reshape(batch, 1)


def mnist_batch(step, batch):
    """Images u8 [B,784]: noise, and where the class's prototype says so (one pixel in four) its byte; labels u8 [B]."""
    labels = (bits(2, step * batch, batch) % 10).astype(np.uint8)
    noise = (bits(1, step * batch * 784, batch * 784) >> 24).astype(np.uint8).reshape(batch, 784)
    prototype = bits(3, 0, 10 * 784).reshape(10, 784)[labels]
    return np.where((prototype & 3) == 0, (prototype >> 24).astype(np.uint8), noise), labels


# name, scale: parameters are signed_units(16 + number) * scale, the powers of two next to Xavier's bound.
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
BIAS_SCALE = 0.0625


def parameter_arrays(net):
    """{path: f32 array}; w is [In, Out] as in Tarn."""
    arrays = {}
    for number, (rows, columns, scale) in enumerate(net["layers"]):
        path = f"fc{number + 1}"
        w = signed_units(16 + 2 * number, 0, rows * columns) * np.float32(scale)
        arrays[path + ".w"] = w.reshape(rows, columns)
        arrays[path + ".b"] = signed_units(17 + 2 * number, 0, columns) * np.float32(BIAS_SCALE)
    return arrays


def fnv1a(arrays):
    """64-bit FNV-1a of the arrays' bytes, little endian, one after another."""
    value = 0xCBF29CE484222325
    for array in arrays:
        for byte in np.ascontiguousarray(array).tobytes():
            value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


# --- training ---------------------------------------------------------------------------------------------------


def train(net, dtype, reverse_rows=False):
    """Gradients of step 1, the loss before each of STEPS updates, the parameters after them.  All [In, Out]."""
    parameters = {n: torch.tensor(a, dtype=dtype, requires_grad=True) for n, a in parameter_arrays(net).items()}
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
                    parameters_fnv1a=fnv1a(parameter_arrays(net).values()), first_batch_fnv1a=fnv1a(first),
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
        from units import unit_records
        text = ",\n".join(json.dumps(record) for record in unit_records())
        (FOLDER / "units.json").write_text(json.dumps(stamp)[:-1] + ', "units": [\n' + text + "\n]}\n")


if __name__ == "__main__":
    main()
