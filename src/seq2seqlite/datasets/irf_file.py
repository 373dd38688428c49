"""Reading a measured IRF from a file."""

from pathlib import Path

import numpy as np

from seq2seqlite.decay import MeasuredIrf
from seq2seqlite.errors import InputError

__all__ = ["read_irf"]

# Times in files are rounded; their steps may deviate by this share.
UNEVEN_STEP = 0.02


def read_irf(path: str | Path, /, *, bin_width_ns: float | None = None) -> MeasuredIrf:
    """Read an IRF from an SDT file or from text (one column of counts, or time in ns and counts).

    Parameters
    ----------
    path : path-like
        ``.sdt``, or text such as ``.txt``, ``.csv``, ``.dat``.
    bin_width_ns : float, optional
        Bin width, needed where the file does not say it, in ns.

    Returns
    -------
    MeasuredIrf

    Raises
    ------
    InputError
        If the file is missing, cannot be read, or has no bin width.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"IRF file {file} does not exist")
    counts, width = _read_sdt(file) if file.suffix.lower() == ".sdt" else _read_text(file)
    width = width if bin_width_ns is None else bin_width_ns
    if width is None:
        raise InputError(f"IRF file {file} does not say its bin width; give bin_width_ns")
    try:
        return MeasuredIrf(counts, bin_width_ns=width)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _read_sdt(file: Path) -> tuple[np.ndarray, float | None]:
    import sdtfile

    try:
        with file.open("rb") as opened:
            sdt = sdtfile.SdtFile(opened)
            blocks = [
                (np.asarray(data), np.asarray(time)) for data, time in zip(sdt.data, sdt.times, strict=True)
            ]
    except Exception as error:  # noqa: BLE001 - the reader raises whatever broken bytes lead it to
        raise InputError(f"IRF file {file} cannot be read as SDT: {error}") from None
    if any(data.ndim < 2 for data, _ in blocks):  # the reader could not shape what there is
        raise InputError(f"IRF file {file} is cut short; copy it again")
    filled = [(data.reshape(-1, data.shape[-1]).sum(axis=0), time) for data, time in blocks if data.any()]
    if not filled:
        raise InputError(f"IRF file {file} has no photons")
    counts, times = max(filled, key=lambda block: block[0].sum())
    return counts, float(times[1] - times[0]) * 1e9


def _read_text(file: Path) -> tuple[np.ndarray, float | None]:
    try:
        lines = (
            file.read_text(encoding="utf-8", errors="replace")
            .replace(",", " ")
            .replace(";", " ")
            .splitlines()
        )
        rows = [row for line in lines if (row := _numbers(line))]
    except OSError as error:
        raise InputError(f"IRF file {file} cannot be read: {error.strerror}") from None
    if not rows:
        raise InputError(f"IRF file {file} is not a table of numbers")
    table = np.array([row for row in rows if len(row) == len(rows[-1])])
    if table.ndim != 2 or table.shape[1] > 2:
        raise InputError(f"IRF file {file} must have one column (counts) or two (time in ns, counts)")
    if table.shape[1] == 1:
        return table[:, 0], None
    steps = np.diff(table[:, 0])
    if steps.size == 0 or not np.allclose(steps, np.median(steps), rtol=UNEVEN_STEP):
        raise InputError(
            f"IRF file {file}: its first column must rise evenly, as time in ns; export it again"
        )
    return table[:, 1], float(np.median(steps))


def _numbers(line: str) -> list[float]:
    try:
        return [float(word) for word in line.split()]
    except ValueError:
        return []  # a heading
