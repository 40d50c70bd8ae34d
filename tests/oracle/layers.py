#!/usr/bin/env python3
"""Layers of the library as PyTorch's modules compute them in f64: outputs, and the gradients of sum(output * cotangent).

    python3 tests/oracle/layers.py            rewrites layers.json

A record has "name"; "model", the text of the model `unit` in Tarn's language, whose input is x; "x" its type without
the batch and "input" its rows; "parameters" by Tarn's paths, [In, Out]; "cotangent"; and the results "y", "gradients".
Needs torch.  Numbers are those of units.py's ramp, so that the file holds little that is not a result.
"""
import json
import pathlib

import torch

from units import ramp

ROWS, LENGTH, WIDTH, HEADS, HIDDEN = 2, 5, 6, 3, 3


def tensor(seed, *shape):
    count = torch.Size(shape).numel()
    return torch.tensor(ramp(count, seed), dtype=torch.float64).reshape(shape)


def set_parameters(module):
    """Gives the module's parameters fixed numbers, biases and norms included."""
    for seed, parameter in enumerate(module.parameters()):
        parameter.data = tensor(100 * seed, *parameter.shape)
    return module.double()


def attention_parameters(path, attention):
    """torch.nn.Linear stores [Out, In], and q, k and v one above the other."""
    return {f"{path}.qkv.w": (attention.in_proj_weight, True), f"{path}.qkv.b": (attention.in_proj_bias, False),
            f"{path}.out.w": (attention.out_proj.weight, True), f"{path}.out.b": (attention.out_proj.bias, False)}


def attention(causal):
    module = set_parameters(torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True))
    mask = torch.triu(torch.ones(LENGTH, LENGTH, dtype=torch.bool), 1) if causal else None
    option = ", causal = true" if causal else ""
    model = f"model unit(x: f32[B,{LENGTH},{WIDTH}]) -> f32[B,{LENGTH},{WIDTH}] = x |> attention[{HEADS}{option}] as a"
    return (f"torch.nn.MultiheadAttention{option}", model, lambda x: module(x, x, x, attn_mask=mask)[0],
            attention_parameters("a", module))


def block():
    module = set_parameters(torch.nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True))
    parameters = attention_parameters("t.attention", module.self_attn)
    for path, norm in (("t.norm1", module.norm1), ("t.norm2", module.norm2)):
        parameters |= {f"{path}.gamma": (norm.weight, False), f"{path}.beta": (norm.bias, False)}
    for path, linear in (("t.up", module.linear1), ("t.down", module.linear2)):
        parameters |= {f"{path}.w": (linear.weight, True), f"{path}.b": (linear.bias, False)}
    model = (f"model unit(x: f32[B,{LENGTH},{WIDTH}]) -> f32[B,{LENGTH},{WIDTH}] = "
             f"x |> transformer_block[{HEADS}] as t")
    return "torch.nn.TransformerEncoderLayer", model, module, parameters


def embedding():
    module = set_parameters(torch.nn.Embedding(7, WIDTH))
    model = f"model unit(x: class[7][B,{LENGTH}]) -> f32[B,{LENGTH},{WIDTH}] = x |> embedding[7, {WIDTH}] as e"
    return "torch.nn.Embedding", model, module, {"e.w": (module.weight, False)}


def recurrent(kind, last=False, reverse=False):
    """Tarn's layers have the sum of PyTorch's two biases, one of which is therefore 0; the GRU's candidate has both."""
    module = set_parameters({"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](
        WIDTH, HIDDEN, batch_first=True))
    kept = 2 * HIDDEN if kind == "gru" else 0
    module.bias_hh_l0.data[:kept or None] = 0

    def run(x):
        y = module(x.flip(1) if reverse else x)[0]
        return y[:, -1] if last else y.flip(1) if reverse else y

    parameters = {"r.w": (module.weight_ih_l0, True), "r.u": (module.weight_hh_l0, True),
                  "r.b": (module.bias_ih_l0, False)}
    if kind == "gru":
        parameters["r.c"] = (module.bias_hh_l0, False, slice(kept, None))
    options = "".join(f", {name} = true" for name, is_on in (("last", last), ("reverse", reverse)) if is_on)
    shape = f"{HIDDEN}" if last else f"{LENGTH},{HIDDEN}"
    model = f"model unit(x: f32[B,{LENGTH},{WIDTH}]) -> f32[B,{shape}] = x |> {kind}[{HIDDEN}{options}] as r"
    return f"torch.nn.{kind.upper()}{options}", model, run, parameters


def record(name, model, function, parameters):
    is_class = "class" in model
    x = tensor(3, ROWS, LENGTH, WIDTH)
    if is_class:
        x = (tensor(5, ROWS, LENGTH) * 3.5 + 3.5).long()
    y = function(x)
    cotangent = tensor(9, *y.shape)
    for parameter, *_ in parameters.values():
        parameter.grad = None
    (y * cotangent).sum().backward()

    def turned(value, is_matrix, part=slice(None)):
        return (value.T if is_matrix else value[part]).flatten().tolist()

    return {"name": name, "model": model, "x": f"class[7][{LENGTH}]" if is_class else f"f32[{LENGTH},{WIDTH}]",
            "y_shape": ",".join(str(size) for size in y.shape[1:]), "input": x.flatten().tolist(), "cotangent": cotangent.flatten().tolist(),
            "parameters": {path: turned(p.detach(), *how) for path, (p, *how) in parameters.items()},
            "y": y.flatten().tolist(),
            "gradients": {path: turned(p.grad, *how) for path, (p, *how) in parameters.items()}}


def main():
    cases = [attention(False), attention(True), block(), embedding(), recurrent("rnn"), recurrent("lstm"),
             recurrent("gru"), recurrent("rnn", last=True), recurrent("lstm", last=True, reverse=True),
             recurrent("gru", reverse=True)]
    text = json.dumps({"origin": f"tests/oracle/layers.py, torch {torch.__version__}",
                       "layers": [record(*case) for case in cases]}, indent=1)
    (pathlib.Path(__file__).resolve().parent / "layers.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
