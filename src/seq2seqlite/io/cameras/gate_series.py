"""Reader of gate series of time-gated cameras, with one TIFF or PNG image per gate."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.io.cameras.complete import GateCheck
from seq2seqlite.io.cameras.spad_series import camera_settings, read_image_of_gate, read_spad_series
from seq2seqlite.io.read_options import ReadOptions, needed_gate_width_ns
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.limits import BoundedFile, require_memory

__all__ = ["gate_files", "read_gates"]

DELAY = re.compile(r"(-?)(\d+(?:\.\d+)?)\s*(ps|ns)(?![a-z])", re.IGNORECASE)
NUMBER = re.compile(r"(\d+)(?!.*\d)")
# Formats of the images of a gate series.
GATE_SUFFIXES = (".tif", ".tiff", ".png")
# Relative tolerance of the step between gates, because delays in file names are rounded.
SAME_STEP = 0.25


def gate_files(folder: Path, /) -> list[Path]:
    """Return the TIFF files of a folder, or its PNG files if it has no TIFF files, without hidden files.

    Raises
    ------
    InputError
        If there are fewer than two.
    """
    files = sorted(item for item in folder.iterdir() if not item.name.startswith("."))
    tiff = [item for item in files if item.suffix.lower() in GATE_SUFFIXES[:2]]
    found = tiff or [item for item in files if item.suffix.lower() == ".png"]
    if len(found) < 2:
        raise InputError(
            f"{folder} contains {len(found)} TIFF or PNG files; a gate series requires one file per gate, at "
            "least 2"
        )
    return found


def read_gates(files: Sequence[Path], options: ReadOptions, /) -> xr.DataArray:
    """Read a gate series, with delays from the file names, a ``.set`` file of DaVis or the options.

    Raises
    ------
    InputError
        If a gate is missing, ``drop`` contains an unknown gate, or images differ in shape. Gates that may be
        missing at an end, and equal images, cause a warning in the attribute ``warnings``.
    """
    folder = files[0].parent
    unknown = set(options.drop) - {file.stem for file in files}
    if unknown:
        raise InputError(
            f"{folder}: drop={sorted(unknown)} contains unknown gates; the gates are {files[0].stem} to "
            f"{files[-1].stem}"
        )
    kept = [file for file in files if file.stem not in options.drop]
    if len(kept) < 2:
        raise InputError(
            f"{folder}: drop={sorted(options.drop)} leaves {len(kept)} of {len(files)} gates; a decay "
            f"requires at least 2"
        )
    if kept[0].suffix.lower() == ".png" and camera_settings(kept[0]):
        return read_spad_series(kept, options)
    series, first_ns, step_ns = _ordered(kept)
    recorded, check = _davis(folder), GateCheck(folder)
    images: list[NDArray[Any]] = []
    for file in series:
        if file.suffix.lower() == ".png":
            images.append(read_image_of_gate(file, n_images=len(series)))
        else:
            images.append(_tiff(file, n_left=2 * len(series) - len(images)))
        if images[-1].shape != images[0].shape or images[-1].ndim != 2:
            raise InputError(
                f"{file} has shape {images[-1].shape}, but {series[0].name} {images[0].shape}; all gates "
                f"must be images of the same shape"
            )
        check.add(file.name, images[-1])
    n_recorded = recorded.get("n_gates")
    check.number(len(files), None if n_recorded is None else int(n_recorded))
    if first_ns is None and "start_ns" in recorded and "step_ns" in recorded:
        skipped = _number(series[0]) - min(_number(file) for file in files)
        first_ns = recorded["start_ns"] + skipped * recorded["step_ns"]
    width = needed_gate_width_ns(folder, options.gate_width_ns, step_ns or recorded.get("step_ns"))
    data = signal_from_counts(
        np.stack(images, axis=-1),
        source=folder,
        file_format="gate series",
        gate_width_ns=width,
        period_ns=options.period_or(recorded.get("period_ns")),
        start_ns=first_ns or 0.0,
    )
    if check.warnings:
        data.attrs["warnings"] = check.warnings
    return data


def _tiff(file: Path, /, *, n_left: int) -> NDArray[Any]:
    with reading(file, "TIFF"), BoundedFile(file) as stream, tifffile.TiffFile(stream) as tif:
        stack = tif.series[0]
        require_memory(
            stack.nbytes * n_left,
            what=f"{file}: image {stack.shape} and those of the other gates",
            remedy="save a part of the images",
        )
        return np.asarray(stack.asarray())


def _ordered(files: list[Path]) -> tuple[list[Path], float | None, float | None]:
    """Return the files in order of time, with start and step in ns if the file names contain delays."""
    times = _delays_ns([file.stem for file in files])
    if times is not None:
        order = np.argsort(times)
        sorted_times = np.asarray(times)[order]
        steps = np.diff(sorted_times)
        step = float(np.median(steps))
        for index in np.flatnonzero(steps <= 0):
            _raise_duplicate(
                files[order[index]], files[order[index + 1]], f"delay {sorted_times[index]:g} ns"
            )
        for index in np.flatnonzero(np.abs(steps - step) > SAME_STEP * step):
            _raise_missing(
                files[order[index]], files[order[index + 1]], f"at {sorted_times[index] + step:g} ns"
            )
        return [files[index] for index in order], float(sorted_times[0]), step
    by_number = sorted(files, key=_number)
    for before, after in pairwise(by_number):
        if _number(after) == _number(before):
            _raise_duplicate(before, after, f"number {_number(before)}")
        if _number(after) != _number(before) + 1:
            missing = NUMBER.sub(
                f"{_number(before) + 1:0{len(NUMBER.findall(before.stem)[-1])}d}", before.stem
            )
            _raise_missing(before, after, missing)
    return by_number, None, None


def _delays_ns(stems: list[str]) -> list[float] | None:
    """Return the delays in file names; None if a name has none.

    Of several times in each name, such as a gate length, the delay is the first one that differs. A hyphen
    after a letter or digit separates words, unless some names do not have it.
    """
    found = [list(DELAY.finditer(stem)) for stem in stems]
    if not all(found):
        return None
    columns = list(zip(*found, strict=False))
    values = [[float(m[2]) * (1e-3 if m[3].lower() == "ps" else 1.0) for m in column] for column in columns]
    chosen = next((index for index, one in enumerate(values) if len(set(one)) > 1), 0)
    hyphens = [bool(m[1]) for m in columns[chosen]]
    separates = all(hyphens) and all(m.string[: m.start()][-1:].isalnum() for m in columns[chosen])
    minus = [hyphen and not separates for hyphen in hyphens]
    return [
        -value if is_negative else value for value, is_negative in zip(values[chosen], minus, strict=True)
    ]


def _raise_missing(before: Path, after: Path, name: str) -> None:
    raise InputError(
        f"{before.parent}: gate {name} is missing between {before.name} and {after.name}; add it, or drop "
        "all gates before or after it"
    )


def _raise_duplicate(first: Path, second: Path, what: str) -> None:
    raise InputError(
        f"{first.parent}: {first.name} and {second.name} have the same {what}; a folder must contain a "
        f"single series"
    )


def _number(file: Path) -> int:
    found = NUMBER.search(file.stem)
    if found is None:
        raise InputError(
            f"{file} has no gate number in its name; name gates by number (G000.tif) or delay (9400ps.tif)"
        )
    return int(found[1])


def _davis(folder: Path) -> dict[str, float]:
    """Return start, step and period in ns, and number of gates, from the ``.set`` files of DaVis."""
    text = "".join(file.read_text("latin-1") for file in sorted(folder.glob("*.set")) if file.is_file())
    numbers = re.findall(r"^(\w+) = (-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?);", text, re.MULTILINE)
    found = {name: float(value) for name, value in numbers}
    known: dict[str, float] = {}
    if 'ASD_DeviceUnit = "[ps]"' in text and found.get("ASD_Incr", 0) > 0:
        known |= {"step_ns": found["ASD_Incr"] * 1e-3, "start_ns": found.get("ASD_Start", 0.0) * 1e-3}
        if found.get("ASD_NSteps", 0) > 0:
            known["n_gates"] = found["ASD_NSteps"]
    if found.get("hriPRF", 0) > 0:
        known["period_ns"] = 1e3 / found["hriPRF"]
    return known
