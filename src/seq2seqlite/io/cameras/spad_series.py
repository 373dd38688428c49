"""Reader of gate series of SPAD cameras of Pi Imaging: a folder of PNG images with their settings as text.

The settings are text chunks of each PNG file: system, mode, gate step (index), gate steps, gate step size,
gate width, gate offset, laser frequency, frame, frames. An image of 8 bits is the sum of 255 one-bit frames
(axiomoptics.com/products/spad512s), which count several photons once; its counts are corrected for this.
"""

import math
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import SpadFrameDetector
from seq2seqlite.errors import InputError
from seq2seqlite.io.cameras.complete import GateCheck
from seq2seqlite.io.read_options import ReadOptions, needed_gate_width_ns
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.limits import BoundedFile, require_memory

__all__ = ["SpadImage", "camera_settings", "one_bit_frames", "read_image_of_gate", "read_spad_series"]

MAKER = "Pi Imaging"
QUANTITY = re.compile(r"\s*([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s*([A-Za-zµ]*)\s*")
NS = {"ps": 1e-3, "ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9}
MHZ = {"Hz": 1e-6, "kHz": 1e-3, "MHz": 1.0, "GHz": 1e3}
BITS = re.compile(r"(\d+)\s*-?\s*bit", re.IGNORECASE)
MAX_BITS = 16
# Settings that all images of a series share.
SAME = (
    "System",
    "Mode",
    "Gate step size",
    "Gate width",
    "Gate offset",
    "Laser frequency",
    "Integration time",
)
# Memory of an image while the series is read, in bytes per pixel: integers, and corrected counts.
BYTES = 8
# File names end in the number of the gate.
NUMBER = re.compile(r"(\d+)(?!.*\d)")


@dataclass(frozen=True)
class SpadImage:
    """Image of one gate position of a Pi Imaging camera.

    Parameters
    ----------
    file : pathlib.Path
        PNG file.
    settings : mapping of str to str
        Text chunks of the file.
    gate, frame : int
        Indices of the gate position and of the repetition of the series.
    """

    file: Path
    settings: Mapping[str, str]
    gate: int
    frame: int


def camera_settings(file: Path, /) -> dict[str, str]:
    """Return the settings in a PNG file of a Pi Imaging camera; empty for any other PNG file.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    with _opened(file) as image:
        found = {str(key): value for key, value in image.info.items() if isinstance(value, str)}
    return found if found.get("Author") == MAKER else {}


def read_image_of_gate(file: Path, /, *, n_images: int) -> NDArray[Any]:
    """Return a grey PNG image as integers, shape (Y, X).

    Parameters
    ----------
    file : pathlib.Path
        PNG file.
    n_images : int
        Number of images of the series, for which the memory must suffice.

    Raises
    ------
    InputError
        If the file cannot be read, is not grey, or the series does not fit into the memory.
    """
    with _opened(file) as image:
        require_memory(
            image.width * image.height * BYTES * n_images,
            what=f"{file}: {n_images} images of {image.width} x {image.height} pixels",
            remedy="save a part of the images",
        )
        if image.mode not in ("L", "I", "I;16", "I;16B"):
            raise InputError(f"{file}: mode {image.mode!r} is not grey; save the counts of the camera")
        values = np.asarray(image)
    return (
        values if values.dtype.kind == "u" else values.astype(np.uint16 if values.max() < 2**16 else np.int64)
    )


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Open a PNG file; its size is checked here, not by a warning of Pillow."""
    from PIL import Image

    with reading(file, "PNG"), warnings.catch_warnings(), BoundedFile(file) as stream:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(stream, formats=("PNG",)) as image:
            yield image


def read_spad_series(files: Sequence[Path], options: ReadOptions, /) -> xr.DataArray:
    """Read a gate series of a Pi Imaging camera, corrected for the saturation of one-bit frames.

    Parameters
    ----------
    files : sequence of pathlib.Path
        PNG files of one folder.
    options : ReadOptions
        Options; ``frame`` selects a repetition of the series.

    Returns
    -------
    Measurement
        Expected photons for the counts, with the gate length and the laser period of the settings. Pixels
        with a count in all one-bit frames of a gate are saturated.

    Raises
    ------
    InputError
        If a gate is missing or doubled, settings are missing, differ between images or are not supported.

    Notes
    -----
    Old versions of the camera's software write wrong numbers of gate steps. The gates therefore are counted
    by their indices, or by the numbers of the file names if all indices are equal; fewer gates than this
    number cause a warning, in the attribute ``warnings``, as do two gates with the same counts.
    """
    images = _images(files)
    folder = files[0].parent
    first = images[0].settings
    _check_same(folder, images)
    series = _series(folder, images, options)
    n_frames = one_bit_frames(folder, first)
    photons = SpadFrameDetector(n_frames).photons(np.arange(n_frames + 1)).astype(np.float32)
    counts: NDArray[np.float32] | None = None
    saturated: NDArray[np.bool_] | None = None
    check = GateCheck(folder)
    for image, place in series:
        values = read_image_of_gate(image.file, n_images=len(series))
        if counts is None or saturated is None:
            n_gates = 1 + max(place for _, place in series)
            counts = np.zeros((*values.shape, n_gates), np.float32)
            saturated = np.zeros(values.shape, np.bool_)
        if values.shape != saturated.shape:
            raise InputError(
                f"{image.file} has shape {values.shape}, but {series[0][0].file.name} {saturated.shape}; all "
                f"gates must be images of the same shape"
            )
        if values.max() > n_frames:
            raise InputError(
                f"{image.file} has a count of {values.max()}, more than the {n_frames} one-bit frames of "
                f"mode {first.get('Mode')!r}; save the raw counts of the camera"
            )
        check.add(image.file.name, values)
        saturated |= values == n_frames
        counts[..., place] += photons[values]
    assert counts is not None, "a series has at least two images"
    stored_period = (
        1e3 / _quantity(folder, first, "Laser frequency", MHZ) if "Laser frequency" in first else None
    )
    period = options.period_or(stored_period)
    step = _quantity(folder, first, "Gate step size", NS) if "Gate step size" in first else None
    offset = _quantity(folder, first, "Gate offset", NS, low=-math.inf) if "Gate offset" in first else 0.0
    length = options.gate_length_ns or _quantity(folder, first, "Gate width", NS)
    width = needed_gate_width_ns(folder, options.gate_width_ns, step)
    offset += width * min(image.gate for image, _ in series)
    if period is not None and counts.shape[-1] * width > 1.01 * period:
        raise InputError(
            f"{folder}: {counts.shape[-1]} gates of gate_width_ns={width:g} are longer than the laser period "
            f"of {period:g} ns; drop the last ones, or pass gate_width_ns and period_ns"
        )
    data = signal_from_counts(
        counts,
        source=folder,
        file_format="SPAD gate series",
        gate_width_ns=width,
        period_ns=period,
        start_ns=offset % period if period else offset,
        gate_length_ns=length,
        saturated=saturated,
    )
    data.attrs["photons"] = data.attrs["photons_in_file"] = round(data.attrs["photons"])
    data.attrs["one_bit_frames"] = n_frames * len({image.frame for image, _ in series})
    data.attrs["camera"] = dict(first)
    if len({image.settings.get("Gate step") for image in images}) > 1:  # otherwise the number is wrong, too
        steps = _integer(images[0].file, first, "Gate steps")
        check.number(counts.shape[-1] + len(options.drop), steps)
    if check.warnings:
        data.attrs["warnings"] = check.warnings
    return data


def _images(files: Sequence[Path]) -> list[SpadImage]:
    """Return the images in the order of frame and gate."""
    settings = [camera_settings(file) for file in files]
    for file, found in zip(files, settings, strict=True):
        if not found:
            raise InputError(
                f"{file} has no settings of a {MAKER} camera, but other images of its folder have"
            )
    gates = [_integer(file, one, "Gate step") for file, one in zip(files, settings, strict=True)]
    frames = [_integer(file, one, "Frame") for file, one in zip(files, settings, strict=True)]
    if len(set(gates)) == 1:  # an old version that does not count them
        numbers = [NUMBER.search(file.stem) for file in files]
        if not all(numbers):
            raise InputError(
                f"{files[0].parent}: the settings of all images have the same gate step, and file names have "
                "no numbers; name gates by number (G000.png)"
            )
        gates = [int(number[1]) for number in numbers if number]
        frames = [0] * len(files)
    images = [
        SpadImage(file, one, gate, frame)
        for file, one, gate, frame in zip(files, settings, gates, frames, strict=True)
    ]
    return sorted(images, key=lambda image: (image.frame, image.gate, image.file.name))


def _series(folder: Path, images: Sequence[SpadImage], options: ReadOptions) -> list[tuple[SpadImage, int]]:
    """Return the selected images with the index of their gate; each frame must have the same gates."""
    frames = sorted({image.frame for image in images})
    if options.frame >= 0:
        if options.frame not in frames:
            raise InputError(
                f"{folder}: frame={options.frame} does not exist; choose one of {frames[0]} to {frames[-1]}, "
                "or -1 for the sum"
            )
        frames = [options.frame]
    gates: list[int] | None = None
    series = []
    for frame in frames:
        own = [image for image in images if image.frame == frame and image.file.stem not in options.drop]
        repeated = [gate for gate, n in Counter(image.gate for image in own).items() if n > 1]
        if repeated:
            first, second, *_ = (image.file.name for image in own if image.gate == repeated[0])
            raise InputError(
                f"{folder}: {first} and {second} are both gate {repeated[0]} of frame {frame}; a folder must "
                "contain a single series"
            )
        found = [image.gate for image in own]
        gates = gates or found
        whole = range(min(gates, default=0), max(gates, default=0) + 1)
        missing = sorted(set(whole) - set(found))
        if missing or len(found) < 2:
            named = (
                f"gate {missing[0]} of frame {frame} is missing"
                if missing
                else f"{len(found)} gates are left"
            )
            raise InputError(
                f"{folder}: {named} (gates {whole[0]} to {whole[-1]}); copy the images again, or drop all "
                "gates before or after it"
            )
        if set(found) != set(whole):
            extra = min(set(found) - set(whole))
            raise InputError(f"{folder}: gate {extra} is only in frame {frame}; copy the images again")
        series += [(image, image.gate - whole[0]) for image in own]
    return series


def _check_same(folder: Path, images: Sequence[SpadImage]) -> None:
    """Raise InputError for images of different settings, or of settings that are not supported."""
    first = images[0]
    for key in SAME:
        for image in images:
            if image.settings.get(key) != first.settings.get(key):
                raise InputError(
                    f"{folder}: {key!r} is {first.settings.get(key)!r} in {first.file.name}, but "
                    f"{image.settings.get(key)!r} in {image.file.name}; a folder must contain a single series"
                )
    if first.settings.get("Gate step arbitrary", "0") not in ("0", "false", "False"):
        raise InputError(f"{folder}: arbitrary gate steps are not supported; record equal steps")
    if first.settings.get("Gate increment", "1").lstrip().startswith("-"):
        raise InputError(f"{folder}: gates of decreasing delay are not supported; record increasing ones")


def one_bit_frames(path: Path, settings: Mapping[str, str], /) -> int:
    """Return the number of one-bit frames of an image, from its settings.

    Raises
    ------
    InputError
        If the mode is not a gated one of 1 to 16 bits.
    """
    mode = settings.get("Mode", "")
    bits = BITS.search(mode)
    if bits is None or not 1 <= int(bits[1]) <= MAX_BITS or "gated" not in mode.lower():
        raise InputError(f"{path}: mode {mode!r} must be a gated one of 1 to {MAX_BITS} bits ('Gated 8 bit')")
    return int(2 ** int(bits[1]) - 1)


def _quantity(
    where: Path, settings: Mapping[str, str], key: str, units: Mapping[str, float], *, low: float = 0.0
) -> float:
    """Return a setting in ns or MHz."""
    text = settings.get(key, "")
    found = QUANTITY.fullmatch(text)
    value = float(found[1]) * units.get(found[2], math.nan) if found else math.nan
    if not low < value < math.inf:
        raise InputError(f"{where}: {key!r} is {text!r}; a number with one of {', '.join(units)} is required")
    return value


def _integer(file: Path, settings: Mapping[str, str], key: str) -> int:
    text = settings.get(key, "0").strip()
    if not re.fullmatch(r"\d{1,9}", text):
        raise InputError(f"{file}: {key!r} is {text!r}, not a number from 0")
    return int(text)
