"""Sets of decays for evaluation: seeded reference sets, stored sets, ``.npz`` files of other simulators."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.archive import archive_digest, check_archive, read_arrays, write_archive
from seq2seqlite.decay import Lifetimes, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.io.signal import MAX_COUNT
from seq2seqlite.limits import available_memory, require_memory
from seq2seqlite.provenance import versions
from seq2seqlite.simulation.instrument import Instrument, load_instrument
from seq2seqlite.simulation.simulator import Simulator

__all__ = [
    "REFERENCE_SEED",
    "DecaySet",
    "check_decay_set_file",
    "read_decay_set",
    "reference_set",
    "simulated_set",
    "write_decay_set",
]

REFERENCE_SEED = 2024
MANIFEST = "manifest"
TRUTH_KEYS = ("tau_short_ns", "tau_long_ns", "amplitude_fraction")


@dataclass(frozen=True)
class DecaySet:
    """TPSFs on one time axis, with the true lifetimes if they are known.

    Parameters
    ----------
    name : str
        Origin of the decays.
    tpsf : ndarray, shape (n, n_gates)
        Counts.
    axis : TimeAxis
        Gates and laser period.
    truth : Lifetimes, optional
        True lifetimes, shape (n,).
    manifest : dict, optional
        Instrument, seed, split and versions of a simulated set.

    See Also
    --------
    simulated_set : Return ``n`` simulated decays with true lifetimes and manifest (see ``decays``).
    read_decay_set :
        Read a set of decays from an ``.npz`` file, written by this package or by another simulator.
    """

    name: str
    tpsf: NDArray[Any]
    axis: TimeAxis
    truth: Lifetimes | None = None
    manifest: dict[str, Any] | None = None

    @property
    def sha256(self) -> str:
        """SHA-256 digest of the counts, their shape and their type."""
        canonical = np.ascontiguousarray(self.tpsf)
        return hashlib.sha256(
            f"{canonical.dtype.str}{canonical.shape}".encode() + canonical.tobytes()
        ).hexdigest()


def reference_set(instrument: str | Path, /, *, n: int) -> DecaySet:
    """Return ``n`` decays of an instrument's seeded reference set, whose IRFs are not used in training.

    See Also
    --------
    simulated_set : Simulated decays of any split.
    """
    return simulated_set(load_instrument(instrument), n, seed=REFERENCE_SEED, split="reference")


def simulated_set(
    instrument: Instrument,
    n: int,
    /,
    *,
    seed: int,
    split: str,
    progress: Callable[[int, int], None] | None = None,
) -> DecaySet:
    """Return ``n`` simulated decays with true lifetimes and manifest (see :meth:`Simulator.decays`).

    See Also
    --------
    Simulator : Simulator of the decays.
    write_decay_set : Store a set.
    """
    require_memory(
        3 * n * (8 * instrument.axis.n_gates + 64), what=f"a set of n={n:,} decays", remedy="simulate fewer"
    )
    decays = Simulator(instrument, seed=seed, split=split).decays(n, progress=progress)
    truth = Lifetimes(decays.tau_mean_ns, decays.tau_short_ns, decays.tau_long_ns, decays.amplitude_fraction)
    manifest = {
        "instrument": instrument.to_dict(),
        "seed": seed,
        "split": split,
        "n": n,
        "versions": versions(),
    }
    return DecaySet(f"{instrument.name} {split} seed {seed}", decays.tpsf, instrument.axis, truth, manifest)


def check_decay_set_file(path: str | Path, /) -> None:
    """Refuse to replace a file that is not a set written by :func:`write_decay_set`."""
    check_archive(path, member="manifest", keys={"sha256": None}, what="simulated set of decays")


def write_decay_set(path: str | Path, data: DecaySet, /) -> None:
    """Write a set as compressed ``.npz``, with its manifest as JSON and a SHA-256 digest of the content.

    See Also
    --------
    read_decay_set : Read a stored set.
    """
    arrays: dict[str, NDArray[Any]] = {
        "tpsf": data.tpsf,
        "gate_width_ns": np.array(data.axis.gate_width_ns),
        "period_ns": np.array(data.axis.period_ns),
    }
    if data.truth is not None:
        arrays.update({key: np.asarray(getattr(data.truth, key)) for key in TRUTH_KEYS})
    manifest = {**(data.manifest or {}), "sha256": data.sha256}
    write_archive(path, manifest, arrays, header_name=MANIFEST, compressed=True)


def read_decay_set(path: str | Path, /) -> DecaySet:
    """Read a set of decays from an ``.npz`` file, written by this package or by another simulator.

    Parameters
    ----------
    path : path-like
        File with the arrays ``tpsf`` (n, n_gates), ``gate_width_ns``, ``period_ns`` and, if known,
        ``tau_short_ns``, ``tau_long_ns`` and ``amplitude_fraction`` (n,). If it has a ``manifest``, the
        SHA-256 digest of the content is checked.

    Raises
    ------
    InputError
        If the file cannot be read, a key is missing, counts are negative or not finite, shapes do not match,
        or the SHA-256 digest is wrong.

    See Also
    --------
    write_decay_set : Write a set.
    """
    file = Path(path)
    arrays = read_arrays(file, what="data", max_bytes=available_memory() // 3)
    try:
        return _from_arrays(file.name, arrays)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _from_arrays(name: str, arrays: dict[str, NDArray[Any]]) -> DecaySet:
    manifest = _manifest(arrays)
    for key in ("tpsf", "gate_width_ns", "period_ns"):
        if key not in arrays:
            raise InputError(
                f"array {key!r} is missing; the file contains {', '.join(sorted(arrays)) or 'no arrays'}"
            )
    tpsf = arrays["tpsf"]
    if tpsf.ndim != 2 or 0 in tpsf.shape:
        raise InputError(f"tpsf of shape {tpsf.shape} must be (n, n_gates), with n >= 1")
    if tpsf.dtype.kind not in "uif" or not np.isfinite(tpsf).all() or (tpsf < 0).any():
        raise InputError("tpsf has negative or NaN counts, or is not numeric")
    if float(tpsf.max()) > MAX_COUNT:
        raise InputError(f"tpsf has counts up to {tpsf.max():g}; they must be <= 2^53: give raw counts")
    axis = TimeAxis(tpsf.shape[1], _scalar(arrays, "gate_width_ns"), _scalar(arrays, "period_ns"))
    return DecaySet(name, tpsf, axis, _truth(arrays, len(tpsf)), manifest)


def _manifest(arrays: dict[str, NDArray[Any]]) -> dict[str, Any] | None:
    """Remove the manifest from the arrays and check the digest of the content."""
    text, digest = arrays.pop(MANIFEST, None), arrays.pop("sha256", None)
    if text is None:
        return None
    if digest is None or str(digest) != archive_digest(str(text), arrays):
        raise InputError("its content does not match the SHA-256 in its manifest; simulate or copy it again")
    try:
        manifest = json.loads(str(text))
    except (ValueError, RecursionError):
        manifest = None
    if not isinstance(manifest, dict):
        raise InputError("its manifest is not a JSON object; simulate or copy the set again")
    return manifest


def _truth(arrays: dict[str, NDArray[Any]], n: int) -> Lifetimes | None:
    present = [key for key in TRUTH_KEYS if key in arrays]
    if not present:
        return None
    if len(present) < len(TRUTH_KEYS):
        raise InputError(
            f"the true lifetimes require the arrays {', '.join(TRUTH_KEYS)}; the file has only "
            f"{', '.join(present)}"
        )
    for key in TRUTH_KEYS:
        values = arrays[key]
        if values.shape != (n,) or values.dtype.kind not in "uif" or not np.isfinite(values).all():
            raise InputError(
                f"{key} must be {n} finite numbers of shape ({n},), not shape {values.shape} and type "
                f"{values.dtype}"
            )
    short, long, a = (arrays[key].astype(np.float64) for key in TRUTH_KEYS)
    if (short <= 0).any() or (long < short).any() or (a < 0).any() or (a > 1).any():
        raise InputError(
            "the true lifetimes must satisfy 0 < tau_short_ns <= tau_long_ns, and amplitude_fraction must be "
            "between 0 and 1"
        )
    return Lifetimes(a * short + (1 - a) * long, short, long, a)


def _scalar(arrays: dict[str, NDArray[Any]], key: str) -> float:
    try:
        return float(arrays[key])
    except (TypeError, ValueError):
        raise InputError(f"{key} must be one number, not an array of shape {arrays[key].shape}") from None
