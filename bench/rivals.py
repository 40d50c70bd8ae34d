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
    """Takes the batches in turn, over all calls.  step(inputs, number of the step) -> loss."""
    state = {"next": 0}

    def run(count):
        loss = None
        for _ in range(count):
            number = state["next"]
            state["next"] += 1
            loss = step(batches[number % len(batches)], number)
        return count, float(loss)
    return run


# --- PyTorch ------------------------------------------------------------------------------------------------------


def torch_batches(net):
    import torch
    return [nets.torch_inputs(net, batch, torch.float32) for batch in nets.batches(net)]


def torch_step(net, **form):
    """set_rates(number of the step), and the step as people write it: backward, optimizer.step, zero_grad."""
    p = nets.torch_parameters(net)
    optimizer, context = nets.torch_optimizer(net, p, **form), nets.Context(nets.torch_states(net))
    has_schedule = nets.has_schedule(net)

    def set_rates(number):
        if has_schedule:
            nets.set_rates(net, optimizer, p, number, nets.TOTAL_STEPS)

    def step(inputs):
        loss = nets.backward(net, net.loss(p, inputs, context), p)[0]
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()
    return set_rates, step


def torch_written(net, compiled=False, **form):
    set_rates, step = torch_step(net, with_tensors=compiled, **form)
    if compiled:
        import torch
        step = torch.compile(step)

    def one(inputs, number):
        set_rates(number)
        return step(inputs)
    return run_by_step(torch_batches(net), one)


def torch_compiled(net):
    """torch.compile of the step as written: Dynamo splits it where it has to."""
    return torch_written(net, compiled=True)


def torch_update(kind, options, p, g, slots, t, lr):
    """One parameter's update in place, in the operations of torch.optim's own step."""
    if kind == "sgd":
        slots[0].mul_(options.get("momentum", 0)).add_(g)
        return p.sub_(lr * slots[0])
    b1, b2 = options.get("betas", (0.9, 0.999))
    if options.get("weight_decay", 0):
        p.mul_(1 - lr * options["weight_decay"])
    m, v = slots
    m.lerp_(g, 1 - b1)
    v.mul_(b2).addcmul_(g, g, value=1 - b2)
    return p.sub_(lr / (1 - b1**t) * m / (v.sqrt() / (1 - b2**t).sqrt() + 1e-8))


def torch_functional(net):
    """(step, set_rates, tensors that the step changes in place): forward, backward and update without a break, the form
    that suits Inductor best.

    It keeps no running statistics of batch norm, for torch.func changes nothing in place."""
    import torch
    if net.over:
        raise nets.Absent("written for one loss only")
    p = {n: leaf.detach() for n, leaf in nets.torch_parameters(net).items()}
    slots = {n: [torch.zeros_like(a) for _ in range(2)] for n, a in p.items()}
    options = {n: net.optimizer.options_of(n) for n in p}
    t, context, limit = torch.zeros(()), nets.Context(), net.optimizer.clip_norm
    distinct = [known for known, _ in net.optimizer.split(p)]
    group, rates = {n: distinct.index(options[n]) for n in p}, torch.zeros(len(distinct))
    gradient = torch.func.grad_and_value(lambda p, inputs: net.loss(p, inputs, context))

    def step(inputs):
        grads, loss = gradient(p, inputs)
        t.add_(1)
        if limit:
            total = torch.stack([(g * g).sum() for g in grads.values()]).sum().sqrt()
            grads = {n: g * torch.clamp(limit / (total + 1e-6), max=1) for n, g in grads.items()}
        for n, g in grads.items():
            torch_update(net.optimizer.kind, options[n], p[n], g, slots[n], t, rates[group[n]])
        return loss

    each_rate = rates.unbind()

    def set_rates(number):
        if nets.has_schedule(net) or number == 0:
            for rate, known in zip(each_rate, distinct):
                rate.fill_(nets.rate_of(known, number, nets.TOTAL_STEPS))
    return step, set_rates, [*p.values(), *(slot for pair in slots.values() for slot in pair), t, rates]


def torch_compiled_functional(net, tuned):
    import torch
    import torch._inductor.config
    torch._inductor.config.cpp_wrapper = tuned
    torch._inductor.config.max_autotune = tuned
    step, set_rates, _ = torch_functional(net)
    compiled = torch.compile(step, fullgraph=True)

    def one(inputs, number):
        set_rates(number)
        return compiled(inputs)
    with torch.no_grad():
        run = run_by_step(torch_batches(net), one)
    return lambda count: torch.no_grad()(run)(count)


# --- JAX ----------------------------------------------------------------------------------------------------------


