"""The nets that bench/step.py times: those of tests/oracle/oracle_nets.py, as every contestant gets them.

Weights and batches are an integer hash, so all contestants must show the same loss.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "oracle"))
from oracle_nets import (NETS, ROOT, Context, backward, has_schedule, rate_of, set_rates, torch_inputs,  # noqa: E402,F401
                         torch_optimizer, torch_parameters, torch_states)

BATCHES = 16  # distinct batches in memory, taken in turn; 16 of MNIST's are 1.6 MB of f32
LOSS_STEP = 8  # the loss of this step (from 1) is compared: before rounding errors have grown, see tests/oracle
TOTAL_STEPS = 1_000_000  # as schedules see it


class Absent(Exception):
    """This contestant cannot take part here; the text says why."""


def is_target(spec):
    return spec["kind"] in ("labels", "side", "bend") or spec.get("shift", 0) > 0


def batches(net):
    """[{input: array}] as a data file holds them: images u8.

    The second half has the inputs of the first with other labels: the nets cannot learn them by heart, so that the
    gradients stay alive however many steps are timed.
    """
    half = BATCHES // 2
    drawn = [net.input_arrays(step) for step in range(BATCHES)]
    return [{spec["name"]: drawn[step if is_target(spec) else step % half][spec["name"]] for spec in net.inputs}
            for step in range(BATCHES)]


def flops(net):
    """Floating-point operations of the products of one step, forward and backward, as PyTorch counts them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    p = torch_parameters(net)
    with FlopCounterMode(display=False) as counter:
        inputs = torch_inputs(net, net.input_arrays(0), torch.float32)
        backward(net, net.loss(p, inputs, Context(torch_states(net))), p)
    return counter.get_total_flops()
