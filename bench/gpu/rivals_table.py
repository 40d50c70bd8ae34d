"""Times PyTorch and JAX on a CUDA device: one table a net, rows as they come.

usage: rivals_table.py [--seconds N] [--tf32] NET ..

All contestants of a net compile side by side, each a process of bench/rivals.py; then each is timed alone, the others
waiting.  What is not ready within --seconds is left out, by name.
"""
import argparse
import os
import pathlib
import queue
import re
import statistics
import subprocess
import sys
import threading
import time

BENCH = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BENCH))
import nets  # noqa: E402
import rivals  # noqa: E402
import rivals_cuda  # noqa: E402

SAMPLE_SECONDS, SAMPLES, FIRST_STEPS = 0.25, 5, 16


class Contestant:
    """Its first steps are asked for at once, so that it compiles while others do."""

    def __init__(self, net, name, device, log):
        self.name, self.why, self.first_loss, self.lines = name, None, None, queue.Queue()
        environment = dict(os.environ, TORCHINDUCTOR_COMPILE_THREADS="4")
        self.process = subprocess.Popen([sys.executable, BENCH / "rivals.py", net, name, device], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1, env=environment)
        threading.Thread(target=self.read, daemon=True).start()
        self.ask(FIRST_STEPS)

    def read(self):
        for line in self.process.stdout:
            if line.startswith("error:") or re.match(r"\d+ [\d.e-]+ ", line):
                self.lines.put(line)
        self.lines.put("error: it fails, see the log")

    def ask(self, steps):
        try:
            self.process.stdin.write(f"{steps}\n")
            self.process.stdin.flush()
        except OSError:
            pass

    def answer(self, until):
        """(steps, seconds, loss), or None with `why` set."""
        try:
            line = self.lines.get(timeout=max(0.01, until - time.monotonic()))
        except queue.Empty:
            line = "error: too slow to compile"
        if line.startswith("error:"):
            self.why = line[len("error:"):].strip()
            return None
        done, wall, _, loss = line.split()
        return int(done), float(wall), float(loss)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def run(self, steps):
        self.ask(steps)
        return self.answer(time.monotonic() + 30)


def measure(one):
    """Microseconds a step: median, least and most of the samples."""
    for _ in range(2):
        ran = one.run(64)
        if ran is None:
            return None
    done, wall, _ = ran
    steps = max(32, int(SAMPLE_SECONDS / max(wall / done, 1e-7)) // 16 * 16)
    samples = []
    for _ in range(SAMPLES):
        ran = one.run(steps)
        if ran is None:
            return None
        samples.append(ran[1] / ran[0] * 1e6)
    return statistics.median(samples), min(samples), max(samples)


def start(net, options, log):
    device = "cuda-tf32" if options.tf32 else options.device
    return [Contestant(net, name, device, log) for name in (rivals_cuda if device != "cpu" else rivals).CONTESTANTS
            if not options.only or any(text in name for text in options.only)]


def table(net, contestants, options):
    says = f"### {net}{', TF32' if options.tf32 else ''}: {nets.NETS[net].says}"
    print(f"\n{says}\n\n| | us a step | least - most | loss of step {FIRST_STEPS} |\n|---|---|---|---|", flush=True)
    for one in contestants:
        times = measure(one) if one.first_loss is not None else None
        if times:
            median, least, most = times
            print(f"| {one.name} | {median:.2f} | {least:.2f} - {most:.2f} | {one.first_loss:.5f} |", flush=True)
        else:
            print(f"| {one.name} | {one.why} | | |", flush=True)
        one.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="+", choices=nets.NETS)
    parser.add_argument("--seconds", type=float, default=60, help="for the compilation of what compiles together")
    parser.add_argument("--together", type=int, default=1, help="so many nets compile side by side")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"], help="cpu: the contestants of rivals.py, to try this program")
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--only", nargs="+", help="contestants whose name holds one of these")
    parser.add_argument("--log", default="/dev/null")
    options = parser.parse_args()
    with open(options.log, "a") as log:
        for at in range(0, len(options.nets), options.together):
            until = time.monotonic() + options.seconds
            started = [(net, start(net, options, log)) for net in options.nets[at:at + options.together]]
            for one in (one for _, contestants in started for one in contestants):
                first = one.answer(until)
                one.first_loss = first[2] if first else None
            for net, contestants in started:
                table(net, contestants, options)


if __name__ == "__main__":
    main()
