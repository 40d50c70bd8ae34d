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
import sys

import numpy as np
import torch

from oracle_nets import (NETS, TarnContext, backward, set_rates, torch_inputs, torch_optimizer, torch_parameters,
                         torch_states)
from oracle_data import fnv1a, project, signed_units
from units import unit_records

FOLDER = pathlib.Path(__file__).resolve().parent


class Run:
    """What a training leaves: gradients of step 1, the losses before each update, and what is kept after the last."""

    def __init__(self, gradients, losses, parameters, states, has_drawn):
        self.gradients, self.parameters, self.states, self.has_drawn = gradients, parameters, states, has_drawn
        self.losses = {name: np.array(values) for name, values in losses.items()}


def copies(tensors):
    return {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}


def train(net, dtype, nudged=False):
    """`nudged`: each first weight is moved by up to 2^-21 of itself, some four roundings."""
    parameters, states = torch_parameters(net, dtype), torch_states(net, dtype)
    if nudged:
        with torch.no_grad():
            for p in parameters.values():
                p.mul_(1 + torch.from_numpy(signed_units(8, 0, p.numel()) * np.float32(2.0**-21)).reshape(p.shape))
    optimizer = torch_optimizer(net, parameters, foreach=False)
    names = list(net.over or ["loss"])
    losses, gradients, context = {name: [] for name in names}, None, None
    for step in range(net.steps):
        raw = net.input_arrays(step, net.record_batch)
        set_rates(net, optimizer, parameters, step)
        context = TarnContext(step, states, dtype)
        result = net.loss(parameters, torch_inputs(net, raw, dtype), context)
        for name, value in zip(names, backward(net, result, parameters)):
            losses[name].append(value.item())
        gradients = gradients or copies({n: p.grad for n, p in parameters.items()})
        optimizer.step()
        optimizer.zero_grad()
    return Run(gradients, losses, copies(parameters), copies(states), context.has_drawn)


def norm(array):
    return float(np.sqrt((np.asarray(array, np.float64) ** 2).sum()))


def deviations(run, reference):
    """Largest relative distances: of gradients, parameters and states by norm."""
    def by_norm(a, b):
        least = 1e-6 * norm([norm(array) for array in b.values()])  # as in cases.cpp
        return max(norm(a[n].astype(np.float64) - b[n]) / max(norm(b[n]), least) for n in b)
    result = {"gradients": by_norm(run.gradients, reference.gradients),
              "losses": max(float(np.max(np.abs(run.losses[n] / losses - 1))) for n, losses in reference.losses.items()),
              "parameters": by_norm(run.parameters, reference.parameters)}
    if reference.states:
        result["states"] = by_norm(run.states, reference.states)
    return result


def record_of(net, stamp):
    f32, f64 = train(net, torch.float32), train(net, torch.float64)
    if f32.has_drawn != net.is_random:
        sys.exit(f"{net.name}: is_random says {net.is_random}")
    record = dict(stamp, net=net.says, source=net.source, batch=net.record_batch or net.batch, first_batch=net.first_batch,
                  steps=net.steps,
                  gradients_within=net.gradients_within, losses_within=net.losses_within,
                  parameters_fnv1a=fnv1a(net.parameter_arrays().values()),
                  first_batch_fnv1a=fnv1a(net.input_arrays(0, net.record_batch).values()),
                  f32_against_f64=deviations(f32, f64), inputs=net.inputs)
    record["nudged"] = deviations(train(net, torch.float32, nudged=True), f32)
    record["parameters"] = [dict(spec, norm=norm(f32.parameters[path]), gradient_norm=norm(f32.gradients[path]),
                                 gradient=project(f32.gradients[path]))
                            for spec in net.parameters for path in [spec["path"]]]
    record["states"] = [dict(path=path, norm=norm(array), projections=project(array))
                        for path, array in f32.states.items()]
    record["losses"], record["losses_f64"] = ([values.tolist() for values in run.losses.values()] for run in (f32, f64))
    record["loss_names"] = ["loss", *list(net.over or [])[1:]]
    for name, values in f32.losses.items():
        print(f"{net.name}: {name} {values[0]:.6f} -> {values[-1]:.6f}")
    for key in ("f32_against_f64", "nudged"):
        print(f"  {key}: " + ", ".join(f"{what} {far:.1e}" for what, far in record[key].items()))
    if max(record["nudged"][what] for what in ("losses", "parameters")) > net.losses_within / 4:
        print("  ILL-CONDITIONED: choose another first_batch")
    return record


def text_of(record):
    """One line a key, and one a parameter or input."""
    def value(held):
        if isinstance(held, list) and held and isinstance(held[0], (dict, list)):
            return "[\n  " + ",\n  ".join(json.dumps(one) for one in held) + "]"
        return json.dumps(held)
    return "{" + ",\n ".join(f"{json.dumps(key)}: {value(held)}" for key, held in record.items()) + "}\n"


def compare(record, old):
    """The largest relative distance of a fresh record from the committed one."""
    far = [abs(a - b) / abs(b) for new, committed in zip(record["losses"], old["losses"])
           for a, b in zip(new, committed)]
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
