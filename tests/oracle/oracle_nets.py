"""The nets that PyTorch computes for tests/oracle and bench/: facts, and the loss as people write it.

A net says which model file it is the twin of, what its inputs and first parameters are (specs of oracle_data.py) and
how PyTorch computes its loss from parameters under the names, shapes and layouts that they have in Tarn.  README.md
says how to add one.
"""
import fnmatch
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
    options: dict = field(default_factory=dict)  # torch.optim's
    groups: list = field(default_factory=list)  # [(pattern of paths, other options, `lr` too)], later ones go first
    clip_norm: float = 0

    def options_of(self, path):
        """All options of one parameter, `lr` among them."""
        options = {"lr": self.lr, **self.options}
        for pattern, others in self.groups:
            options.update(others if fnmatch.fnmatchcase(path, pattern) else {})
        return options

    def split(self, paths):
        """[(options, paths)]: the parameters in as few groups as there are different options."""
        groups = []
        for path in paths:
            options = self.options_of(path)
            same = [members for known, members in groups if known == options]
            same[0].append(path) if same else groups.append((options, [path]))
        return groups


def rate_of(options, step, total=TOTAL_STEPS):
    return options["lr"](step, total) if callable(options["lr"]) else options["lr"]


@dataclass
class Net:
    name: str
    source: str  # the model file, from the root of the repository
    says: str
    batch: int
    inputs: list
    parameters: list
    loss: object  # (parameters, inputs, Context) -> loss, or {name: loss} of several, the reported one first
    optimizer: Optimizer
    over: dict = None  # of several losses: {name: pattern of the parameters' paths}
    states: list = field(default_factory=list)  # [{path, shape, value}]: what Context.update gives new values
    is_random: bool = False  # draws masks or noise
    record_batch: int = 0  # of the record, where it is not `batch` (README.md)
    first_batch: int = 0  # another one, where f32 decides a maximum of the first ones otherwise than f64 (README.md)
    steps: int = 20
    gradients_within: float = 1e-4  # relative, by norm for each parameter: what the test demands
    losses_within: float = 1e-3
    layers: list = None  # of a plain net: its dense layers, for jax
    activation: str = "relu"

    def parameter_arrays(self):
        return parameter_arrays(self.parameters)

    def state_arrays(self):
        return {s["path"]: np.full(s["shape"], s["value"], np.float32) for s in self.states}

    def input_arrays(self, step, batch=None):
        return input_arrays(self.inputs, self.first_batch + step, batch or self.batch)


# --- draws and states -----------------------------------------------------------------------------------------------


class Context:
    """What a loss may need beside its tensors: draws, and states with their new values.  Here: PyTorch's own draws.

    `path` is that of the layer that draws ("" in a train block); a layer's draws count from 1 in the order of the text.
    """

    def __init__(self, states=None):
        import torch
        self.states = states or {}  # {path: tensor}, changed in place; without them nothing is kept
        self.device = torch.get_default_device()

    def uniform(self, path, shape, low=0, high=1, number=1):
        """As `uniform[..](low, high)` and `random_like`."""
        import torch
        return low + (high - low) * torch.rand(shape, device=self.device)

    def normal(self, path, shape, mean=0, std=1, number=1):
        """As `normal[..](mean, std)`, which takes two draws: the next one is number + 2."""
        import torch
        return mean + std * torch.randn(shape, device=self.device)

    def dropout(self, path, x, rate):
        import torch
        return torch.nn.functional.dropout(x, rate)

    def batch_norm(self, p, path, x, eps=1e-5, momentum=0.1):
        """Training; the running statistics are states `path`.mean and .var (`running` makes their specs)."""
        import torch
        kept = self.states.get(path + ".mean"), self.states.get(path + ".var")
        return torch.nn.functional.batch_norm(x, *kept, p[path + ".gamma"], p[path + ".beta"], True, momentum, eps)


class EvaluationContext(Context):
    """No dropout, and running statistics."""

    def dropout(self, path, x, rate):
        return x

    def batch_norm(self, p, path, x, eps=1e-5, momentum=0.1):
        import torch
        kept = self.states[path + ".mean"], self.states[path + ".var"]
        return torch.nn.functional.batch_norm(x, *kept, p[path + ".gamma"], p[path + ".beta"], False, momentum, eps)


