"""Single functions, losses and optimizers as PyTorch computes them in f64; make_oracle.py writes them to units.json.

A record has "kind" (function, loss, optimizer, clip), "name" and "settings"; the rest depends on the kind:
  function   x, cotangent, y, gradient: gradient = d sum(y * cotangent) / dx; shape [rows, columns]
  loss       x, target, y (mean over the rows), gradient = dy/dx
  optimizer  initial, gradients [steps][n], parameters [steps][n] after each step
  clip       gradients of two tensors, the first twice the second; norm, clipped
"""
import torch
import torch.nn.functional as F

# Both signs, small, large, the ends where naive formulas overflow, and off the kinks of relu at 0.
POINTS = [-100.0, -20.0, -5.0, -3.0, -1.5, -1.0, -0.5, -1e-3, 1e-3, 0.25, 0.5, 1.0, 2.0, 3.5, 20.0, 100.0]
FUNCTIONS = [
    ("sigmoid", {}, torch.sigmoid),
    ("tanh", {}, torch.tanh),
    ("relu", {}, torch.relu),
    ("leaky_relu", {"slope": 0.01}, lambda x: F.leaky_relu(x, 0.01)),
    ("leaky_relu", {"slope": 0.2}, lambda x: F.leaky_relu(x, 0.2)),
    ("gelu", {"approximate": "none"}, F.gelu),
    ("gelu", {"approximate": "tanh"}, lambda x: F.gelu(x, approximate="tanh")),
    ("silu", {}, F.silu),
    # PyTorch's softplus is the identity above its threshold of 20; this is the function itself.
    ("softplus", {}, lambda x: torch.logaddexp(x, torch.zeros_like(x))),
    ("softmax", {}, lambda x: torch.softmax(x, dim=1)),
]


def ramp(count, seed):
    """Fixed, irregular numbers in (-1, 1) without a random generator: fractions of multiples of the golden ratio."""
    return [2 * ((seed + k) * 0.6180339887498949 % 1) - 1 for k in range(1, count + 1)]


def function_records():
    for name, settings, function in FUNCTIONS:
        x = torch.tensor(POINTS, dtype=torch.float64).reshape(2, 8)
        if name == "softmax":
            x = torch.tensor(ramp(12, 3), dtype=torch.float64).reshape(3, 4) * torch.tensor([[1.0], [10.0], [200.0]])
        cotangent = torch.tensor(ramp(x.numel(), 7), dtype=torch.float64).reshape(x.shape)
        x.requires_grad_()
        y = function(x)
        (y * cotangent).sum().backward()
        yield {"kind": "function", "name": name, "settings": settings, "x": x.tolist(), "cotangent": cotangent.tolist(),
               "y": y.tolist(), "gradient": x.grad.tolist()}


def loss_records():
    logits = torch.tensor(ramp(20, 11), dtype=torch.float64).reshape(5, 4)
    big = logits * torch.tensor([[1.0], [30.0], [300.0], [1.0], [1000.0]])
    labels = torch.tensor([0, 3, 1, 2, 0])
    bits = (torch.tensor(ramp(20, 5), dtype=torch.float64) > 0).double().reshape(5, 4)
    wanted = torch.tensor(ramp(20, 2), dtype=torch.float64).reshape(5, 4)
    cases = [("cross_entropy", logits, labels, F.cross_entropy), ("cross_entropy", big, labels, F.cross_entropy),
             ("binary_cross_entropy", logits, bits, F.binary_cross_entropy_with_logits),
             ("binary_cross_entropy", big, bits, F.binary_cross_entropy_with_logits),
             ("mean_squared_error", logits, wanted, F.mse_loss)]
    for name, x, target, function in cases:
        x = x.clone().requires_grad_()
        y = function(x, target)
        y.backward()
        yield {"kind": "loss", "name": name, "settings": {}, "x": x.tolist(), "target": target.tolist(), "y": y.item(),
               "gradient": x.grad.tolist()}


def optimizer_records():
    sgd, adam, adamw = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
    cases = [("sgd", sgd, {"lr": 0.1}), ("sgd", sgd, {"lr": 0.1, "momentum": 0.9}),
             ("sgd", sgd, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
             ("sgd", sgd, {"lr": 0.1, "weight_decay": 0.01}),
             ("sgd", sgd, {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02}),
             ("adam", adam, {"lr": 0.001}), ("adam", adam, {"lr": 0.1, "betas": [0.8, 0.99], "eps": 1e-6}),
             ("adamw", adamw, {"lr": 0.01}), ("adamw", adamw, {"lr": 0.05, "betas": [0.85, 0.95], "weight_decay": 0.3})]
    initial, steps = ramp(5, 1), 10
    for name, optimizer_class, settings in cases:
        p = torch.tensor(initial, dtype=torch.float64, requires_grad=True)
        optimizer = optimizer_class([p], foreach=False, **settings)
        gradients = [[g * 10 ** (step % 3 - 1) for g in ramp(5, 20 + 5 * step)] for step in range(steps)]
        parameters = []
        for gradient in gradients:
            p.grad = torch.tensor(gradient, dtype=torch.float64)
            optimizer.step()
            parameters.append(p.tolist())
        full = {key: optimizer.defaults[key] for key in ("lr", "momentum", "nesterov", "betas", "eps", "weight_decay")
                if key in optimizer.defaults}
        yield {"kind": "optimizer", "name": name, "settings": full, "initial": initial, "gradients": gradients,
               "parameters": parameters}


def clip_records():
    for limit in (0.5, 1.0, 100.0):
        tensors = [torch.zeros(7, dtype=torch.float64, requires_grad=True) for _ in range(2)]
        gradients = [[2 * g for g in ramp(7, 9)], ramp(7, 9)]
        for tensor, gradient in zip(tensors, gradients):
            tensor.grad = torch.tensor(gradient, dtype=torch.float64)
        total = torch.nn.utils.clip_grad_norm_(tensors, limit, foreach=False)
        yield {"kind": "clip", "name": "clip_norm", "settings": {"limit": limit}, "gradients": gradients,
               "norm": total.item(), "clipped": [tensor.grad.tolist() for tensor in tensors]}


def unit_records():
    return [*function_records(), *loss_records(), *optimizer_records(), *clip_records()]
