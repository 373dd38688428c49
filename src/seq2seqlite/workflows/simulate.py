"""Simulation of a set of decays with known lifetimes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from seq2seqlite.errors import InputError
from seq2seqlite.limits import require_disk
from seq2seqlite.simulation.decay_set import (
    DecaySet,
    check_decay_set_file,
    simulated_set,
    write_decay_set,
)
from seq2seqlite.simulation.instrument import Instrument, load_instrument

__all__ = ["SimulatedSet", "simulate_decays"]

# Bytes of a decay in a file, besides one byte per gate: true lifetimes.
TRUTH_BYTES = 24


@dataclass(frozen=True)
class SimulatedSet:
    """Simulated decays, and the speed of their simulation.

    Parameters
    ----------
    decays : DecaySet
        Counts with the true lifetimes.
    decays_per_second : float
        Speed of the simulation, without writing.

    See Also
    --------
    seq2seqlite.simulate_decays : Simulates the decays.
    """

    decays: DecaySet
    decays_per_second: float


def simulate_decays(
    instrument: str | Path | Instrument,
    out: str | PathLike[str] | None = None,
    /,
    *,
    n: int = 20_000,
    seed: int = 1,
    split: str = "train",
    progress: Callable[[int, int], None] | None = None,
) -> SimulatedSet:
    """Simulate decays of an instrument with their true lifetimes; the command ``simulate``.

    Parameters
    ----------
    instrument : str, path or Instrument
        Shipped instrument, TOML file, or instrument.
    out : path-like, optional
        Compressed ``.npz`` file to write.
    n : int
        Number of decays.
    seed : int
        Seed of the random numbers.
    split : {"train", "validation", "reference"}
        Set of IRFs and random streams.
    progress : callable, optional
        Called with the number of simulated decays and the number of all decays.

    Returns
    -------
    SimulatedSet
        Decays, and decays simulated per second.

    Raises
    ------
    InputError
        If the instrument or a number is invalid, memory or disk are too small, or the file exists and is not
        a simulated set.

    See Also
    --------
    seq2seqlite.simulation.read_decay_set : Read the file.
    seq2seqlite.simulation.simulated_set : The decays alone.

    Examples
    --------
    >>> simulate_decays("tcspc-80mhz", n=10).decays.tpsf.shape
    (10, 135)
    """
    described = instrument if isinstance(instrument, Instrument) else load_instrument(instrument)
    if out is not None:
        if Path(out).suffix.lower() != ".npz":
            raise InputError(f"out={out} must end in .npz, not in {Path(out).suffix!r}")
        check_decay_set_file(Path(out))
        size = n * (described.axis.n_gates + TRUTH_BYTES)
        require_disk(size, Path(out), what=f"a set of n={n:,} decays", remedy="simulate fewer")
    began = time.perf_counter()
    decays = simulated_set(described, n, seed=seed, split=split, progress=progress)
    rate = n / (time.perf_counter() - began)
    if out is not None:
        write_decay_set(Path(out), decays)
    return SimulatedSet(decays, rate)
