#!/usr/bin/env python3
"""Times one training step of small nets, 1 thread: Tarn, PyTorch and JAX in turn on one core.

    python3 bench/step.py                               all nets, all contestants that this machine has
    python3 bench/step.py --nets mnist --blocks 10      a quick look

Needs a python3 with torch (and jax, if it is to take part) and a C compiler; Tarn takes part where a built `tarn` is
found in build/ or named by --tarn.  Every contestant is a process pinned to the same core; they take turns, block by
block, an FMA loop between them.  bench/README.md says what is compared and how to read the table.
"""
import argparse
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

import numpy as np

import nets
import rivals
from nets import Absent

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
WARM_STEPS = 64  # after the compilation; fewer where they would take long
MIN_CPU_SHARE = 0.97  # a sample counts when its process had the core to itself ...
MIN_CEILING_SHARE = 0.85  # ... and the FMA loops before and after it were this near to the ceiling
ROUNDS_PER_BLOCK = 4  # rounds tried for each valid block wanted, before giving up on a busy machine


class Worker:
    """A child process that answers one line for each line."""

    def __init__(self, command, core, log):
        self.log = log
        self.process = subprocess.Popen(
            command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(log, "w"), text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.expect("ready")

    def expect(self, word=None):
        line = self.process.stdout.readline()
        if not line or line.startswith("error") or (word and line.strip() != word):
            self.stop()
            last = pathlib.Path(self.log).read_text().strip().splitlines()[-1:]
            raise Absent((line.strip() or "ended: " + " ".join(last))[:200])
        return line.split()

    def ask(self, number):
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        return [float(word) for word in self.expect()]

    def stop(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


class Contestant:
    """A worker that runs steps, and its samples by round: (seconds a step, had the core to itself, slower FMA rate)."""

    def __init__(self, name, command, core, log, block_seconds):
        self.name, self.samples = name, []
        self.worker = Worker(command, core, log)
        _, _, _, self.loss = self.worker.ask(nets.LOSS_STEP)
        steps, wall, cpu, _ = self.worker.ask(16)
        if wall < 0.5:
            steps, wall, cpu, _ = self.worker.ask(WARM_STEPS)
        self.block = max(1, int(block_seconds * steps / min(wall, cpu)))

    def sample(self, by_cpu_time):
        """(seconds a step, had the core to itself); a few untimed steps bring its data back into the caches."""
        self.worker.ask(max(1, self.block // 20))
        steps, wall, cpu, _ = self.worker.ask(self.block)
        return (cpu / steps, True) if by_cpu_time else (wall / steps, cpu >= MIN_CPU_SHARE * wall)


# --- what to run --------------------------------------------------------------------------------------------------


def compile_c(source, target, *flags):
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise Absent("no C compiler")
    run = subprocess.run([compiler, "-O2", source, "-o", target, *flags], capture_output=True, text=True)
    if run.returncode != 0:
        raise Absent(run.stderr.strip()[:300])


def find_tarn(named):
    if named:
        return pathlib.Path(named).resolve()
    for path in sorted(ROOT.glob("build*/**/tarn")):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise Absent("no built tarn; ./dev build tarn, or --tarn PATH")


def tarn_command(name, net, tarn, folder):
    """Builds the model as a library, links step_time.c to it, writes weights and batches; the command to run."""
    build = subprocess.run([tarn, "build", nets.ROOT / net.source, "--emit=lib", "-o", folder / name],
                           capture_output=True, text=True)
    if build.returncode != 0:
        raise Absent((build.stderr or build.stdout).strip()[:300])
    library = next(folder.glob(f"**/lib{name}.a"), None)
    if library is None:
        raise Absent("tarn build --emit=lib left no library")
    program, manifest, data = folder / f"{name}_step", folder / f"{name}.manifest", folder / f"{name}.data"
    compile_c(HERE / "step_time.c", program, f"-DTARN_PROGRAM={name}_program", f"-I{ROOT}", library, "-lm", "-lpthread")
    batches = nets.batches(net)
    entries = [("param", path, array, array.nbytes) for path, array in net.parameter_arrays().items()]
    for spec in net.inputs:
        stacked = np.stack([batch[spec["name"]] for batch in batches])
        # What PyTorch takes as i64, a data file may have as bytes.
        stacked = stacked.astype(np.uint8) if spec.get("file") == "u8" else stacked
        entries.append(("input", spec["name"], stacked, stacked[0].nbytes))
    with open(data, "wb") as out, open(manifest, "w") as lines:
        for kind, label, array, size in entries:
            lines.write(f"{kind} {label} {out.tell()} {size}\n")
            out.write(np.ascontiguousarray(array).tobytes())
    return [program, manifest, data, str(len(batches))]


def commands(name, net, options, folder):
    """{contestant: command}, and {contestant: why it is not there}."""
    found, absent = {}, {}
    wanted = [c for c in ["tarn", *rivals.CONTESTANTS] if not options.only or any(o in c for o in options.only)]
    for contestant in wanted:
        try:
            if contestant == "tarn":
                found[contestant] = tarn_command(name, net, find_tarn(options.tarn), folder)
                continue
            module = "torch" if contestant.startswith("torch") else "jax"
            if importlib.util.find_spec(module) is None:
                raise Absent(f"no module {module}")
            found[contestant] = [sys.executable, HERE / "rivals.py", name, contestant]
        except Absent as why:
            absent[contestant] = str(why)
    return found, absent


# --- timing -------------------------------------------------------------------------------------------------------


def start_all(found, absent, options, folder):
    contestants = []
    for number, (name, command) in enumerate(found.items()):
        print(f"  starting {name}", file=sys.stderr, flush=True)
        try:
            contestants.append(Contestant(name, command, options.core, folder / f"log{number}", options.block_ms / 1e3))
        except Absent as why:
            absent[name] = str(why)
    return contestants


def fma_rate(fma):
    """GFLOP/s of the core's own time: what others take of it does not count, what slows its clock does."""
    rate, share = fma.ask(1)
    return rate / share


def ceiling_of(rates):
    """The rate that the faster loops reach; the very best is an outlier on a machine whose clock moves."""
    return statistics.quantiles(rates, n=10)[-1]


def take_turns(contestants, fma, options):
    """Fills every contestant's samples; returns the FMA loop's ceiling."""
    rates = [fma_rate(fma) for _ in range(20)]
    for turn in range(options.blocks * ROUNDS_PER_BLOCK):
        for one in contestants:
            before, (seconds, alone), after = fma_rate(fma), one.sample(options.cpu_time), fma_rate(fma)
            rates += [before, after]
            one.samples.append((seconds, alone, min(before, after)))
        counts = [len(valid(one, ceiling_of(rates))) for one in contestants]
        if min(counts) >= options.blocks:
            break
        if turn % 10 == 9:
            print(f"  round {turn + 1}: valid samples {counts}", file=sys.stderr, flush=True)
    return ceiling_of(rates)


def valid(contestant, ceiling):
    """{round: seconds a step} of the samples that count."""
    return {turn: seconds for turn, (seconds, alone, rate) in enumerate(contestant.samples)
            if alone and rate >= MIN_CEILING_SHARE * ceiling}


def summary(contestants, flops, ceiling):
    """One dict a contestant.  `ratio`: median over the rounds that count for both of its time to the first one's."""
    rows, first = [], None
    for one in contestants:
        times = valid(one, ceiling)
        first = times if first is None else first
        row = {"name": one.name, "loss": one.loss, "valid": len(times), "samples": len(one.samples)}
        if len(times) >= 2:
            tenths = statistics.quantiles(times.values(), n=10)
            median = statistics.median(times.values())
            row.update(median=median, p10=tenths[0], p90=tenths[-1], rate=flops / median / 1e9)
        shared = [times[turn] / first[turn] for turn in times if turn in first]
        if shared:
            row["ratio"] = statistics.median(shared)
        rows.append(row)
    return rows


def table(net, flops, rows, ceiling):
    lines = [f"### {net.name}: {net.says}", "",
             f"{flops / 1e6:.4g} MFLOP of products a step; FMA loop {ceiling:.0f} GFLOP/s.", "",
             f"| | µs a step | p10 - p90 | GFLOP/s | of the FMA loop | time / {rows[0]['name']} | valid samples | "
             f"loss of step {nets.LOSS_STEP} |", "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        if "median" not in row:
            lines.append(f"| {row['name']} | too few valid samples | | | | | {row['valid']}/{row['samples']} | |")
            continue
        # Masks and noise are drawn by each contestant's own generator.
        tolerance = 0.05 * max(1, abs(rows[0]["loss"])) if net.is_random else 1e-3 * abs(rows[0]["loss"])
        agrees = abs(row["loss"] - rows[0]["loss"]) <= tolerance
        micro = {key: f"{row[key] * 1e6:.4g}" for key in ("median", "p10", "p90")}
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else "no shared round"
        lines.append(f"| {row['name']} | {micro['median']} | {micro['p10']} - {micro['p90']} | {row['rate']:.3g} | "
                     f"{100 * row['rate'] / ceiling:.2g} % | {ratio} | {row['valid']}/{row['samples']} | "
                     f"{row['loss']:.5f}{'' if agrees else ' **differs**'} |")
    return "\n".join(lines) + "\n"


def time_net(name, options, folder):
    net = nets.NETS[name]
    print(f"{name}:", file=sys.stderr, flush=True)
    found, absent = commands(name, net, options, folder)
    contestants = start_all(found, absent, options, folder)
    for contestant, why in absent.items():
        print(f"  without {contestant}: {why}", file=sys.stderr, flush=True)
    if not contestants:
        return None
    compile_c(HERE / "fma.c", folder / "fma", "-march=native", "-ffp-contract=fast")
    fma = Worker([folder / "fma"], options.core, folder / "log_fma")
    ceiling = take_turns(contestants, fma, options)
    for worker in [fma, *(one.worker for one in contestants)]:
        worker.stop()
    flops = nets.flops(net)
    rows = summary(contestants, flops, ceiling)
    print(table(net, flops, rows, ceiling), flush=True)
    return {"net": name, "fma_gflops": ceiling, "rows": rows, "absent": absent}


def machine():
    """One line: the CPU, the versions."""
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
               platform.processor())
    versions = [f"{module} {importlib.metadata.version(module)}" for module in ("torch", "jax", "jaxlib")
                if importlib.util.find_spec(module)]
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.release()}; " + ", ".join(versions)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="+", choices=nets.NETS, default=list(nets.NETS))
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="contestants whose name holds one of these")
    parser.add_argument("--blocks", type=int, default=30, help="valid samples wanted of each contestant")
    parser.add_argument("--block-ms", type=float, default=10,
                        help="length of a sample; shorter ones find the core free more often")
    parser.add_argument("--cpu-time", action="store_true",
                        help="count CPU seconds, not wall: for a look on a machine that others use too")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--tarn", help="the compiler; default: the one in build*/")
    parser.add_argument("--json", help="also write the figures here")
    options = parser.parse_args()
    clock = ", CPU time" if options.cpu_time else ""
    print(f"{machine()}; core {options.core}{clock}\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        results = [time_net(name, options, pathlib.Path(folder)) for name in options.nets]
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
