"""Reader of measured IRFs, which uses the readers of measurements."""

from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from seq2seqlite.decay import IrfBank, MeasuredIrf
from seq2seqlite.errors import InputError
from seq2seqlite.io.arrays import read_text
from seq2seqlite.io.measurement import READERS, existing
from seq2seqlite.io.photon_counting import read_sdt
from seq2seqlite.io.read_options import MissingWidthError, ReadOptions

__all__ = ["read_irf", "read_irf_bank"]


def read_irf(
    path: str | Path, /, *, bin_width_ns: float | None = None, block: int | None = None
) -> MeasuredIrf:
    """Read a measured IRF from a file of any supported format, summing its pixels.

    Parameters
    ----------
    path : path-like
        ``.sdt``, text such as ``.txt``, ``.csv``, ``.dat`` (counts, or time in ns or channel, and counts), or
        another format of :func:`seq2seqlite.io.read`. An unknown suffix is read as text.
    bin_width_ns : float, optional
        Bin width in ns; required if the file does not contain it.
    block : int, optional
        Measurement data block of an SDT file; required if no block contains nearly all photons.

    Returns
    -------
    MeasuredIrf

    Raises
    ------
    InputError
        If the file is missing, cannot be read, or has no bin width.

    See Also
    --------
    read : Reader of measurements, with the same formats.
    """
    file, data = _read(path, bin_width_ns, block)
    counts = np.asarray(data.values).reshape(-1, data.sizes["H"]).sum(axis=0)
    try:
        return MeasuredIrf(counts, bin_width_ns=data.attrs["gate_width_ns"])
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def read_irf_bank(path: str | Path, /, *, bin_width_ns: float | None = None) -> IrfBank:
    """Read the responses measured in each pixel of an image.

    Parameters
    ----------
    path, bin_width_ns
        As for :func:`read_irf`, of a file with an image.

    Returns
    -------
    IrfBank

    Raises
    ------
    InputError
        As for :func:`read_irf`.

    See Also
    --------
    read_irf : One response, the sum of all pixels.
    """
    file, data = _read(path, bin_width_ns, None)
    try:
        return IrfBank.from_cube(np.asarray(data.values), bin_width_ns=data.attrs["gate_width_ns"])
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _read(path: str | Path, bin_width_ns: float | None, block: int | None) -> tuple[Path, xr.DataArray]:
    file = existing(Path(path))
    suffix = file.suffix.lower()
    reader = partial(read_sdt, dominant=True) if suffix == ".sdt" else READERS.get(suffix, read_text)
    if not file.is_file() and suffix != ".zarr":
        raise InputError(f"IRF file {file} is a folder; pass a file")
    try:
        data = reader(file, ReadOptions(block=block, gate_width_ns=bin_width_ns))
    except MissingWidthError:
        raise InputError(f"IRF file {file} does not contain its bin width; pass bin_width_ns in ns") from None
    return file, data
