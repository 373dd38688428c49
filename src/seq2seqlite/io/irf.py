"""Reader of measured IRFs, which uses the readers of measurements."""

from functools import partial
from pathlib import Path

import numpy as np

from seq2seqlite.decay import MeasuredIrf
from seq2seqlite.errors import InputError
from seq2seqlite.io.arrays import read_text
from seq2seqlite.io.measurement import READERS, existing
from seq2seqlite.io.photon_counting import read_sdt
from seq2seqlite.io.read_options import MissingWidthError, ReadOptions

__all__ = ["read_irf"]


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
    file = existing(Path(path))
    suffix = file.suffix.lower()
    reader = partial(read_sdt, dominant=True) if suffix == ".sdt" else READERS.get(suffix, read_text)
    if not file.is_file() and suffix != ".zarr":
        raise InputError(f"IRF file {file} is a folder; pass a file")
    try:
        data = reader(file, ReadOptions(block=block, gate_width_ns=bin_width_ns))
    except MissingWidthError:
        raise InputError(f"IRF file {file} does not contain its bin width; pass bin_width_ns in ns") from None
    counts = np.asarray(data.values).reshape(-1, data.sizes["H"]).sum(axis=0)
    try:
        return MeasuredIrf(counts, bin_width_ns=data.attrs["gate_width_ns"])
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
