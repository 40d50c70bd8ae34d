"""One rival for one net in a process of its own: builds the step, then runs as many as standard input asks for.

Protocol (step_time.c speaks it too): first line out "ready", then for each line N in: runs N steps or a few more,
answers "STEPS SECONDS CPU_SECONDS LOSS"; LOSS is the last step's.  One thread, on the core that the caller pinned.
"""
import os
import sys
import time

import nets


def serve(run):
    """run(n) -> (steps run, loss), with all work finished on return."""
    print("ready", flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        steps, loss = run(int(line))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(steps, wall, cpu, loss, flush=True)


def run_by_step(batches, step):
    """Takes the batches in turn, over all calls."""
    state = {"next": 0}

    def run(count):
        loss = None
        for _ in range(count):
            x, y = batches[state["next"] % len(batches)]
            state["next"] += 1
            loss = step(x, y)
        return count, float(loss)
    return run


# --- PyTorch ------------------------------------------------------------------------------------------------------


def torch_batches(net):
    import torch
    return [(torch.from_numpy(x), torch.from_numpy(y.astype("int64") if net["classes"] else y))
            for x, y in nets.float_batches(net)]


def torch_loss(net):
    """loss(parameters, x, y)."""
    import torch
    import torch.nn.functional as F
    activation = {"relu": torch.relu, "sigmoid": torch.sigmoid}[net["activation"]]
    last = len(net["layers"])

    def loss(p, x, y):
        for number in range(1, last + 1):
            x = torch.addmm(p[f"fc{number}.b"], x, p[f"fc{number}.w"])
            x = activation(x) if number < last else x
        return F.cross_entropy(x, y) if net["classes"] else F.mse_loss(x, y)
    return loss


def torch_optimizer(net, parameters, **form):
    import torch
    kind, lr, *momentum = net["optimizer"]
    if kind == "sgd":
        return torch.optim.SGD(parameters, lr=lr, momentum=momentum[0], **form)
    return torch.optim.Adam(parameters, lr=lr, **form)


def torch_step(net, **form):
    """The step as people write it: zero_grad, backward, optimizer.step."""
    import torch
    p = {n: torch.from_numpy(a).requires_grad_() for n, a in nets.parameters(net).items()}
    optimizer, loss_of = torch_optimizer(net, list(p.values()), **form), torch_loss(net)

    def step(x, y):
        loss = loss_of(p, x, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()
    return step


def torch_eager(net, **form):
    return run_by_step(torch_batches(net), torch_step(net, **form))


def torch_compiled(net, **form):
    """torch.compile of the step as written: Dynamo splits it where it has to."""
    import torch
    return run_by_step(torch_batches(net), torch.compile(torch_step(net, **form)))


def torch_compiled_functional(net, tuned):
    """Forward, backward and update as one functional graph without a break: the form that suits Inductor best."""
    import torch
    import torch._inductor.config
    torch._inductor.config.cpp_wrapper = tuned
    torch._inductor.config.max_autotune = tuned
    p = {n: torch.from_numpy(a) for n, a in nets.parameters(net).items()}
    slots = [{n: torch.zeros_like(a) for n, a in p.items()} for _ in range(2)]
    t = torch.zeros(())
    gradient, (kind, lr, *momentum) = torch.func.grad_and_value(torch_loss(net)), net["optimizer"]

    def step(x, y):
        grads, loss = gradient(p, x, y)
        t.add_(1)
        for n, g in grads.items():
            if kind == "sgd":
                slots[0][n].mul_(momentum[0]).add_(g)
                p[n].sub_(slots[0][n], alpha=lr)
            else:
                m, v = slots[0][n], slots[1][n]
                m.lerp_(g, 0.1)
                v.mul_(0.999).addcmul_(g, g, value=0.001)
                p[n].sub_(lr / (1 - 0.9**t) * m / (v.sqrt() / (1 - 0.999**t).sqrt() + 1e-8))
        return loss
    with torch.no_grad():
        compiled = torch.compile(step, fullgraph=True)
        run = run_by_step(torch_batches(net), compiled)
    return lambda count: torch.no_grad()(run)(count)


# --- JAX ----------------------------------------------------------------------------------------------------------


def jax_step(net):
    """step(state, x, y) -> (state, loss); state = (parameters, first slots, second slots, t)."""
    import jax
    import jax.numpy as jnp
    activation = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[net["activation"]]
    last, (kind, lr, *momentum) = len(net["layers"]), net["optimizer"]

    def loss_of(p, x, y):
        for number in range(1, last + 1):
            x = x @ p[f"fc{number}.w"] + p[f"fc{number}.b"]
            x = activation(x) if number < last else x
        if net["classes"] is None:
            return jnp.mean((x - y) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], axis=1))

    def step(state, x, y):
        p, m, v, t = state
        loss, g = jax.value_and_grad(loss_of)(p, x, y)
        t = t + 1
        each = jax.tree_util.tree_map
        if kind == "sgd":
            m = each(lambda m, g: momentum[0] * m + g, m, g)
            p = each(lambda p, m: p - lr * m, p, m)
        else:
            m = each(lambda m, g: 0.9 * m + 0.1 * g, m, g)
            v = each(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
            p = each(lambda p, m, v: p - lr / (1 - 0.9**t) * m / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), p, m, v)
        return (p, m, v, t), loss
    p = {n: jnp.array(a) for n, a in nets.parameters(net).items()}
    zeros = [{n: jnp.zeros_like(a) for n, a in p.items()} for _ in range(2)]
    return step, (p, zeros[0], zeros[1], jnp.zeros(()))


def jax_batches(net):
    import jax.numpy as jnp
    return [(jnp.array(x), jnp.array(y.astype("int32") if net["classes"] else y)) for x, y in nets.float_batches(net)]


def jax_jit(net):
    """One jitted call a step, the state donated."""
    import jax
    step, state = jax_step(net)
    jitted, holder = jax.jit(step, donate_argnums=0), {"state": state}

    def one(x, y):
        holder["state"], loss = jitted(holder["state"], x, y)
        return loss
    return run_by_step(jax_batches(net), one)


def jax_scan(net):
    """One jitted call for BATCHES steps: a lax.scan over the stacked batches."""
    import jax
    import jax.numpy as jnp
    step, state = jax_step(net)
    batches = jax_batches(net)
    xs, ys = jnp.stack([x for x, _ in batches]), jnp.stack([y for _, y in batches])
    jitted = jax.jit(lambda s, xs, ys: jax.lax.scan(lambda s, b: step(s, *b), s, (xs, ys)), donate_argnums=0)
    holder = {"state": state}

    def run(count):
        calls, losses = -(-count // len(batches)), None
        for _ in range(calls):
            holder["state"], losses = jitted(holder["state"], xs, ys)
        return calls * len(batches), float(losses[-1])
    return run



CONTESTANTS = {
    "torch eager, foreach": lambda net: torch_eager(net, foreach=True),
    "torch eager, fused": lambda net: torch_eager(net, fused=True),
    "torch.compile of the written step": torch_compiled,
    "torch.compile, one graph": lambda net: torch_compiled_functional(net, tuned=False),
    "torch.compile, one graph, tuned": lambda net: torch_compiled_functional(net, tuned=True),
    "jax.jit": jax_jit,
    "jax.jit, scan of 16 steps": jax_scan,
}


def main():
    name, contestant = sys.argv[1:3]
    if contestant.startswith("torch"):
        import torch
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)  # its best: Adam's m of a dead unit decays to denormals; XLA flushes by itself
    else:
        os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    serve(CONTESTANTS[contestant](nets.NETS[name]))


if __name__ == "__main__":
    main()
