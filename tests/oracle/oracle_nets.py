"""The nets that PyTorch computes for tests/oracle and bench/: facts, and the loss as people write it.

A net says which model file it is the twin of, what its inputs and first parameters are (specs of oracle_data.py) and
how PyTorch computes its loss from parameters under the names, shapes and layouts that they have in Tarn.
"""
import math
import pathlib
from dataclasses import dataclass, field

import numpy as np

from oracle_data import input_arrays, parameter_arrays, philox_uniform, stream_of

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOTAL_STEPS = 1000  # of the whole run, as the schedules of both sides see it


@dataclass
class Optimizer:
    kind: str  # sgd, adam, adamw
    lr: object  # a number, or a function of (step from 0, total steps)
    options: dict = field(default_factory=dict)
    without_decay: str = ""  # the parameters whose path ends so have none
    clip_norm: float = 0

    def rate(self, step, total=TOTAL_STEPS):
        return self.lr(step, total) if callable(self.lr) else self.lr


@dataclass
class Net:
    name: str
    source: str  # the model file, from the root of the repository
    says: str
    batch: int
    inputs: list
    parameters: list
    loss: object  # (parameters, inputs, Context) -> loss
    optimizer: Optimizer
    steps: int = 20
    gradients_within: float = 1e-4  # relative, by norm for each parameter: what the test demands
    losses_within: float = 1e-3
    layers: list = None  # of a plain net: its dense layers, for jax
    activation: str = "relu"

    def parameter_arrays(self):
        return parameter_arrays(self.parameters)

    def input_arrays(self, step):
        return input_arrays(self.inputs, step, self.batch)


class Context:
    """What a loss may need beside its tensors: random masks."""

    def dropout(self, path, x, rate):
        import torch
        return torch.nn.functional.dropout(x, rate)


class TarnContext(Context):
    """The masks that Tarn draws: of layer `path` in step number `step`, seed 1."""

    def __init__(self, step):
        self.step = step

    def dropout(self, path, x, rate):
        import torch
        drawn = philox_uniform(1, self.step, stream_of(path + ".random"), tuple(x.shape))
        return torch.where(torch.from_numpy(drawn) < np.float32(rate), 0, x / (1 - rate))


def torch_inputs(net, arrays, dtype):
    """Tensors as a PyTorch program has them: bytes of images as numbers in [0, 1], labels as i64."""
    import torch
    tensors = {}
    for name, array in arrays.items():
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if array.dtype == np.uint8:
            tensors[name] = tensor.to(dtype) / 255
        else:
            tensors[name] = tensor.to(dtype) if array.dtype == np.float32 else tensor.long()
    return tensors


def torch_optimizer(net, parameters, **form):
    """`parameters`: {path: tensor}.  The caller sets the rate of each step."""
    import torch
    optimizer = net.optimizer
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer.kind]
    plain = [p for n, p in parameters.items() if optimizer.without_decay and n.endswith(optimizer.without_decay)]
    rest = [p for n, p in parameters.items() if not (optimizer.without_decay and n.endswith(optimizer.without_decay))]
    groups = [{"params": rest}] + ([{"params": plain, "weight_decay": 0.0}] if plain else [])
    return make(groups, lr=optimizer.rate(0), **optimizer.options, **form)


# --- parts ----------------------------------------------------------------------------------------------------------


def weight(path, *shape, scale, offset=0):
    return {"path": path, "shape": list(shape), "scale": scale, "offset": offset}


def dense_parameters(layers):
    """w [In, Out] as in Tarn, scaled by the power of two next to Xavier's bound; b."""
    specs = []
    for path, rows, columns in layers:
        scale = 2.0 ** round(math.log2(math.sqrt(6 / (rows + columns))))
        specs += [weight(path + ".w", rows, columns, scale=scale), weight(path + ".b", columns, scale=0.0625)]
    return specs


def dense(p, path, x):
    """torch.nn.Linear stores [Out, In]; the product over [In, Out] is the same."""
    import torch
    flat = x.reshape(-1, x.shape[-1])
    return torch.addmm(p[path + ".b"], flat, p[path + ".w"]).reshape(*x.shape[:-1], -1)


def mlp(p, layers, activation, x):
    import torch
    act = {"relu": torch.relu, "sigmoid": torch.sigmoid}[activation]
    for number, (path, _, _) in enumerate(layers):
        x = dense(p, path, x)
        x = act(x) if number + 1 < len(layers) else x
    return x


def cosine(start, end):
    return lambda step, total: end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(step / total, 1)))


IMAGES = {"name": "images", "kind": "images", "row": [784]}
LABELS = {"name": "labels", "kind": "labels", "classes": 10, "dtype": "u8"}
POINTS = {"name": "x", "kind": "points", "row": [10]}


def plain_net(name, source, layers, activation="relu", inputs=(IMAGES, LABELS), mse=False, **facts):
    """A chain of dense layers; cross entropy, or the squared error."""
    x_name, y_name = inputs[0]["name"], inputs[1]["name"]

    def loss(p, d, _):
        import torch.nn.functional as F
        out = mlp(p, layers, activation, d[x_name])
        return F.mse_loss(out, d[y_name]) if mse else F.cross_entropy(out, d[y_name])
    return Net(name=name, source=source, inputs=list(inputs), parameters=dense_parameters(layers), loss=loss,
               layers=layers, activation=activation, **facts)


