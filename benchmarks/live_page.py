"""Rate of a stream with its page open in two browsers, against the rate without a page.

A simulated SPAD camera delivers frames as fast as they are analysed. Streams without and with the page
alternate, because the load of a computer changes; both Chromium windows show the newest map and the decay of
a pixel. Processor times are printed, too, because they depend less on other programs. The resident memory of
program and browsers is compared between the first and the last minute (a third of a shorter run) of the
streams with the page.

    python benchmarks/live_page.py [--seconds 300] [--frame 500x500] [--rounds 2] [--json FILE]

With ``--fps``, the camera delivers at that rate, so that the analysis waits for it.
"""

import argparse
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from playwright.sync_api import sync_playwright

from seq2seqlite.cli.output import write_json
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.predictors import load_predictor
from seq2seqlite.provenance import provenance
from seq2seqlite.simulation import load_instrument, simulated_frames
from seq2seqlite.streaming import ReplayedFrames, resident_bytes
from seq2seqlite.viewer import LiveFeed, live_server
from seq2seqlite.workflows.stream import stream

INSTRUMENT = "narrow-gate"
MODEL = "seq2seqlite-narrow-gate-int8"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
WINDOWS = 2
# Number of updates of a page.
UPDATES = "() => Bokeh.documents[0].get_model_by_name('update').value"


def browsers_use() -> tuple[int, float]:
    """Return memory in bytes (shared pages several times) and processor time in s of the windows."""
    parents, used = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().rpartition(")")
            pages = int((folder / "statm").read_text().split()[1])
        except OSError:  # the process has ended
            continue
        fields = rest.split()
        parents[int(folder.name)] = int(fields[1])
        if name.partition("(")[2].startswith("chrom"):
            seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            used[int(folder.name)] = (pages * os.sysconf("SC_PAGE_SIZE"), seconds)

    def own(number: int) -> bool:
        while number > 1 and number != os.getpid():
            number = parents.get(number, 0)
        return number == os.getpid()

    found = [one for number, one in used.items() if own(number)]
    return sum(size for size, _ in found), sum(seconds for _, seconds in found)


def camera_frames(shape: tuple[int, int]) -> list[xr.DataArray]:
    """Return frames of a simulated SPAD camera."""
    instrument = load_instrument(INSTRUMENT)
    return [
        signal_from_counts(
            counts,
            source="simulated camera",
            file_format="simulated camera",
            gate_width_ns=instrument.axis.gate_width_ns,
            period_ns=instrument.axis.period_ns,
        )
        for counts in simulated_frames(instrument, shape=shape, n=3, photons=1000.0)
    ]


def analyse(
    frames: list[xr.DataArray], predictor: Any, options: argparse.Namespace, seconds: float, **hooks: Any
) -> dict[str, Any]:
    """Return the result of a stream."""
    began_s = time.process_time()
    result = stream(
        ReplayedFrames(frames, fps=options.fps or None, repeat=None),
        predictor,
        policy="drop-oldest" if options.fps else "block",
        duration_s=seconds,
        **hooks,
    )
    return result | {"processor_s": time.process_time() - began_s}


def watched(frames: list[xr.DataArray], predictor: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Return the result of a stream that is shown in two windows, with memory and updates of the pages."""
    feed, memory, found = LiveFeed(), [], {}
    with (
        live_server(feed, source="camera", model=predictor.name) as server,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        windows = [browser.new_page(viewport={"width": 1280, "height": 800}) for _ in range(WINDOWS)]
        for window in windows:
            window.goto(server.url + "?pixel=100,100")

        def work() -> None:
            found.update(analyse(frames, predictor, options, options.seconds, **feed.hooks))

        worker = threading.Thread(target=work)
        worker.start()
        while worker.is_alive():
            worker.join(1.0)
            if feed.frames:
                memory.append((time.monotonic(), resident_bytes(), *browsers_use()))
        updates = [int(window.evaluate(UPDATES)) for window in windows]
        browser.close()
    times, server_bytes, browsers_bytes, browsers_s = np.array(memory, np.float64).T
    span = min(60.0, (times[-1] - times[0]) / 3)
    first, last = times <= times[0] + span, times >= times[-1] - span
    return found | {
        "updates": updates,
        "memory_window_s": span,
        "server_first_bytes": server_bytes[first].mean(),
        "server_last_bytes": server_bytes[last].mean(),
        "browsers_first_bytes": browsers_bytes[first].mean(),
        "browsers_last_bytes": browsers_bytes[last].mean(),
        "kept_bytes": feed.kept_bytes,
        "browsers_processor_s": browsers_s[-1] - browsers_s[0],
    }


def main() -> None:
    """Print rates, memory and updates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--frame", default="500x500")
    parser.add_argument("--fps", type=float, default=0.0, help="0: as fast as possible")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    predictor = load_predictor(options.model)
    height, width = (int(size) for size in options.frame.split("x"))
    frames = camera_frames((height, width))
    analyse(frames, predictor, options, 1.0)  # compiles
    without, shown = [], []
    for number in range(options.rounds):
        without.append(analyse(frames, predictor, options, options.seconds))
        shown.append(watched(frames, predictor, options))
        rates = [result["frames_per_second"] for result in (without[-1], shown[-1])]
        print(
            f"round {number + 1}: {rates[0]:.3f} frames/s without the page, {rates[1]:.3f} with {WINDOWS} "
            f"windows: {rates[1] / rates[0]:.1%}; dropped {without[-1]['dropped']} and {shown[-1]['dropped']}"
        )
        last, cost = shown[-1], [each[-1]["processor_s"] / each[-1]["frames"] for each in (without, shown)]
        print(
            f"processor time per frame: {cost[0]:.3f} s without the page, {cost[1]:.3f} s with it; of the "
            f"browsers {last['browsers_processor_s'] / last['frames']:.3f} s"
        )
        print(
            f"memory of the program {last['server_first_bytes'] / 1e6:.0f} MB at first, "
            f"{last['server_last_bytes'] / 1e6:.0f} MB at last; of the browsers "
            f"{last['browsers_first_bytes'] / 1e6:.0f} MB and {last['browsers_last_bytes'] / 1e6:.0f} MB; "
            f"updates {last['updates']}"
        )
    ratio = sum(r["frames_per_second"] for r in shown) / sum(r["frames_per_second"] for r in without)
    print(f"rate with the page over the rate without: {ratio:.1%}")
    write_json(
        options.json,
        {"rate_ratio": ratio, "without": without, "with": shown, "provenance": provenance()},
    )


if __name__ == "__main__":
    main()
