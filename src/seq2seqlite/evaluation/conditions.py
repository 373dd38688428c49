"""Simulated decays for the comparison of predictors, with the Cramér-Rao bound of each decay."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import Decay, Irf, expected_tpsf, photons_of
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.crlb import Bound, cramer_rao_bound
from seq2seqlite.simulation.decay_set import REFERENCE_SEED
from seq2seqlite.simulation.instrument import Instrument
from seq2seqlite.simulation.simulator import Simulator

__all__ = ["PHOTONS", "Conditions", "SimulatedDecays", "simulated_decays"]

PHOTONS = (100.0, 300.0, 1000.0, 3000.0, 10000.0)
LIFETIMES_NS = (0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
BACKGROUND = 0.025
N_IRFS = 8


BI_EXPONENTIAL = (Decay(0.4, 2.5, 0.3), Decay(0.4, 2.5, 0.5), Decay(0.4, 2.5, 0.7), Decay(1.0, 2.5, 0.5))


@dataclass(frozen=True)
class Conditions:
    """Conditions of a comparison of predictors.

    Parameters
    ----------
    instrument : Instrument
        Time axis, IRFs and detector.
    photons : tuple of float
        Expected counts in the window, background included.
    decays : tuple of Decay
        Decays.
    background : float
        Share of the background in the counts.
    repeats : int
        Number of measurements of each decay at each number of photons, distributed over the IRFs.
    n_irfs : int
        Number of IRFs. They are the first of the instrument's reference split, which is not used in training.
    seed : int
        Seed of the noise.
    """

    instrument: Instrument
    photons: tuple[float, ...] = PHOTONS
    decays: tuple[Decay, ...] = (*(Decay(tau, tau) for tau in LIFETIMES_NS), *BI_EXPONENTIAL)
    background: float = BACKGROUND
    repeats: int = 1000
    n_irfs: int = N_IRFS
    seed: int = REFERENCE_SEED

    def __post_init__(self) -> None:
        if self.repeats < self.n_irfs or self.n_irfs < 1:
            raise InputError(f"repeats={self.repeats} must be >= n_irfs={self.n_irfs}")
        if not self.photons or min(self.photons) <= 0 or not 0 <= self.background < 1:
            raise InputError(
                f"photons={self.photons} must be > 0, and background={self.background} must be >= 0 and < 1"
            )


@dataclass(frozen=True)
class SimulatedDecays:
    """Simulated measurements with one IRF.

    Parameters
    ----------
    irf : Irf
        Instrument response.
    tpsf : ndarray of int or float, shape (n, n_gates)
        Counts, corrected by :func:`~seq2seqlite.decay.photons_of` (then floats).
    decay, level : ndarray of int, shape (n,)
        Indices of the decay and of the number of photons of each measurement.
    bounds : dict
        :class:`~seq2seqlite.estimators.crlb.Bound` of each pair of these indices.
    """

    irf: Irf
    tpsf: NDArray[np.integer | np.floating]
    decay: NDArray[np.intp]
    level: NDArray[np.intp]
    bounds: dict[tuple[int, int], Bound]


def simulated_decays(conditions: Conditions, /) -> Iterator[SimulatedDecays]:
    """Yield the simulated decays of each IRF; IRF ``i`` has its own random stream."""
    irfs = Simulator(conditions.instrument, seed=REFERENCE_SEED, split="reference").irfs[: conditions.n_irfs]
    share = conditions.repeats // len(irfs)
    for index, irf in enumerate(irfs):
        rng = np.random.default_rng(np.random.SeedSequence(conditions.seed, spawn_key=(31, index)))
        cells = [(d, p) for d in range(len(conditions.decays)) for p in range(len(conditions.photons))]
        expected = [_expected(conditions, irf, conditions.decays[d], conditions.photons[p]) for d, p in cells]
        detector = conditions.instrument.detector
        counts = detector.sample(np.repeat([e for e, _, _ in expected], share, axis=0), rng)
        tpsf = photons_of(detector, counts)
        bounds = {
            cell: _bound(conditions, irf, conditions.decays[cell[0]], signal, level)
            for cell, (_, signal, level) in zip(cells, expected, strict=True)
        }
        decay, photons = (np.repeat([cell[axis] for cell in cells], share) for axis in (0, 1))
        yield SimulatedDecays(irf, tpsf, decay, photons, bounds)


def _expected(
    conditions: Conditions, irf: Irf, decay: Decay, photons: float
) -> tuple[NDArray[np.float64], float, float]:
    """Return expected counts, photons of the decay in the whole period, and background per gate."""
    axis = conditions.instrument.forward_axis
    amplitudes = [decay.amplitude_fraction, 1 - decay.amplitude_fraction]
    tpsf = expected_tpsf(amplitudes, [decay.tau_short_ns, decay.tau_long_ns], axis=axis, irf=irf)
    signal = photons * (1 - conditions.background) / float(tpsf.sum())
    level = photons * conditions.background / axis.n_gates
    return tpsf * signal + level, signal, level


def _bound(conditions: Conditions, irf: Irf, decay: Decay, photons: float, background: float) -> Bound:
    return cramer_rao_bound(
        decay.tau_short_ns,
        axis=conditions.instrument.forward_axis,
        irf=irf,
        photons=photons,
        tau_long_ns=None if decay.mono else decay.tau_long_ns,
        amplitude_fraction=decay.amplitude_fraction,
        background=background,
    )
