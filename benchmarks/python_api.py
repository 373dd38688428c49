"""Throughput of the Python example in the README, compared with the command ``image``.

Both compute the map of the same file with the same model. The throughput excludes reading and writing:
it is ``pixels_per_second`` of the summary, and the corresponding value of ``lifetime_map``. The first
run of each is excluded, because it may include compilation.

    python benchmarks/python_api.py [FILE] [--model NAME] [--repeat 5] [--json FILE]
"""

import argparse
import contextlib
import io
import json
import tempfile
from pathlib import Path

from seq2seqlite import lifetime_map, load_predictor, read
from seq2seqlite.cli.app import main as command
from seq2seqlite.cli.output import write_json
from seq2seqlite.provenance import provenance

HAZELNUT = Path("build/hazelnut/napari_flim_phasor_plotter/data/hazelnut_FLIM_single_image.ptu")
MODEL = "seq2seqlite-tcspc-80mhz-float"
MIN_PHOTONS = 200
LARGEST_RATIO = 1.3


def main() -> None:
    """Print both rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=HAZELNUT)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument(
        "--repeat", type=int, default=5, help="Number of runs of each, of which the fastest is used"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    by_command, in_python = [], []
    for _ in range(options.repeat + 1):  # alternate, so that other load on the machine affects both equally
        by_command.append(rate_of_command(options.file, options.model))
        in_python.append(rate_in_python(options.file, options.model))
    result = {
        "file": options.file.name,
        "model": options.model,
        "command_pixels_per_second": max(by_command[1:]),
        "python_pixels_per_second": max(in_python[1:]),
    }
    ratio = result["command_pixels_per_second"] / result["python_pixels_per_second"]
    print(f"seq2seqlite image: {result['command_pixels_per_second']:,.0f} pixels/s")
    print(f"lifetime_map(read(...), load_predictor(...)): {result['python_pixels_per_second']:,.0f} pixels/s")
    print(f"ratio {ratio:.2f} (required: at most {LARGEST_RATIO})")
    write_json(options.json, result | {"ratio": ratio, "provenance": provenance()})


def rate_of_command(file: Path, model: str) -> float:
    """Return the pixels/s in the summary of the command."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        words = ["image", str(file), "--model", model, "--min-photons", str(MIN_PHOTONS), "--out", folder]
        if command(words):
            raise SystemExit(2)
        return float(json.loads((Path(folder) / "summary.json").read_text())["pixels_per_second"])


def rate_in_python(file: Path, model: str) -> float:
    """Return the pixels/s of the example in the README."""
    maps = lifetime_map(read(file), load_predictor(model), min_photons=MIN_PHOTONS)
    return float(maps.attrs["pixels_analysed"] / maps.attrs["seconds"])


if __name__ == "__main__":
    main()
