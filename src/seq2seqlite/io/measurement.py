"""Reading of measurements from any supported file."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.files import check_utf8, sha256_of
from seq2seqlite.io.arrays import read_npz, read_text, read_zarr
from seq2seqlite.io.cameras.alligator import read_alligator
from seq2seqlite.io.cameras.corrections import Corrections
from seq2seqlite.io.cameras.gate_series import GATE_SUFFIXES, gate_files, read_gates
from seq2seqlite.io.cameras.references import corrected
from seq2seqlite.io.photon_counting import read_ics, read_lif, read_ptu, read_sdt
from seq2seqlite.io.read_options import EACH, ReadOptions
from seq2seqlite.io.signal import check_gate_length, survey
from seq2seqlite.io.tiff import read_tiff

__all__ = ["READERS", "SERIES_FILES", "SUFFIXES", "existing", "load", "read", "read_measurement"]

READERS: dict[str, Callable[[Path, ReadOptions], xr.DataArray]] = {
    ".ptu": read_ptu,
    ".sdt": read_sdt,
    ".lif": read_lif,
    ".ics": read_ics,
    ".tif": read_tiff,
    ".tiff": read_tiff,
    ".hdf5": read_alligator,
    ".h5": read_alligator,
    ".npz": read_npz,
    ".zarr": read_zarr,
    ".txt": read_text,
    ".csv": read_text,
    ".dat": read_text,
}
SUFFIXES = tuple(READERS)
NO_CORRECTIONS = Corrections()
# Formats with channels and with data sets; the options channel and block are rejected for others.
CHANNELS = (".ptu", ".sdt", ".lif", ".tif", ".tiff")
BLOCKS = (".sdt", ".lif", ".hdf5", ".h5")
# Formats of which a folder may be a series, with one file per time point.
SERIES_FILES = (".ptu", ".sdt", ".ics", ".npz")


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
    gate_length_ns: float | None = None,
    frames: str | None = None,
    corrections: Corrections = NO_CORRECTIONS,
) -> xr.DataArray:
    """Read a measurement as an array of decays.

    Parameters
    ----------
    path : path-like or sequence of path-like
        PTU, SDT, LIF, ICS, FLIM-TIFF, OME-TIFF, HDF5 of AlliGator (``.hdf5``, ``.h5``), ``.npz``, ``.zarr``,
        text (``.txt``, ``.csv``, ``.dat``), a folder of TIFF or PNG images of one gate each, or the list of
        these images.
    channel : int, optional
        Detector channel; required if several channels contain photons.
    block : int, optional
        Measurement data block of an SDT file, image of a LIF file, or kind of gates of an HDF5 file; required
        for an SDT or HDF5 file with several.
    gate_width_ns, period_ns : float, optional
        Bin width and laser period, in ns; required if the file does not contain them. They replace stored
        values; there are no default values.
    frame : int
        Frame of a PTU image, or repetition of the gate series of a SPAD camera; -1 sums all frames.
    drop : sequence of str
        Gates of a series to exclude, by file name without suffix, e.g. ``("B149",)``.
    gate_length_ns : float, optional
        Length of the gates of a camera, in ns, if it differs from the step between them.
    frames : str, optional
        Frames to sum: ``"sum"``, all of them, or a range ``"A:B"``, those from A to B - 1. Frames are those
        of a PTU image, the data blocks of an SDT file, or axes T and Z of a TIFF. By default, frames of a PTU
        image are summed, with a warning in the attribute ``warnings``; other series are rejected.
    corrections : Corrections
        Dark level, flat field, and hot and dead pixels of a camera.

    Returns
    -------
    Measurement
        Dims ``('Y', 'X', 'H')``; coordinate ``H`` with the start of each bin in ns; attributes
        ``gate_width_ns``, ``period_ns`` (None if unknown), ``photons_in_file`` (all photons of the channel),
        ``photons`` (photons in the bins), ``pixel_size_um``, ``source``, ``format``, ``sha256``; and the
        survey of the counts, ``data.survey``. With corrections, coordinates ``dark``, ``flat`` and ``bad``
        (Y, X), while the counts still contain the dark level: ``data - data.dark`` does not.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated or of another format, or a required option is missing.

    See Also
    --------
    load : Read a measurement and check its counts.
    seq2seqlite.io.read_series : Read the frames of a measurement, one by one.
    seq2seqlite.lifetime_map : Compute the lifetime maps of a measurement.
    seq2seqlite.io.read_irf : Read a measured IRF from a file of any supported format, summing its pixels.

    Notes
    -----
    Gate series of Pi Imaging cameras (PNG files with their settings as text) have the gate length in the
    attribute ``gate_length_ns``. Their counts are corrected for the saturation of one-bit frames.

    A PTU file may contain more bins than one laser period. Bins beyond the period are not part of the array,
    but their photons are included in ``photons_in_file``.
    """
    return read_measurement(
        path,
        ReadOptions(
            channel,
            block,
            gate_width_ns,
            period_ns,
            frame,
            tuple(drop),
            gate_length_ns,
            frames,
            corrections=corrections,
        ),
    )


def read_measurement(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], options: ReadOptions, /
) -> xr.DataArray:
    """Read a measurement with the options of :func:`read` as one object; see there."""
    data = _read(path, options)
    if options.gate_length_ns is not None:
        check_gate_length(options.gate_length_ns, data.attrs["period_ns"], source=data.attrs["source"])
        data.attrs["gate_length_ns"] = float(options.gate_length_ns)
    if options.corrections == NO_CORRECTIONS:
        return data
    plain = replace(options, corrections=NO_CORRECTIONS, frame=-1, frames=None, drop=())
    return corrected(
        data,
        options.corrections,
        lambda path: read_measurement(path, plain),
        dropped=len(options.drop),
    )


def _read(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], options: ReadOptions
) -> xr.DataArray:
    if not isinstance(path, str | os.PathLike):
        files = [existing(Path(item)) for item in path]
        if len(files) < 2:
            raise InputError(
                f"a gate series requires at least 2 files, not {len(files)}; pass all gate images, "
                f"or one path"
            )
        data = read_gates(files, options)
        data.attrs["sha256"] = [sha256_of(file) for file in files]
        return data
    file = existing(Path(path))
    _check_choices(file, options)
    if file.is_dir() and file.suffix.lower() != ".zarr":
        _check_gates(file)
        data = read_gates(gate_files(file), options)
    else:
        if options.drop:
            raise InputError(f"{file}: drop={list(options.drop)} is only for folders of gate images; omit it")
        data = _reader(file)(file, options)
    if "sha256" not in data.attrs:
        data.attrs["sha256"] = sha256_of(file)
    return data


def _check_choices(file: Path, options: ReadOptions) -> None:
    suffix = "" if file.is_dir() else file.suffix.lower()
    for name, number, suffixes in (
        ("channel", options.channel, CHANNELS),
        ("block", options.block, BLOCKS),
        ("frames", options.frames, CHANNELS),
    ):
        if number is not None and suffix not in suffixes:
            raise InputError(f"{file}: {name}={number} is only for {' '.join(suffixes)} files; omit it")
    if options.frames == EACH:
        raise InputError(
            f"{file}: frames=each is for several maps, and this reads one measurement; use read_series()"
        )


def _check_gates(folder: Path) -> None:
    """Raise InputError if a folder contains measurements instead of gates."""
    suffixes = [item.suffix.lower() for item in folder.iterdir()]
    images = [suffix for suffix in suffixes if suffix in GATE_SUFFIXES]
    if not images and sum(suffix in SERIES_FILES for suffix in suffixes) > 1:
        raise InputError(
            f"{folder} contains measurements, not gate images; pass frames='each' if each is one time point "
            "of a series, or pass the files"
        )


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
    gate_length_ns: float | None = None,
    frames: str | None = None,
    corrections: Corrections = NO_CORRECTIONS,
) -> xr.DataArray:
    """Read a measurement and check its counts.

    Parameters and result are those of :func:`read`.

    Raises
    ------
    InputError
        As for :func:`read`, or if a count is negative or not finite, or all counts are zero.

    See Also
    --------
    read : Read a measurement as an array of decays.
    seq2seqlite.lifetime_map : Compute the lifetime maps of a measurement.
    """
    data = read(
        path,
        channel=channel,
        block=block,
        gate_width_ns=gate_width_ns,
        period_ns=period_ns,
        frame=frame,
        drop=drop,
        gate_length_ns=gate_length_ns,
        frames=frames,
        corrections=corrections,
    )
    survey(data).check()
    return data


def existing(path: Path, /) -> Path:
    """Return a path after checking that it is a folder or a non-empty regular file.

    Raises
    ------
    InputError
        If the path does not exist, is empty, or is a pipe, device or socket.
    """
    check_utf8(path)
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
            f"{file}: unsupported suffix {file.suffix!r}; use one of {' '.join(SUFFIXES)}, or a folder of "
            f"gate images"
        ) from None
