"""Reading any supported file into one form."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.io.arrays import read_npz, read_text, read_zarr
from seq2seqlite.io.gate_series import gate_files, read_gates
from seq2seqlite.io.photon_counting import read_ics, read_lif, read_ptu, read_sdt
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.io.signal import sha256_of, survey
from seq2seqlite.io.tiff import read_tiff

__all__ = ["READERS", "SUFFIXES", "existing", "load", "read"]

READERS: dict[str, Callable[[Path, ReadOptions], xr.DataArray]] = {
    ".ptu": read_ptu,
    ".sdt": read_sdt,
    ".lif": read_lif,
    ".ics": read_ics,
    ".tif": read_tiff,
    ".tiff": read_tiff,
    ".npz": read_npz,
    ".zarr": read_zarr,
    ".txt": read_text,
    ".csv": read_text,
    ".dat": read_text,
}
SUFFIXES = tuple(READERS)
# Formats that hold several channels or data sets; a choice for another is a mistake.
CHANNELS = (".ptu", ".sdt", ".lif", ".tif", ".tiff")
BLOCKS = (".sdt", ".lif")


def read(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    /,
    *,
    channel: int | None = None,
    block: int | None = None,
    gate_width_ns: float | None = None,
    period_ns: float | None = None,
    frame: int = -1,
    drop: Sequence[str] = (),
) -> xr.DataArray:
    """Return a measurement as an array of decays.

    Parameters
    ----------
    path : path-like or sequence of path-like
        PTU, SDT, LIF, ICS, FLIM-TIFF, OME-TIFF, ``.npz``, ``.zarr``, text (``.txt``, ``.csv``, ``.dat``), a
        folder of TIFF images of one gate each, or the list of these images.
    channel : int, optional
        Detector channel; needed where several hold photons.
    block : int, optional
        Data set of an SDT or image of a LIF file; needed where there are several.
    gate_width_ns, period_ns : float, optional
        Bin width and laser period, in ns, where the file does not say them (or says them wrongly). Neither is
        ever assumed.
    frame : int
        Frame of a PTU image; -1 sums all.
    drop : sequence of str
        Gates of a series to leave out, by file name without suffix, e.g. ``("B149",)``.

    Returns
    -------
    xarray.DataArray
        Dims ``('Y', 'X', 'H')``; coordinate ``H`` with the start of each bin in ns; attributes
        ``gate_width_ns``, ``period_ns`` (None where unknown), ``photons_in_file`` (all of the chosen
        channel), ``photons`` (those in the bins), ``pixel_size_um``, ``source``, ``format``, ``sha256``.

    Raises
    ------
    InputError
        If the file is missing, empty, cut short or of another format, or leaves a choice open.

    Notes
    -----
    A PTU file may store more bins than its laser period has; those beyond are left out of the array, and
    ``photons_in_file`` still counts them.
    """
    options = ReadOptions(channel, block, gate_width_ns, period_ns, frame, tuple(drop))
    if not isinstance(path, str | os.PathLike):
        files = [existing(Path(item)) for item in path]
        if len(files) < 2:
            raise InputError(
                f"a list of {len(files)} files is no gate series; give one path, or 2 or more gate images"
            )
        data = read_gates(files, options)
        data.attrs["sha256"] = [sha256_of(file) for file in files]
        return data
    file = existing(Path(path))
    _check_choices(file, options)
    if file.is_dir() and file.suffix.lower() != ".zarr":
        data = read_gates(gate_files(file), options)
    else:
        if drop:
            raise InputError(f"{file}: drop={list(drop)} is for a folder of gate images; leave it out")
        data = _reader(file)(file, options)
    data.attrs["sha256"] = sha256_of(file)
    return data


def _check_choices(file: Path, options: ReadOptions) -> None:
    suffix = "" if file.is_dir() else file.suffix.lower()
    for name, number, suffixes in (
        ("channel", options.channel, CHANNELS),
        ("block", options.block, BLOCKS),
    ):
        if number is not None and suffix not in suffixes:
            raise InputError(f"{file}: {name}={number} is only for {' '.join(suffixes)} files; leave it out")


def load(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    /,
    *,
    channel: int | None = None,
    block: int | None = None,
    gate_width_ns: float | None = None,
    period_ns: float | None = None,
    frame: int = -1,
    drop: Sequence[str] = (),
) -> xr.DataArray:
    """Return a measurement that :func:`read` reads and whose counts are valid.

    Parameters and result are those of :func:`read`.

    Raises
    ------
    InputError
        As :func:`read`, or if a count is negative or not finite, or all are zero.
    """
    data = read(
        path,
        channel=channel,
        block=block,
        gate_width_ns=gate_width_ns,
        period_ns=period_ns,
        frame=frame,
        drop=drop,
    )
    survey(data)
    return data


def existing(path: Path, /) -> Path:
    """Return the path of a folder or of a regular file that is not empty.

    Raises
    ------
    InputError
        If the path does not exist, is empty, or is a pipe, device or socket.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(f"{str(path)!a}: the name is not valid UTF-8; rename the file") from None
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path")
    if not path.is_file() and not path.is_dir():
        raise InputError(f"{path} is a pipe, device or socket; copy its data into a regular file")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes); copy it again from the instrument")
    return path


def _reader(file: Path) -> Callable[[Path, ReadOptions], xr.DataArray]:
    try:
        return READERS[file.suffix.lower()]
    except KeyError:
        raise InputError(
            f"{file}: suffix {file.suffix!r} is none of {' '.join(SUFFIXES)} or a folder of gate images; "
            f"convert it"
        ) from None
