"""Sustained frame rate of a stream, and growth of its memory.

A simulated SPAD camera delivers frames, and each frame is analysed while the next one arrives. The
resident memory of the process, averaged over the last minute, is compared with that of the first minute,
which starts with the first map.

    python benchmarks/stream.py [--seconds 300] [--frame 500x500] [--fps 0.334] [--json FILE]
"""

import argparse
import time
from pathlib import Path

import numpy as np

from seq2seqlite.cli.output import write_json
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.predictors import load_predictor
from seq2seqlite.provenance import provenance
from seq2seqlite.simulation.camera import simulated_frames
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.streaming.replay import ReplayedFrames
from seq2seqlite.streaming.run import run_stream
from seq2seqlite.streaming.stages import FrameStage
from seq2seqlite.streaming.statistics import StreamStatistics, resident_bytes

INSTRUMENT = "narrow-gate"
MODEL = "seq2seqlite-narrow-gate-int8"
MINUTE_S = 60.0


def main() -> None:
    """Print rate, latency and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--frame", default="500x500")
    parser.add_argument("--fps", type=float, default=1 / 3 + 0.001, help="0: as fast as possible")
    parser.add_argument("--photons", type=float, default=1000.0)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--policy", default="drop-oldest")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    height, width = (int(size) for size in options.frame.split("x"))
    instrument = load_instrument(INSTRUMENT)
    frames = [
        signal_from_counts(
            counts,
            source="simulated camera",
            file_format="simulated camera",
            gate_width_ns=instrument.axis.gate_width_ns,
            period_ns=instrument.axis.period_ns,
        )
        for counts in simulated_frames(instrument, shape=(height, width), n=3, photons=options.photons)
    ]
    predictor = load_predictor(options.model)
    memory: list[tuple[float, int]] = []

    def sample(done: StreamStatistics, _: int) -> None:
        if done.frames:
            memory.append((time.monotonic(), resident_bytes()))

    done = run_stream(
        ReplayedFrames(frames, fps=options.fps or None, repeat=None),
        FrameStage(predictor),
        policy=options.policy,
        duration_s=options.seconds,
        progress=sample,
    )
    times, sizes = np.asarray(memory, np.float64).T
    span = min(MINUTE_S, (times[-1] - times[0]) / 3)
    first, last = sizes[times <= times[0] + span].mean(), sizes[times >= times[-1] - span].mean()
    print(f"{predictor.name} ({predictor.kind}), {height} x {width} pixels, {options.policy}")
    print(
        f"{done.frames} frames, {done.frames_per_second:.3f} frames/s, one every "
        f"{1 / done.frames_per_second:.2f} s, {done.frames_per_second * height * width:,.0f} pixels/s"
    )
    print(f"latency {done.latency_s(50):.2f} s median, {done.latency_s(99):.2f} s 99th percentile")
    print(f"at most {done.queue_depth_max} frames queued, {done.dropped} dropped, {done.rejected} rejected")
    print(
        f"memory {first / 1e6:.0f} MB over the first {span:.0f} s, {last / 1e6:.0f} MB over the last: "
        f"{last / first - 1:+.1%}; {sizes.max() / 1e6:.0f} MB at most"
    )
    result = done.to_dict() | {
        "model": predictor.name,
        "predictor": predictor.kind,
        "pixels": height * width,
        "seconds": options.seconds,
        "fps": options.fps,
        "policy": options.policy,
        "memory_window_s": span,
        "memory_first_bytes": first,
        "memory_last_bytes": last,
        "memory_last_over_first": last / first,
        "provenance": provenance(instrument=instrument.name),
    }
    write_json(options.json, result)


if __name__ == "__main__":
    main()