class TarnContext(Context):
    """The draws of Tarn in step number `step`, seed 1."""

    def __init__(self, step, states=None, dtype=None):
        super().__init__(states)
        self.step, self.dtype, self.has_drawn = step, dtype, False

    def draw(self, path, shape, number):
        import torch
        self.has_drawn = True
        name = "random" if number == 1 else f"random.{number}"
        # Draws go by position, so that a last batch with fewer rows has the first draws.
        drawn = philox_uniform(1, self.step, stream_of(f"{path}.{name}" if path else name), tuple(shape))
        return torch.from_numpy(drawn).to(self.dtype)

    def uniform(self, path, shape, low=0, high=1, number=1):
        return low + (high - low) * self.draw(path, shape, number)

    def normal(self, path, shape, mean=0, std=1, number=1):
        """Box and Muller's formula of two draws."""
        import torch
        first, second = self.draw(path, shape, number), self.draw(path, shape, number + 1)
        return mean + std * torch.sqrt(-2 * torch.log(1 - first)) * torch.cos(2 * math.pi * second)

    def dropout(self, path, x, rate):
        import torch
        return torch.where(self.draw(path, x.shape, 1) < np.float32(rate), 0, x / (1 - rate))


# --- PyTorch's side of a step ---------------------------------------------------------------------------------------


def torch_parameters(net, dtype=None):
    """{path: leaf}.  `stored: "transposed"` in a spec: the matrix lies as its transpose, for losses that take p.t()."""
    import torch
    leaves = {}
    for spec, (path, array) in zip(net.parameters, net.parameter_arrays().items()):
        leaf = torch.from_numpy(array).to(torch.get_default_device(), dtype or torch.float32)
        leaf = leaf.t().contiguous().t() if spec.get("stored") == "transposed" else leaf
        leaves[path] = leaf.requires_grad_()
    return leaves


def torch_states(net, dtype=None):
    import torch
    device = torch.get_default_device()
    return {path: torch.from_numpy(array).to(device, dtype or torch.float32) for path, array in net.state_arrays().items()}


def torch_inputs(net, arrays, dtype):
    """Tensors as a PyTorch program has them: bytes of images as numbers in [0, 1], labels as i64."""
    import torch
    tensors = {}
    for name, array in arrays.items():
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(torch.get_default_device())
        if array.dtype == np.uint8:
            tensors[name] = tensor.to(dtype) / 255
        else:
            tensors[name] = tensor.to(dtype) if array.dtype == np.float32 else tensor.long()
    return tensors


def torch_optimizer(net, parameters, with_tensors=False, **form):
    """`parameters`: {path: tensor}.  set_rates() gives each step its rates, as tensors where torch.compile wants them."""
    import torch
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[net.optimizer.kind]
    number = torch.tensor if with_tensors else float
    groups = [{**options, "lr": number(rate_of(options, 0)), "params": [parameters[path] for path in paths]}
              for options, paths in net.optimizer.split(parameters)]
    return make(groups, lr=1e-3, **form)


def has_schedule(net):
    return any(callable(options["lr"]) for options, _ in net.optimizer.split(spec["path"] for spec in net.parameters))


def set_rates(net, optimizer, parameters, step, total=TOTAL_STEPS):
    for group, (options, _) in zip(optimizer.param_groups, net.optimizer.split(parameters)):
        rate = rate_of(options, step, total)
        if isinstance(group["lr"], float):
            group["lr"] = rate
        else:
            group["lr"].fill_(rate)


def backward(net, result, parameters):
    """Fills the gradients, clipped where the net clips; of several losses each by itself.  The losses, reported first."""
    import torch
    limit = net.optimizer.clip_norm
    if not net.over:
        result.backward()
        if limit:
            torch.nn.utils.clip_grad_norm_(parameters.values(), limit)
        return [result]
    for name, loss in result.items():
        mine = [p for path, p in parameters.items() if fnmatch.fnmatchcase(path, net.over[name])]
        for p, g in zip(mine, torch.autograd.grad(loss, mine, retain_graph=True)):
            p.grad = g
        if limit:
            torch.nn.utils.clip_grad_norm_(mine, limit)
    return list(result.values())


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


def running(path, channels):
    """The states of a batch_norm."""
    return [{"path": path + ".mean", "shape": [channels], "value": 0.0},
            {"path": path + ".var", "shape": [channels], "value": 1.0}]


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


