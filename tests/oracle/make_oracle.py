#!/usr/bin/env python3
"""Asks PyTorch for the numbers that the tests compare Tarn with.

    python3 tests/oracle/make_oracle.py [NET...]           rewrites records/*.json and units.json (all, or some nets)
    python3 tests/oracle/make_oracle.py --check [NET...]   compares a fresh run with the committed files, writes nothing

Needs torch and numpy.  Weights and batches come from the integer hash of oracle_data.py, which oracle_data.h computes
too, so the files hold results only; a checksum of the weights and of the first batch ties the two together.
"""
import argparse
import datetime
import json
import pathlib

import numpy as np
import torch

from oracle_nets import NETS, TarnContext, torch_inputs, torch_optimizer
from oracle_data import fnv1a, project
from units import unit_records

FOLDER = pathlib.Path(__file__).resolve().parent


def clip(parameters, limit):
    """As torch.nn.utils.clip_grad_norm_, which has no f64 form of its own."""
    torch.nn.utils.clip_grad_norm_(list(parameters.values()), limit, foreach=False)


def train(net, dtype, reverse_rows=False):
    """Gradients of step 1 (clipped, where the net clips), the loss before each update, the parameters after them."""
    arrays = net.parameter_arrays()
    parameters = {n: torch.tensor(a, dtype=dtype, requires_grad=True) for n, a in arrays.items()}
    optimizer = torch_optimizer(net, parameters, foreach=False)
    losses, gradients = [], None
    for step in range(net.steps):
        raw = net.input_arrays(step)
        if reverse_rows:
            raw = {n: a[::-1].copy() for n, a in raw.items()}
        for group in optimizer.param_groups:
            group["lr"] = net.optimizer.rate(step)
        loss = net.loss(parameters, torch_inputs(net, raw, dtype), TarnContext(step))
        optimizer.zero_grad()
        loss.backward()
        if net.optimizer.clip_norm:
            clip(parameters, net.optimizer.clip_norm)
        if gradients is None:
            gradients = {n: p.grad.detach().numpy().copy() for n, p in parameters.items()}
        optimizer.step()
        losses.append(loss.item())
    return gradients, np.array(losses), {n: p.detach().numpy().copy() for n, p in parameters.items()}


def norm(array):
    return float(np.sqrt((np.asarray(array, np.float64) ** 2).sum()))


def deviations(run, reference):
    """Largest relative distance of gradients and parameters (by norm) and of losses."""
    def by_norm(a, b):
        return max(norm(a[n].astype(np.float64) - b[n]) / norm(b[n]) for n in b)
    loss = float(np.max(np.abs(run[1] - reference[1]) / np.abs(reference[1])))
    return {"gradients": by_norm(run[0], reference[0]), "losses": loss, "parameters": by_norm(run[2], reference[2])}


def record_of(net, stamp):
    f32, f64 = train(net, torch.float32), train(net, torch.float64)
    record = dict(stamp, net=net.says, source=net.source, batch=net.batch, steps=net.steps,
                  gradients_within=net.gradients_within, losses_within=net.losses_within,
                  parameters_fnv1a=fnv1a(net.parameter_arrays().values()),
                  first_batch_fnv1a=fnv1a(net.input_arrays(0).values()),
                  f32_against_f64=deviations(f32, f64), inputs=net.inputs)
    if "dropout" not in net.says:  # masks go by position
        record["f32_against_f32_with_rows_reversed"] = deviations(train(net, torch.float32, reverse_rows=True), f32)
    record["parameters"] = [dict(spec, norm=norm(f32[2][spec["path"]]), gradient_norm=norm(f32[0][spec["path"]]),
                                 gradient=project(f32[0][spec["path"]])) for spec in net.parameters]
    record["losses"], record["losses_f64"] = f32[1].tolist(), f64[1].tolist()
    print(f"{net.name}: loss {f32[1][0]:.6f} -> {f32[1][-1]:.6f}")
    print(f"  f32 against f64: {record['f32_against_f64']}")
    return record


def text_of(record):
    """One line a key, and one a parameter or input."""
    def value(held):
        if isinstance(held, list) and held and isinstance(held[0], dict):
            return "[\n  " + ",\n  ".join(json.dumps(one) for one in held) + "]"
        return json.dumps(held)
    return "{" + ",\n ".join(f"{json.dumps(key)}: {value(held)}" for key, held in record.items()) + "}\n"


def compare(record, old):
    """The largest relative distance of a fresh record from the committed one."""
    far = [abs(a - b) / abs(b) for a, b in zip(record["losses"], old["losses"])]
    for new, committed in zip(record["parameters"], old["parameters"]):
        far.append(norm(np.subtract(new["gradient"], committed["gradient"])) / norm(committed["gradient"]))
    print(f"  largest relative distance from the committed file: {max(far):.2e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("nets", nargs="*", choices=[*NETS, []], metavar="NET")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    stamp = {"made_by": "tests/oracle/make_oracle.py", "torch": torch.__version__,
             "date": datetime.date.today().isoformat()}
    for name in options.nets or NETS:
        record, path = record_of(NETS[name], stamp), FOLDER / "records" / f"{name}.json"
        if options.check:
            compare(record, json.loads(path.read_text()))
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text_of(record))
    if not options.check and not options.nets:
        text = ",\n".join(json.dumps(record) for record in unit_records())
        (FOLDER / "units.json").write_text(json.dumps(stamp)[:-1] + ', "units": [\n' + text + "\n]}\n")


if __name__ == "__main__":
    main()
