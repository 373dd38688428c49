"""Reading of measured IRFs, by the readers of measurements."""

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
    """Read an IRF from a file of any supported format; its pixels are summed.

    Parameters
    ----------
    path : path-like
        ``.sdt``, text such as ``.txt``, ``.csv``, ``.dat`` (counts, or time in ns or channel, and counts), or
        another format of :func:`seq2seqlite.io.measurement`. An unknown suffix is read as text.
    bin_width_ns : float, optional
        Bin width, needed where the file does not store it, in ns.
    block : int, optional
        Data set of an SDT file; needed where no block holds nearly all photons.

    Returns
    -------
    MeasuredIrf

    Raises
    ------
    InputError
        If the file is missing, cannot be read, or has no bin width.

    See Also
    --------
    seq2seqlite.io.measurement : Reads measurements; both accept and refuse the same files.
    """
    file = existing(Path(path))
    suffix = file.suffix.lower()
    reader = partial(read_sdt, dominant=True) if suffix == ".sdt" else READERS.get(suffix, read_text)
    if not file.is_file() and suffix != ".zarr":
        raise InputError(f"IRF file {file} is a folder; name a file")
    try:
        data = reader(file, ReadOptions(block=block, gate_width_ns=bin_width_ns))
    except MissingWidthError:
        raise InputError(f"IRF file {file} does not say its bin width; give bin_width_ns") from None
    counts = np.asarray(data.values).reshape(-1, data.sizes["H"]).sum(axis=0)
    try:
        return MeasuredIrf(counts, bin_width_ns=data.attrs["gate_width_ns"])
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