def conv_parameters(path, f, c, k):
    """w [F, C, k, k], scaled as a dense layer with as many inputs and outputs; b."""
    scale = 2.0 ** round(math.log2(math.sqrt(6 / ((c + f) * k * k))))
    return [weight(path + ".w", f, c, k, k, scale=scale), weight(path + ".b", f, scale=0.0625)]


def norm_parameters(path, channels):
    return [weight(path + ".gamma", channels, scale=0.25, offset=1), weight(path + ".beta", channels, scale=0.25)]


def conv(p, path, x, **form):
    """Without a bias where there is none."""
    import torch
    return torch.nn.functional.conv2d(x, p[path + ".w"], p.get(path + ".b"), **form)


def cosine(start, end):
    return lambda step, total: end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(step / total, 1)))


def linear(start, end):
    return lambda step, total: end + (start - end) * (1 - min(step / total, 1))


IMAGES = {"name": "images", "kind": "images", "row": [784]}
LABELS = {"name": "labels", "kind": "labels", "classes": 10, "file": "u8"}
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
FGSM = [("fc1", 784, 128), ("fc2", 128, 64), ("out", 64, 10)]
GENERATOR = [("generator.fc.1", 8, 128), ("generator.fc.2", 128, 128), ("generator.out", 128, 2)]
CRITIC = [("critic.fc.1", 2, 128), ("critic.fc.2", 128, 128), ("critic.out", 128, 1)]
MNIST = [("fc1", 784, 64), ("fc2", 64, 32), ("out", 32, 10)]


def mnist_mlp_loss(p, d, context):
    import torch
    import torch.nn.functional as F
    x = torch.relu(dense(p, "fc1", d["images"]))
    x = context.dropout("drop", torch.relu(dense(p, "fc2", x)), 0.1)
    return F.cross_entropy(dense(p, "out", x), d["labels"])


def california_loss(p, d, context):
    import torch
    import torch.nn.functional as F
    columns = torch.cat([d["place"], torch.log1p(d["counts"]), d["income"]], dim=1)
    columns = context.batch_norm(p, "scale", columns)
    x = torch.cat([columns, F.one_hot(d["sea"], 5).to(columns.dtype)], dim=1)
    x = dense(p, "out", torch.relu(dense(p, "fc2", torch.relu(dense(p, "fc1", x)))))
    return F.huber_loss(x, d["price.cols_median_house_value"] / 100000)


LENET = [("fc1", 400, 120), ("fc2", 120, 84), ("out", 84, 10)]


def lenet_loss(p, d, _):
    import torch
    import torch.nn.functional as F
    x = F.max_pool2d(torch.relu(conv(p, "conv1", d["images"], padding=2)), 2)
    x = F.max_pool2d(torch.relu(conv(p, "conv2", x)), 2)
    return F.cross_entropy(mlp(p, LENET, "relu", x.flatten(1)), d["labels"])


CHARACTERS, WIDTH, HEADS, BLOCKS, WINDOW = 65, 128, 4, 4, 64


def norm_parameters(path, width):
    return [weight(path + ".gamma", width, scale=0.25, offset=1), weight(path + ".beta", width, scale=0.25)]


def transformer_parameters():
    specs = [weight("token", CHARACTERS, WIDTH, scale=0.0625), weight("position.w", WINDOW, WIDTH, scale=0.0625)]
    for block in (f"block.{number}" for number in range(1, BLOCKS + 1)):
        specs += [*norm_parameters(block + ".norm1", WIDTH),
                  *dense_parameters([(block + ".attention.qkv", WIDTH, 3 * WIDTH), (block + ".attention.out", WIDTH, WIDTH)]),
                  *norm_parameters(block + ".norm2", WIDTH),
                  *dense_parameters([(block + ".up", WIDTH, 4 * WIDTH), (block + ".down", 4 * WIDTH, WIDTH)])]
    return specs + norm_parameters("norm", WIDTH)


def layer_norm(p, path, x):
    import torch
    return torch.nn.functional.layer_norm(x, x.shape[-1:], p[path + ".gamma"], p[path + ".beta"])


