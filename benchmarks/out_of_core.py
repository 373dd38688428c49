"""Time and memory for the maps of a stack that is larger than memory, with different workers.

The script simulates a zarr stack of decays (T, Y, X, H), most of them below threshold, so that the run
time is dominated by data access. It runs `seq2seqlite image` on the stack with one process, with two,
and with two of which one is killed (kill -9) during the run, and checks that all bytes of the maps are
identical. The memory is the maximum resident memory of each process according to the kernel (VmHWM).

    python benchmarks/out_of_core.py [--gigabytes 4] [--lit 0.02] [--folder DIR] [--model NAME] [--json FILE]
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import zarr

from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import Simulator

FRAME = (512, 512)
# Number of different bright pixels: enough to make all tiles different.
N_DECAYS = 20_000
MIB = 1024


def make_stack(path: Path, *, gigabytes: float, lit: float) -> tuple[int, ...]:
    """Write a stack of uint16 counts with a size in gigabytes, and return its shape."""
    instrument = load_instrument("tcspc-80mhz")
    rng = np.random.default_rng(0)
    decays = Simulator(instrument, seed=1, split="reference").decays(N_DECAYS).tpsf
    n_gates = decays.shape[1]
    n_frames = max(1, round(gigabytes * 1e9 / (2 * np.prod(FRAME) * n_gates)))
    stack = zarr.create_array(
        str(path),
        shape=(n_frames, *FRAME, n_gates),
        chunks=(1, 64, FRAME[1], n_gates),
        dtype="uint16",
        attributes={
            "gate_width_ns": instrument.axis.gate_width_ns,
            "period_ns": instrument.axis.period_ns,
            "pixel_size_um": 0.2,
            "frame_time_s": 1.0,
        },
        dimension_names=["t", "y", "x", "h"],
        overwrite=True,
    )
    for index in range(n_frames):
        frame = (rng.random((*FRAME, n_gates), np.float32) < 0.05).astype(np.uint16)  # dark counts
        places = rng.choice(frame.shape[0] * frame.shape[1], int(lit * np.prod(FRAME)), replace=False)
        frame.reshape(-1, n_gates)[places] += decays[rng.integers(N_DECAYS, size=places.size)].astype(
            np.uint16
        )
        stack[index] = frame
    return tuple(stack.shape)


@dataclass
class Run:
    """Run time, peak memory of the processes in MiB, and digest of the maps, for one run of the command."""

    workers: int
    killed: int = 0
    seconds: float = 0.0
    main_mib: float = 0.0
    worker_mib: list[int] = field(default_factory=list)
    pixels_analysed: int = 0
    digest: str = ""


def measured(stack: Path, out: Path, *, workers: int, model: str, kill: bool = False) -> Run:
    """Run the command and record the memory of its processes."""
    program = Path(sys.executable).with_name("seq2seqlite")
    command = [str(program), "image", str(stack), "--model", model, "--out", str(out)]
    run, peaks = Run(workers), dict[int, float]()
    began = time.perf_counter()
    with subprocess.Popen([*command, "--workers", str(workers)], stdout=subprocess.DEVNULL) as process:
        done = threading.Event()
        watcher = threading.Thread(target=watch, args=(process.pid, peaks, done))
        watcher.start()
        if kill:
            run.killed = kill_a_worker(process, out)
        code = process.wait()
        done.set()
        watcher.join()
    assert code == 0, f"exit code {code}"
    run.seconds = round(time.perf_counter() - began, 1)
    run.main_mib = round(peaks.pop(process.pid) / MIB)
    run.worker_mib = sorted(round(peak / MIB) for peak in peaks.values())[::-1]
    run.pixels_analysed = json.loads((out / "summary.json").read_text())["pixels_analysed"]
    run.digest = digest_of(out / "maps.ome.zarr")
    return run


def kill_a_worker(process: "subprocess.Popen[bytes]", out: Path) -> int:
    """Kill a worker after a quarter of the tiles is mapped, and return its process id."""
    parts = out / ".parts"
    while process.poll() is None:
        surveyed, mapped = len([*parts.glob("survey-*.npz")]), len([*parts.glob("maps-*.npz")])
        if mapped > surveyed / 4:
            for pid in workers_of(process.pid):
                os.kill(pid, signal.SIGKILL)
                return pid
        time.sleep(0.05)
    raise AssertionError("the run ended before a worker was killed; use more --gigabytes")


def watch(pid: int, peaks: dict[int, float], done: threading.Event) -> None:
    """Update the peak memory of a process and of its workers, in KiB."""
    while not done.wait(0.2):
        for member in (pid, *workers_of(pid)):
            peak = high_water_kib(member)
            if peak:
                peaks[member] = peak


def workers_of(pid: int) -> list[int]:
    """Return the process ids of the Dask workers among the descendants of a process."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    found, level = [], {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found += sorted(level)
    return [child for child in found if b"spawn_main" in command_of(child)]


def command_of(pid: int) -> bytes:
    """Return the command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def high_water_kib(pid: int) -> float:
    """Return the peak memory of a process, in KiB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0.0)


def digest_of(folder: Path) -> str:
    """Return a digest of the names and contents of all files in a folder."""
    digest = hashlib.sha256()
    for file in sorted(item for item in folder.rglob("*") if item.is_file()):
        digest.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Print the results, and whether all maps are identical."""
    parser = argparse.ArgumentParser(description="Maps of a stack larger than memory")
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--lit", type=float, default=0.02, help="fraction of analysed pixels")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--model", default="seq2seqlite-tcspc-80mhz-float")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(arguments.folder).free / 1e9
    if free < 1.5 * arguments.gigabytes:
        sys.exit(
            f"error: {arguments.folder} has {free:.1f} GB free; {1.5 * arguments.gigabytes:g} GB are required"
        )
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        stack = Path(temporary) / "stack.zarr"
        shape = make_stack(stack, gigabytes=arguments.gigabytes, lit=arguments.lit)
        size = 2 * float(np.prod(shape)) / 1e9
        print(f"{' x '.join(map(str, shape))} uint16, {size:.2f} GB; {arguments.model}")
        print("workers  killed  seconds  MB/s  main MiB  workers MiB     digest of the maps")
        runs: list[Run] = []
        for workers, kill in ((1, False), (2, False), (2, True)):
            out = Path(temporary) / f"out-{len(runs)}"
            run = measured(stack, out, workers=workers, model=arguments.model, kill=kill)
            runs.append(run)
            memory = ", ".join(f"{peak:.0f}" for peak in run.worker_mib) or "-"
            print(
                f"{workers:7} {bool(run.killed):7} {run.seconds:8.1f} {size * 1e3 / run.seconds:5.0f} "
                f"{run.main_mib:9.0f}  {memory:14}  {run.digest[:16]}",
                flush=True,
            )
    same = len({run.digest for run in runs}) == 1
    print(f"identical maps: {same}; {runs[0].pixels_analysed:,} pixels analysed")
    if arguments.json:
        figures = {"shape": shape, "gigabytes": size, "model": arguments.model, "same_bytes": same}
        arguments.json.write_text(
            json.dumps(figures | {"runs": [asdict(run) for run in runs]}, indent=2) + "\n"
        )
    sys.exit(not same)


if __name__ == "__main__":
    main()
