"""The rivals of rivals.py on a CUDA device, and those that only a device has: CUDA graphs.

All batches lie on the device before anything is timed.  f32 products are f32 unless TF32 is asked for.
"""
import os
import sys

import nets
import rivals


def prepare(contestant, tf32):
    if contestant.startswith("jax"):
        os.environ["JAX_PLATFORMS"] = "cuda"
        os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        import jax
        jax.config.update("jax_default_matmul_precision", "tensorfloat32" if tf32 else "highest")
        return
    import torch
    torch.set_default_device("cuda")
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True


def leave_default_device():
    """Once all tensors are made: while a default device is set, every call of PyTorch takes a detour."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_default_device(None)


def torch_compiled_functional(net, mode):
    """Inductor with its own CUDA graphs: what the step changes must be known to stay where it is."""
    import torch
    step, set_rates, held = rivals.torch_functional(net)
    for tensor in held:
        torch._dynamo.mark_static_address(tensor)
    compiled = torch.compile(step, fullgraph=True, mode=mode)

    def one(inputs, number):
        torch.compiler.cudagraph_mark_step_begin()
        set_rates(number)
        return compiled(inputs)
    run = rivals.run_by_step(rivals.torch_batches(net), one)
    return lambda count: torch.no_grad()(run)(count)


def captured(step, set_rates, restore, batches, steps):
    """run() of a CUDA graph of `steps` steps: of one, over copies of the batch; of BATCHES, over all as they lie."""
    import torch
    still = {name: tensor.clone() for name, tensor in batches[0].items()}
    inside = [still] if steps == 1 else batches
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    set_rates(0)
    with torch.cuda.stream(side):
        for _ in range(3):
            step(still)
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        losses = [step(inputs) for inputs in inside]
    restore()
    done = {"steps": 0}

    def run(count):
        replays = -(-count // steps)
        for _ in range(replays):
            set_rates(done["steps"])
            if steps == 1:
                batch = batches[done["steps"] % len(batches)]
                torch._foreach_copy_(list(still.values()), list(batch.values()))
            graph.replay()
            done["steps"] += steps
        return replays * steps, float(losses[-1])
    return run


def torch_captured(net, steps):
    """The step as people write it, the optimizer fused and capturable."""
    import torch
    p, states = nets.torch_parameters(net), nets.torch_states(net)
    form = {} if net.optimizer.kind == "sgd" else {"capturable": True}
    optimizer = nets.torch_optimizer(net, p, with_tensors=True, fused=True, **form)
    context = nets.Context(states)
    kept = [*(leaf.detach() for leaf in p.values()), *states.values()]
    first = [tensor.clone() for tensor in kept]

    def step(inputs):
        loss = nets.backward(net, net.loss(p, inputs, context), p)[0]
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    def set_rates(number):
        if nets.has_schedule(net) or number == 0:
            nets.set_rates(net, optimizer, p, number, nets.TOTAL_STEPS)

    def restore():
        torch._foreach_copy_(kept, first)
        for state in optimizer.state.values():
            for tensor in state.values():
                tensor.zero_()
    return captured(step, set_rates, restore, rivals.torch_batches(net), steps)


def torch_compiled_captured(net):
    """Inductor's kernels, sixteen steps of them in a CUDA graph."""
    import torch
    with torch.no_grad():
        step, set_rates, held = rivals.torch_functional(net)
        first = [tensor.clone() for tensor in held]
        compiled = torch.compile(step, fullgraph=True, mode="max-autotune-no-cudagraphs")
        run = captured(compiled, set_rates, lambda: torch._foreach_copy_(held, first), rivals.torch_batches(net), nets.BATCHES)
    return lambda count: torch.no_grad()(run)(count)


CONTESTANTS = {
    "torch eager, foreach": rivals.CONTESTANTS["torch eager, foreach"],
    "torch eager, fused": rivals.CONTESTANTS["torch eager, fused"],
    "torch CUDA graph of a step": lambda net: torch_captured(net, 1),
    "torch CUDA graph of 16 steps": lambda net: torch_captured(net, nets.BATCHES),
    "torch.compile, one graph": lambda net: torch_compiled_functional(net, None),
    "torch.compile, reduce-overhead": lambda net: torch_compiled_functional(net, "reduce-overhead"),
    "torch.compile, max-autotune": lambda net: torch_compiled_functional(net, "max-autotune"),
    "torch.compile, 16 steps in a CUDA graph": torch_compiled_captured,
    "jax.jit": rivals.CONTESTANTS["jax.jit"],
    "jax.jit, scan of 16 steps": rivals.CONTESTANTS["jax.jit, scan of 16 steps"],
}