def transformer_loss(p, d, _):
    import torch.nn.functional as F
    x = F.embedding(d["tokens"], p["token"]) + p["position.w"]
    batch, places, width = x.shape
    for block in (f"block.{number}" for number in range(1, BLOCKS + 1)):
        qkv = dense(p, block + ".attention.qkv", layer_norm(p, block + ".norm1", x))
        q, k, v = (part.view(batch, places, HEADS, -1).transpose(1, 2) for part in qkv.split(width, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + dense(p, block + ".attention.out", y.transpose(1, 2).reshape(batch, places, width))
        x = x + dense(p, block + ".down", F.gelu(dense(p, block + ".up", layer_norm(p, block + ".norm2", x))))
    logits = F.linear(layer_norm(p, "norm", x), p["token"])
    return F.cross_entropy(logits.flatten(0, 1), d["next"].flatten())


def transformer_rate(step, total):
    return 1e-3 * (step + 1) / 100 if step < 100 else cosine(1e-3, 1e-4)(step - 100, total - 100)


CIFAR_BLOCKS = [("block1", 32, 3), ("block2", 32, 32), ("block3", 64, 32), ("block4", 64, 64)]
CIFAR_DENSE = [("fc", 4096, 256), ("out", 256, 10)]


def cifar_cnn(p, x, context):
    import torch
    import torch.nn.functional as F
    for path, _, _ in CIFAR_BLOCKS:
        x = torch.relu(context.batch_norm(p, path + ".norm", conv(p, path + ".conv", x, padding=1)))
        x = F.max_pool2d(x, 2) if path in ("block2", "block4") else x
    return mlp(p, CIFAR_DENSE, "relu", context.dropout("drop", x.flatten(1), 0.25))


def cifar_cnn_loss(p, d, context):
    import torch.nn.functional as F
    return F.cross_entropy(cifar_cnn(p, d["images"], context), d["labels"])


def autoencoder_loss(p, d, _):
    import torch
    import torch.nn.functional as F
    x = d["images"]
    for path in ("encoder.fc1", "encoder.fc2", "decoder.fc1", "decoder.fc2"):
        x = dense(p, path, x)
        x = torch.relu(x) if path.endswith("fc1") else x
    return F.mse_loss(torch.sigmoid(x), d["images"])


def fgsm_loss(p, d, _):
    import torch
    import torch.nn.functional as F
    x = d["images"].detach().requires_grad_()
    clean = F.cross_entropy(mlp(p, FGSM, "relu", x), d["labels"])
    attack, = torch.autograd.grad(clean, x, retain_graph=True)
    attacked = torch.clamp(x.detach() + 0.1 * torch.sign(attack), 0, 1)
    return 0.5 * clean + 0.5 * F.cross_entropy(mlp(p, FGSM, "relu", attacked), d["labels"])


def gan_gp_loss(p, d, context):
    import torch
    import torch.nn.functional as F

    def critic(x):
        x = F.leaky_relu(dense(p, "critic.fc.1", x), 0.2)
        return F.leaky_relu(dense(p, "critic.fc.2", x), 0.2) @ p["critic.out.w"]
    point = d["point"]
    made = mlp(p, GENERATOR, "relu", context.normal("", [len(point), 8]))
    rating = critic(point).mean() - critic(made).mean()
    between = torch.lerp(point, made, context.uniform("", [len(point), 1], number=3))
    slope, = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return {"critic_loss": ((slope.norm(dim=-1) - 1)**2).mean() - rating, "generator_loss": -critic(made).mean()}


def char_lstm_loss(p, d, _):
    """torch.nn.LSTM's kernel with its second bias at 0."""
    import torch
    import torch.nn.functional as F
    x = F.embedding(d["tokens"], p["embed.w"])
    start = x.new_zeros(1, len(x), 128)
    bias = p["lstm.b"]
    weights = [p["lstm.w"].t(), p["lstm.u"].t(), bias, torch.zeros_like(bias)]
    h = torch._VF.lstm(x, (start, start), weights, True, 1, 0.0, True, False, True)[0]
    return F.cross_entropy(dense(p, "out", h).flatten(0, 1), d["next"].flatten())


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
                            groups=[("*.b", {"weight_decay": 0.0})], clip_norm=1.0), is_random=True),
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
        states=running("scale", 8), loss=california_loss, optimizer=Optimizer("adam", cosine(0.003, 0.00001))),
    Net("autoencoder", "examples/zoo/autoencoder.tarn", "784-128-32-128-784, squared error, Adam lr 1e-3, batch 128",
        batch=128, inputs=[IMAGES],
        parameters=dense_parameters([("encoder.fc1", 784, 128), ("encoder.fc2", 128, 32), ("decoder.fc1", 32, 128),
                                     ("decoder.fc2", 128, 784)]),
        loss=autoencoder_loss, optimizer=Optimizer("adam", 1e-3)),
    Net("lenet", "examples/zoo/lenet.tarn", "LeNet: two convolutions with pooling, 120-84-10, relu, Adam, cosine, batch 64",
        batch=64, inputs=[dict(IMAGES, row=[1, 28, 28]), LABELS],
        parameters=[*conv_parameters("conv1", 6, 1, 5), *conv_parameters("conv2", 16, 6, 5), *dense_parameters(LENET)],
        loss=lenet_loss, optimizer=Optimizer("adam", cosine(0.002, 0.00002))),
    Net("cifar_cnn", "examples/zoo/cifar_cnn.tarn",
        "four 3x3 convolutions with batch norm, relu and pooling, dropout 0.25, 256-10, Adam, cosine, batch 64",
        batch=64, inputs=[dict(IMAGES, row=[3, 32, 32]), LABELS],
        parameters=[spec for path, f, c in CIFAR_BLOCKS
                    for spec in (conv_parameters(path + ".conv", f, c, 3)[0], *norm_parameters(path + ".norm", f))] +
        dense_parameters(CIFAR_DENSE),
        states=[spec for path, f, _ in CIFAR_BLOCKS for spec in running(path + ".norm", f)],
        loss=cifar_cnn_loss, optimizer=Optimizer("adam", cosine(0.001, 0.00001)), is_random=True,
        record_batch=4, first_batch=100),
    Net("fgsm", "examples/zoo/fgsm.tarn", "784-128-64-10 on images and on attacks against it, Adam, cosine, batch 64",
        batch=64, inputs=[IMAGES, LABELS], parameters=dense_parameters(FGSM), loss=fgsm_loss,
        optimizer=Optimizer("adam", cosine(0.001, 0.00001))),
    Net("gan_gp", "examples/zoo/gan_gp.tarn",
        "generator 8-128-128-2 and critic 2-128-128-1 with gradient penalty, two losses, Adam, batch 256",
        batch=256, inputs=[{"name": "point", "kind": "points", "row": [2]}], is_random=True, loss=gan_gp_loss,
        parameters=dense_parameters(GENERATOR) + dense_parameters(CRITIC)[:-1],
        over={"critic_loss": "critic.*", "generator_loss": "generator.*"},
        optimizer=Optimizer("adam", linear(0.002, 0), {"betas": (0.0, 0.9)},
                            groups=[("generator.*", {"lr": linear(0.0002, 0)})]), first_batch=100),
    Net("char_transformer", "examples/zoo/char_transformer.tarn",
        "transformer of 4 blocks, width 128, 4 heads, 64 characters of 65, logits by the embedding, AdamW with warm-up, "
        "decay of matrices only, gradients clipped, batch 12",
        batch=12, inputs=[{"name": "tokens", "kind": "tokens", "classes": CHARACTERS, "file": "u8", "row": [WINDOW]},
                          {"name": "next", "kind": "tokens", "classes": CHARACTERS, "file": "u8", "row": [WINDOW], "shift": 1}],
        parameters=transformer_parameters(), loss=transformer_loss,
        optimizer=Optimizer("adamw", transformer_rate, {"betas": (0.9, 0.99), "weight_decay": 0.1},
                            groups=[("*.b", {"weight_decay": 0.0}), ("*norm*", {"weight_decay": 0.0})], clip_norm=1.0)),
    Net("char_lstm", "examples/zoo/char_lstm.tarn",
        "characters: embedding 64, LSTM 128 over 32 steps, 65 classes, Adam, gradients clipped, batch 32", batch=32,
        inputs=[{"name": "tokens", "kind": "tokens", "classes": CHARACTERS, "file": "u8", "row": [32]},
                {"name": "next", "kind": "tokens", "classes": CHARACTERS, "file": "u8", "row": [32], "shift": 1}],
        parameters=[weight("embed.w", CHARACTERS, 64, scale=1.0),
                    dict(weight("lstm.w", 64, 512, scale=0.125), stored="transposed"),
                    dict(weight("lstm.u", 128, 512, scale=0.125), stored="transposed"),
                    weight("lstm.b", 512, scale=0.125), *dense_parameters([("out", 128, CHARACTERS)])],
        loss=char_lstm_loss, optimizer=Optimizer("adam", cosine(0.01, 0.001), clip_norm=1.0)),
]}
