"""Reader of HDF5 files of AlliGator, the format of SwissSPAD2 and SwissSPAD3 acquisitions.

The layout is that of the AlliGator manual, page "AlliGator HDF5 File Format", versions 0.1 to 0.7
(alligator-distribution.readthedocs.io; docs/source/alligator-hdf5-file-format.rst of smXplorer/AlliGator):
``File Information`` with the name of the format, a table ``DAQ Parameters`` with times in s, and
``Gate Images``, an array of gates (versions 0.1 and 0.2) or a group with one image per gate, ``Gate 1``,
``Gate 2`` and so on. From version 0.6 on there may be several images per gate, with names such as
``Bottom G2 Gate 1``.
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.io.cameras.complete import GateCheck
from seq2seqlite.io.read_options import ReadOptions, needed_gate_width_ns
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.limits import require_memory

__all__ = ["read_alligator"]

GATE = re.compile(r"(.*\S)\s+(\d+)")
UNIT = re.compile(r"\s*\((\w+)\)\s*$")
NS_PER_UNIT = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0, "ps": 1e-3}


def read_alligator(path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Read a gate series from an HDF5 file of AlliGator.

    Parameters
    ----------
    path : pathlib.Path
        File.
    options : ReadOptions
        Options; ``block`` selects one of several kinds of gates, in the order of their names.

    Returns
    -------
    Measurement
        Counts as stored: integers, or floats of a series that AlliGator corrected.

    Raises
    ------
    InputError
        If h5py is not installed, the file has another layout, a gate is missing, or a required option is.
    """
    try:
        import h5py
    except ModuleNotFoundError:
        raise InputError(f"{path} requires h5py; install seq2seqlite[hdf5]") from None

    with reading(path, "HDF5"), h5py.File(path) as file:
        if "Gate Images" not in file:
            raise InputError(
                f"{path} has no 'Gate Images' and is not an AlliGator file; save other data as npz"
            )
        known = _parameters(file)
        counts, check = _counts(path, file["Gate Images"], options)
    n_gates = known.get("# Gates")
    check.number(counts.shape[-1], None if n_gates is None else int(n_gates))
    step = known.get("Nanotime Gate Separation")
    length = known.get("Gate Width", known.get("Gate Duration"))
    width = needed_gate_width_ns(path, options.gate_width_ns, step)
    # A TCSPC histogram has gates as long as their steps.
    longer = length is not None and abs(length - width) > 1e-3 * width
    data = signal_from_counts(
        counts,
        source=path,
        file_format="AlliGator gate series",
        gate_width_ns=width,
        period_ns=options.period_or(known.get("Laser Period")),
        gate_length_ns=options.gate_length_ns or (length if longer else None),
    )
    if check.warnings:
        data.attrs["warnings"] = check.warnings
    return data


def _counts(path: Path, stored: Any, options: ReadOptions) -> tuple[NDArray[Any], GateCheck]:
    """Return the images of one kind of gates, shape (Y, X, H)."""
    check = GateCheck(path)
    if hasattr(stored, "shape"):
        if len(stored.shape) != 3:
            raise InputError(f"{path}: 'Gate Images' has shape {stored.shape}, not (Y, X, gates)")
        require_memory(2 * stored.nbytes, what=f"{path}: gates {stored.shape}", remedy="save a part of them")
        return np.asarray(stored), check
    gates = _gates(path, stored, options)
    images: list[NDArray[Any]] = []
    for number in sorted(gates):
        image = stored[gates[number]]
        if not images:
            n_bytes = 2 * len(gates) * image.nbytes
            require_memory(n_bytes, what=f"{path}: {len(gates)} gates", remedy="save a part of them")
        images.append(np.asarray(image))
        if images[-1].ndim != 2 or images[-1].shape != images[0].shape:
            raise InputError(f"{path}: gate {number} has shape {images[-1].shape}, not {images[0].shape}")
        check.add(gates[number], images[-1])
    return np.stack(images, axis=-1), check


def _gates(path: Path, stored: Any, options: ReadOptions) -> dict[int, str]:
    """Return the names of the images of one kind of gates, by the number of the gate, without a gap."""
    kinds: dict[str, dict[int, str]] = defaultdict(dict)
    for name in stored:
        found = GATE.fullmatch(name)
        if found is None:
            raise InputError(f"{path}: {name!r} in 'Gate Images' is not a name with the number of a gate")
        if int(found[2]) in kinds[found[1]]:
            raise InputError(f"{path}: gate {int(found[2])} of {found[1]!r} is doubled; record it again")
        kinds[found[1]][int(found[2])] = name
    names = sorted(kinds)
    listed = ", ".join(f"{number}: {name}" for number, name in enumerate(names))
    if options.block is None and len(names) != 1:
        raise InputError(f"{path} has {len(names)} kinds of gates ({listed}); choose one as block")
    if not 0 <= (options.block or 0) < len(names):
        raise InputError(f"{path}: block={options.block} does not exist ({listed})")
    gates = kinds[names[options.block or 0]]
    missing = sorted(set(range(min(gates), max(gates) + 1)) - set(gates))
    if missing:
        raise InputError(f"{path}: gate {missing[0]} is missing (gates {min(gates)} to {max(gates)})")
    return gates


def _parameters(file: Any) -> dict[str, float]:
    """Return the acquisition parameters, times in ns; without those that are unknown."""
    table = file.get("DAQ Parameters")
    if table is None or getattr(table, "dtype", None) is None or not table.dtype.names:
        return {}
    values = np.atleast_1d(np.asarray(table))[:1]
    found: dict[str, float] = {}
    for stored in table.dtype.names:
        name, value = UNIT.sub("", stored).strip(), np.asarray(values[stored]).reshape(-1)
        if value.size != 1 or value.dtype.kind not in "uif" or not value[0] > 0:
            continue
        unit = UNIT.search(stored)
        ns = NS_PER_UNIT.get(unit[1] if unit else "s", NS_PER_UNIT["s"])
        found[name] = float(value[0]) * (1.0 if name.startswith("#") else ns)
    return found