def jax_step(net):
    """step(state, x, y, lr) -> (state, loss); state = (parameters, first slots, second slots, t)."""
    import jax
    import jax.numpy as jnp
    if net.layers is None or net.optimizer.groups:
        raise nets.Absent("written for chains of dense layers, all trained alike")
    activation = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[net.activation]
    kind, momentum = net.optimizer.kind, net.optimizer.options.get("momentum", 0)

    def loss_of(p, x, y):
        for number, (path, _, _) in enumerate(net.layers):
            x = x @ p[path + ".w"] + p[path + ".b"]
            x = activation(x) if number + 1 < len(net.layers) else x
        if y.ndim == 2:
            return jnp.mean((x - y) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], axis=1))

    def step(state, x, y, lr):
        p, m, v, t = state
        loss, g = jax.value_and_grad(loss_of)(p, x, y)
        t = t + 1
        each = jax.tree_util.tree_map
        if kind == "sgd":
            m = each(lambda m, g: momentum * m + g, m, g)
            p = each(lambda p, m: p - lr * m, p, m)
        else:
            m = each(lambda m, g: 0.9 * m + 0.1 * g, m, g)
            v = each(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
            p = each(lambda p, m, v: p - lr / (1 - 0.9**t) * m / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), p, m, v)
        return (p, m, v, t), loss
    p = {n: jnp.array(a) for n, a in net.parameter_arrays().items()}
    zeros = [{n: jnp.zeros_like(a) for n, a in p.items()} for _ in range(2)]
    return step, (p, zeros[0], zeros[1], jnp.zeros(()))


def jax_rate(net, number):
    return nets.rate_of({"lr": net.optimizer.lr}, number, nets.TOTAL_STEPS)


def jax_batches(net):
    """[(x, y)]"""
    import jax.numpy as jnp
    return [[jnp.array(array.astype("float32") / 255 if array.dtype == "uint8" else array) for array in batch.values()]
            for batch in nets.batches(net)]


def jax_jit(net):
    """One jitted call a step, the state donated."""
    import jax
    step, state = jax_step(net)
    jitted, holder = jax.jit(step, donate_argnums=0), {"state": state}

    def one(inputs, number):
        holder["state"], loss = jitted(holder["state"], *inputs, jax_rate(net, number))
        return loss
    return run_by_step(jax_batches(net), one)


def jax_scan(net):
    """One jitted call for BATCHES steps: a lax.scan over the stacked batches."""
    import jax
    import jax.numpy as jnp
    step, state = jax_step(net)
    batches = jax_batches(net)
    xs, ys = (jnp.stack([batch[i] for batch in batches]) for i in range(2))
    jitted = jax.jit(lambda s, *sequences: jax.lax.scan(lambda s, b: step(s, *b), s, sequences), donate_argnums=0)
    holder = {"state": state, "done": 0}

    def run(count):
        calls, losses = -(-count // len(batches)), None
        for _ in range(calls):
            lrs = jnp.array([jax_rate(net, holder["done"] + i) for i in range(len(batches))])
            holder["state"], losses = jitted(holder["state"], xs, ys, lrs)
            holder["done"] += len(batches)
        return calls * len(batches), float(losses[(count - 1) % len(batches)])
    return run


CONTESTANTS = {
    "torch eager, foreach": lambda net: torch_written(net, foreach=True),
    "torch eager, fused": lambda net: torch_written(net, fused=True),
    "torch.compile of the written step": torch_compiled,
    "torch.compile, one graph": lambda net: torch_compiled_functional(net, tuned=False),
    "torch.compile, one graph, tuned": lambda net: torch_compiled_functional(net, tuned=True),
    "jax.jit": jax_jit,
    "jax.jit, scan of 16 steps": jax_scan,
}


def prepare_cpu(contestant):
    if contestant.startswith("torch"):
        import torch
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)  # its best: Adam's m of a dead unit decays to denormals; XLA flushes by itself
    else:
        os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def main():
    """rivals.py NET CONTESTANT [cpu | cuda | cuda-tf32]"""
    name, contestant = sys.argv[1:3]
    device = sys.argv[3] if len(sys.argv) > 3 else "cpu"
    if device == "cpu":
        prepare_cpu(contestant)
        make = CONTESTANTS[contestant]
    else:
        import rivals_cuda
        rivals_cuda.prepare(contestant, device == "cuda-tf32")
        make = rivals_cuda.CONTESTANTS[contestant]
    try:
        run = make(nets.NETS[name])
        if device != "cpu":
            rivals_cuda.leave_default_device()
    except nets.Absent as why:
        print("error:", why, flush=True)
        return
    serve(run)


if __name__ == "__main__":
    main()
