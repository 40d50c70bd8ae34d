"""The nets that bench/step.py times, as plain facts that every contestant builds its own step from.

Weights and batches are those of tests/oracle (an integer hash), so all contestants must show the same loss.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "oracle"))
from oracle_data import mnist_batch, parameter_arrays, regression_batch, simple_batch  # noqa: E402

BATCHES = 16  # distinct batches in memory, taken in turn; 16 of MNIST's are 1.6 MB of f32
LOSS_STEP = 64  # the loss of this step (from 1) is compared between contestants

# mlp_512's lr is small on purpose: at 0.05 one relu input of 2e-7, whose sign is a matter of rounding, moves the loss by
# 2 % within 64 steps, and the comparison of losses would say nothing.
# layers: (In, Out, scale of w); `classes` None means mean squared error; sgd: (lr, momentum), adam: lr.
NETS = {
    "simple": {"layers": [(10, 5, 0.5), (5, 2, 1.0)], "activation": "sigmoid", "batch": 16, "data": simple_batch,
               "classes": 2, "optimizer": ("sgd", 0.1, 0.9), "says": "10-5-2 sigmoid, SGD momentum, batch 16"},
    "regression": {"layers": [(10, 10, 0.5), (10, 1, 0.5)], "activation": "relu", "batch": 1000,
                   "data": regression_batch, "classes": None, "optimizer": ("adam", 0.01),
                   "says": "10-10-1 relu, MSE, Adam, batch 1000"},
    "mnist": {"layers": [(784, 64, 0.0625), (64, 32, 0.25), (32, 10, 0.5)], "activation": "relu", "batch": 32,
              "data": mnist_batch, "classes": 10, "optimizer": ("adam", 1e-3), "says": "784-64-32-10, Adam, batch 32"},
    "mlp_512": {"layers": [(784, 512, 0.0625), (512, 512, 0.0625), (512, 10, 0.125)], "activation": "relu",
                "batch": 128, "data": mnist_batch, "classes": 10, "optimizer": ("sgd", 0.01, 0.9),
                "says": "784-512-512-10, SGD momentum, batch 128"},
}


def parameters(net):
    """{path: f32 array}, w as [In, Out]."""
    return parameter_arrays(net["layers"])


def raw_batches(net):
    """[(x, y)] as a data file holds them: images u8.

    The second half has the inputs of the first with other labels: the nets cannot learn them by heart, so that the
    gradients stay alive however many steps are timed.
    """
    half, batch = BATCHES // 2, net["batch"]
    return [(net["data"](step % half, batch)[0], net["data"](step, batch)[1]) for step in range(BATCHES)]


def float_batches(net):
    """[(x, y)] with x in f32: the division by 255, which Tarn does inside its step, is done for the rivals here."""
    return [(x.astype("float32") / 255 if x.dtype == "uint8" else x, y) for x, y in raw_batches(net)]


def flops(net):
    """Floating-point operations of the matrix products of one step: forward, weight gradient, input gradient."""
    products = [2 * net["batch"] * rows * columns for rows, columns, _ in net["layers"]]
    return 3 * sum(products) - products[0]  # nobody needs the gradient of the input
