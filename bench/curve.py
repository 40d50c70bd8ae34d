#!/usr/bin/env python3
"""The CIFAR CNN trained on real images by Tarn and by PyTorch, from the same weights, batches and masks: both curves.

    python3 bench/curve.py --data DIRECTORY_WITH_CIFAR_10 --epochs 6

Tarn's side is the program as `tarn build` makes it of examples/zoo/cifar_cnn.tarn, but for two words: it takes the images
in the file's order, and evaluates on the test images after each epoch.  PyTorch starts from the same safetensors file and
draws the same dropout masks (tests/oracle).  Needs torch and numpy; training images: data_batch_*, test: test_batch*.
"""
import argparse
import gzip
import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np
import torch

from nets import NETS, ROOT, set_rates, torch_optimizer, torch_states
from oracle_nets import EvaluationContext, TarnContext, cifar_cnn
from step import find_tarn

NET = NETS["cifar_cnn"]


def read_images(folder, pattern):
    """(f32 [N, 3, 32, 32] in [0, 1], labels) of CIFAR-10's binary files."""
    files = [(gzip.open if path.suffix == ".gz" else open)(path, "rb").read() for path in sorted(folder.glob(pattern))]
    rows = np.frombuffer(b"".join(files), np.uint8).reshape(-1, 3073)
    return torch.from_numpy(rows[:, 1:].reshape(-1, 3, 32, 32).copy()).float() / 255, torch.from_numpy(rows[:, 0].copy()).long()


def first_weights():
    """Xavier's uniform draws for matrices and kernels; gamma 1, the rest 0."""
    random, arrays = np.random.default_rng(1), {}
    for spec in NET.parameters:
        shape = spec["shape"]
        if len(shape) == 1:
            arrays[spec["path"]] = np.full(shape, spec["path"].endswith("gamma"), np.float32)
            continue
        fans = shape if len(shape) == 2 else [shape[0] * shape[2] * shape[3], shape[1] * shape[2] * shape[3]]
        arrays[spec["path"]] = random.uniform(-1, 1, shape).astype(np.float32) * np.float32(np.sqrt(6 / sum(fans)))
    return {**arrays, **NET.state_arrays()}


def write_safetensors(path, arrays):
    header, offset = {}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for array in arrays.values()))


def tarn_curve(options, folder, weights):
    """[(loss, accuracy, test loss, test accuracy)] of each epoch."""
    source = (ROOT / NET.source).read_text()
    in_order = source.replace("\n  shuffle\n", "\n").replace('test = "test_batch*"', 'valid = "test_batch*"')
    assert in_order.count("shuffle") == 0 and 'valid = "test_batch*"' in in_order
    (folder / "cifar_cnn.tarn").write_text(in_order)
    write_safetensors(folder / "first.safetensors", weights)
    subprocess.run([find_tarn(options.tarn), "build", "cifar_cnn.tarn", "-o", "cifar_cnn"], cwd=folder, check=True)
    subprocess.run([folder / "cifar_cnn", "train", "--data", options.data.resolve(), "--epochs", str(options.epochs),
                    "--load", "first.safetensors", "--log", "log.jsonl", "--quiet"], cwd=folder, check=True)
    events = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(e["loss"], e["accuracy"], e["valid_loss"], e["valid_accuracy"]) for e in events if e["event"] == "epoch"]


def evaluate(parameters, states, images, labels):
    with torch.no_grad():
        logits = torch.cat([cifar_cnn(parameters, part, EvaluationContext(states)) for part in images.split(250)])
        return (torch.nn.functional.cross_entropy(logits, labels).item(),
                (logits.argmax(1) == labels).float().mean().item())


def torch_curve(options, weights):
    images, labels = read_images(options.data, "data_batch_*")
    test = read_images(options.data, "test_batch*")
    parameters = {s["path"]: torch.from_numpy(weights[s["path"]].copy()).requires_grad_() for s in NET.parameters}
    states, optimizer, curve, step = torch_states(NET), torch_optimizer(NET, parameters), [], 0
    steps = options.epochs * -(-len(labels) // NET.batch)
    for _ in range(options.epochs):
        loss_sum = right = 0
        for x, y in zip(images.split(NET.batch), labels.split(NET.batch)):
            set_rates(NET, optimizer, parameters, step, steps)
            logits = cifar_cnn(parameters, x, TarnContext(step, states, torch.float32))
            loss = torch.nn.functional.cross_entropy(logits, y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            loss_sum, right, step = loss_sum + loss.item() * len(y), right + (logits.argmax(1) == y).sum().item(), step + 1
        curve.append((loss_sum / len(labels), right / len(labels), *evaluate(parameters, states, *test)))
    return curve


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--tarn", help="the compiler; default: the one in build*/")
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count())
    torch.set_flush_denormal(True)
    weights = first_weights()
    with tempfile.TemporaryDirectory() as folder:
        tarn = tarn_curve(options, pathlib.Path(folder), weights)
    print("| epoch | loss, tarn | torch | accuracy, tarn | torch | test loss, tarn | torch | test accuracy, tarn | torch |")
    print("|---" * 9 + "|")
    for epoch, (ours, theirs) in enumerate(zip(tarn, torch_curve(options, weights)), start=1):
        pairs = [f"{a:.4f} | {b:.4f}" if place % 2 == 0 else f"{100 * a:.1f} % | {100 * b:.1f} %"
                 for place, (a, b) in enumerate(zip(ours, theirs))]
        print(f"| {epoch} | {' | '.join(pairs)} |", flush=True)


if __name__ == "__main__":
    main()