# --- the nets -------------------------------------------------------------------------------------------------------

STRICT = {"steps": 100, "gradients_within": 1e-5, "losses_within": 1e-4}
MNIST = [("fc1", 784, 64), ("fc2", 64, 32), ("out", 32, 10)]


def mnist_mlp_loss(p, d, context):
    import torch
    import torch.nn.functional as F
    x = torch.relu(dense(p, "fc1", d["images"]))
    x = context.dropout("drop", torch.relu(dense(p, "fc2", x)), 0.1)
    return F.cross_entropy(dense(p, "out", x), d["labels"])


def california_loss(p, d, _):
    import torch
    import torch.nn.functional as F
    columns = torch.cat([d["place"], torch.log1p(d["counts"]), d["income"]], dim=1)
    columns = F.batch_norm(columns, None, None, p["scale.gamma"], p["scale.beta"], training=True, eps=1e-5)
    x = torch.cat([columns, F.one_hot(d["sea"], 5).to(columns.dtype)], dim=1)
    x = dense(p, "out", torch.relu(dense(p, "fc2", torch.relu(dense(p, "fc1", x)))))
    return F.huber_loss(x, d["price.cols_median_house_value"] / 100000)


def autoencoder_loss(p, d, _):
    import torch
    import torch.nn.functional as F
    x = d["images"]
    for path in ("encoder.fc1", "encoder.fc2", "decoder.fc1", "decoder.fc2"):
        x = dense(p, path, x)
        x = torch.relu(x) if path.endswith("fc1") else x
    return F.mse_loss(torch.sigmoid(x), d["images"])


NETS = {net.name: net for net in [
    plain_net("simple", "examples/zoo/simple.tarn", [("fc1", 10, 5), ("fc2", 5, 2)], "sigmoid",
              inputs=(POINTS, {"name": "y", "kind": "side"}), batch=16,
              optimizer=Optimizer("sgd", 0.1, {"momentum": 0.9}),
              says="10-5-2, sigmoid, cross entropy, SGD lr 0.1 momentum 0.9, batch 16", **STRICT),
    plain_net("regression", "examples/zoo/regression.tarn", [("fc1", 10, 10), ("fc2", 10, 1)],
              inputs=(POINTS, {"name": "y", "kind": "bend", "row": [1]}), mse=True, batch=1000,
              optimizer=Optimizer("adam", 0.01),
              says="10-10-1, relu, squared error, Adam lr 0.01, batch 1000", **STRICT),
    plain_net("mnist", "examples/mnist.tarn", MNIST, batch=32, optimizer=Optimizer("adam", 1e-3),
              says="784-64-32-10, relu, cross entropy, Adam lr 1e-3, batch 32", **STRICT),
    Net("mnist_mlp", "examples/zoo/mnist_mlp.tarn",
        "784-64-32-10, relu, dropout 0.1, AdamW with warm-up, decay of weights only, gradients clipped, batch 64",
        batch=64, inputs=[IMAGES, LABELS], parameters=dense_parameters(MNIST), loss=mnist_mlp_loss,
        optimizer=Optimizer("adamw", lambda step, total: 0.002 * min((step + 1) / 500, 1), {"weight_decay": 0.02},
                            without_decay=".b", clip_norm=1.0)),
    plain_net("mlp_512", "examples/zoo/mlp_512.tarn", [("fc1", 784, 512), ("fc2", 512, 512), ("fc3", 512, 10)],
              batch=128, optimizer=Optimizer("sgd", cosine(0.1, 0), {"momentum": 0.9}),
              says="784-512-512-10, relu, cross entropy, SGD momentum 0.9, cosine, batch 128"),
    Net("california", "examples/zoo/california.tarn",
        "13-128-64-1, batch norm of the inputs, categories, Huber loss, Adam, cosine, batch 64",
        batch=64, inputs=[{"name": "place", "kind": "points", "row": [2]},
                          {"name": "counts", "kind": "points", "row": [5], "stream": 8},
                          {"name": "income", "kind": "points", "row": [1], "stream": 9},
                          {"name": "sea", "kind": "labels", "classes": 5},
                          {"name": "price.cols_median_house_value", "kind": "points", "row": [1], "stream": 10,
                           "times": 500000}],
        parameters=[weight("scale.gamma", 8, scale=0.25, offset=1), weight("scale.beta", 8, scale=0.25),
                    *dense_parameters([("fc1", 13, 128), ("fc2", 128, 64), ("out", 64, 1)])],
        loss=california_loss, optimizer=Optimizer("adam", cosine(0.003, 0.00001))),
    Net("autoencoder", "examples/zoo/autoencoder.tarn", "784-128-32-128-784, squared error, Adam lr 1e-3, batch 128",
        batch=128, inputs=[IMAGES],
        parameters=dense_parameters([("encoder.fc1", 784, 128), ("encoder.fc2", 128, 32), ("decoder.fc1", 32, 128),
                                     ("decoder.fc2", 128, 784)]),
        loss=autoencoder_loss, optimizer=Optimizer("adam", 1e-3)),
]}
