"""Vectorised simulator of an instrument's decays, reproducible from a seed."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from seq2seqlite.decay import (
    BASELINE_GATES,
    ForwardModel,
    Irf,
    TimeAxis,
    expected_response,
    harmonics_needed,
    photons_of,
    rising_edge_ns,
    sfd_from_lifetimes,
)
from seq2seqlite.decay.irf import FWHM_PER_SIGMA
from seq2seqlite.errors import InputError
from seq2seqlite.simulation.instrument import Instrument
from seq2seqlite.simulation.ranges import ResponseRanges

__all__ = ["SPLITS", "Decays", "Simulator", "measured_response"]

# Each split has its own IRF bank and its own random streams, so evaluation data never occur in training.
SPLITS = {"train": 0, "validation": 1, "reference": 2}
CHUNK = 2048
# Table of the bound: lifetimes, the step of the derivative, and the least background (a bound without any
# background is reached by no estimator that does not know this).
BOUND_LIFETIMES = 16
LIFETIME_STEP = 1e-3
SMALLEST_SHARE = 1e-3


@dataclass(frozen=True)
class Decays:
    """Simulated decays with their true parameters.

    Parameters
    ----------
    tpsf : ndarray of int or float, shape (n, n_gates)
        Measured counts, corrected by :func:`~seq2seqlite.decay.photons_of` (then floats).
    tau_short_ns, tau_long_ns, amplitude_fraction : ndarray of float64, shape (n,)
        Lifetimes, in ns, and the short component's share of the amplitude.
    photons, background : ndarray of float64, shape (n,)
        Expected photons in the window, background included, and the share of background in them.
    irf_index : ndarray of int, shape (n,)
        Index of the IRF in the bank.
    response : ndarray of int, shape (n, n_gates), optional
        Measured response, in counts; zeros where none was measured.

    See Also
    --------
    Simulator : Simulator of one instrument's decays.
    """

    tpsf: NDArray[np.integer | np.floating]
    tau_short_ns: NDArray[np.float64]
    tau_long_ns: NDArray[np.float64]
    amplitude_fraction: NDArray[np.float64]
    photons: NDArray[np.float64]
    background: NDArray[np.float64]
    irf_index: NDArray[np.integer]
    response: NDArray[np.integer] | None = None

    def __len__(self) -> int:
        return len(self.tpsf)

    def __getitem__(self, index: slice) -> "Decays":
        values: list[Any] = [getattr(self, field.name) for field in fields(self)]
        chosen: list[Any] = [None if value is None else value[index] for value in values]
        return Decays(*chosen)

    @property
    def tau_mean_ns(self) -> NDArray[np.float64]:
        """Amplitude-weighted mean lifetime, in ns, shape (n,)."""
        return self.amplitude_fraction * self.tau_short_ns + (1 - self.amplitude_fraction) * self.tau_long_ns

    @staticmethod
    def joined(parts: "list[Decays]", /) -> "Decays":
        """Return the concatenation of several sets."""
        columns: list[Any] = [[getattr(part, field.name) for part in parts] for field in fields(Decays)]
        joined: list[Any] = [None if column[0] is None else np.concatenate(column) for column in columns]
        return Decays(*joined)


@dataclass(frozen=True)
class Simulator:
    """Simulator of one instrument's decays.

    Parameters
    ----------
    instrument : Instrument
        Time axis, IRFs, distribution of decays, and detector.
    seed : int
        Seed of all random numbers.
    split : str
        ``train``, ``validation`` or ``reference``. Splits have disjoint IRF banks and random streams.
    responses : bool
        Whether each decay comes with a measured response.

    See Also
    --------
    simulated_set : Simulated decays as a set with manifest.

    Notes
    -----
    Chunk ``i`` of a split has its own random stream, so the decays depend neither on the number of threads
    nor on the first chunk read.

    Examples
    --------
    >>> from seq2seqlite.simulation import load_instrument
    >>> Simulator(load_instrument("narrow-gate"), seed=1, split="train").decays(3).tpsf.shape
    (3, 135)
    """

    instrument: Instrument
    seed: int
    split: str
    responses: bool = False

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise InputError(f"split={self.split!r} is unknown; choose one of {', '.join(SPLITS)}")
        if self.seed < 0:
            raise InputError(f"seed={self.seed} must be >= 0")

    def decays(
        self, n: int, /, *, n_threads: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Decays:
        """Return the first ``n`` decays of the split.

        Parameters
        ----------
        n : int
            Number of decays.
        n_threads : int, optional
            Number of threads; default: one per core. Does not change the result.
        progress : callable, optional
            Called with the number of finished decays and the number of all decays.
        """
        if n < 1:
            raise InputError(f"n={n} must be >= 1")
        chunks = []
        with ThreadPoolExecutor(n_threads or os.cpu_count()) as pool, threadpool_limits(1, user_api="blas"):
            self.chunk(0, n=1)  # compute cached properties before threads use them
            for chunk in pool.map(self.chunk, range(-(-n // CHUNK))):
                chunks.append(chunk)
                if progress is not None:
                    progress(min(n, len(chunks) * CHUNK), n)
        return Decays.joined(chunks)[:n]

    def stream(self, *, batch: int, start: int = 0) -> Iterator[Decays]:
        """Yield an infinite sequence of batches from number ``start``; batch ``i`` is always the same.

        Parameters
        ----------
        batch : int
            Number of decays in a batch.
        start : int
            Number of the first batch.
        """
        for index in count(start):
            yield self.chunk(index, n=batch)

    def chunk(self, index: int, /, *, n: int = CHUNK) -> Decays:
        """Return chunk ``index`` of the split, with ``n`` decays."""
        rng = self._rng(1, index, n)
        decays = self.instrument.decays
        tau = np.sort(rng.uniform(*decays.tau_ns, size=(n, 2)), axis=1)
        fraction = rng.uniform(*decays.amplitude_fraction, size=n)
        mono = rng.random(n) < decays.mono_exponential
        if decays.mono_tau == "uniform":
            tau[mono, 0] = tau[mono, 1] = rng.uniform(*decays.tau_ns, size=int(mono.sum()))
        else:
            low, high = np.log(decays.tau_ns).tolist()
            drawn = np.exp(rng.uniform(low, high, size=int(mono.sum())))
            if decays.mono_tau == "both":
                linear = rng.random(drawn.size) < 0.5
                drawn[linear] = rng.uniform(*decays.tau_ns, size=int(linear.sum()))
            tau[mono, 0] = tau[mono, 1] = drawn
        fraction[mono] = 0.5
        photons = np.exp(rng.uniform(np.log(decays.photons[0]), np.log(decays.photons[1]), size=n))
        if decays.background_prior == "uniform":
            background = rng.uniform(*decays.background, size=n)
        else:
            least, most = decays.background
            background = np.exp(rng.uniform(np.log(least), np.log(most), size=n))
        irf_index = rng.integers(len(self.irf_coefficients), size=n)
        expected = self.expected(fraction, tau, irf_index, photons=photons, background=background)
        tpsf = photons_of(self.instrument.detector, self.instrument.detector.sample(expected, rng))
        response = self.measured_responses(irf_index, self._rng(3, index, n)) if self.responses else None
        return Decays(
            tpsf.astype(np.int32 if tpsf.dtype.kind in "iu" else np.float32),
            tau[:, 0],
            tau[:, 1],
            fraction,
            photons,
            background,
            irf_index,
            response,
        )

    def measured_responses(
        self, irf_index: NDArray[np.integer], rng: np.random.Generator, /
    ) -> NDArray[np.int32]:
        """Return one measurement of each response, with the errors of such measurements.

        Parameters
        ----------
        irf_index : ndarray of int, shape (n,)
            Index of the IRF in the bank.
        rng : numpy.random.Generator
            Random numbers.

        Returns
        -------
        ndarray of int, shape (n, n_gates)
            Counts; zeros for a response that was not measured.
        """
        ranges, n = self.instrument.response or ResponseRanges(), len(irf_index)
        shift = rng.normal(0, ranges.shift_ns, size=n)
        misaligned = rng.random(n) < ranges.misaligned
        shift = np.where(misaligned, rng.uniform(-ranges.misaligned_ns, ranges.misaligned_ns, size=n), shift)
        sigma = rng.uniform(*ranges.extra_fwhm_ns, size=n) / FWHM_PER_SIGMA
        omega = np.arange(self._forward.n_harmonics + 1) * (2 * np.pi / self.instrument.axis.period_ns)
        error = np.exp(-1j * np.outer(shift, omega) - 0.5 * np.outer(sigma, omega) ** 2)
        shape = self._forward.response(self.irf_coefficients[irf_index] * error)
        counts = np.exp(rng.uniform(np.log(ranges.counts[0]), np.log(ranges.counts[1]), size=n))
        counts[rng.random(n) < ranges.unknown] = 0
        background = rng.uniform(*ranges.background, size=n)
        expected = shape * (counts * (1 - background) / shape.sum(axis=1))[:, None]
        expected += (counts * background / self.instrument.axis.n_gates)[:, None]
        return np.asarray(rng.poisson(expected), np.int32)

    def bound_ns(self, decays: Decays, /) -> NDArray[np.float64]:
        """Return the Cramér-Rao bound of the mean lifetime of decays with one lifetime as long as the mean.

        Parameters
        ----------
        decays : Decays
            Decays of this simulator.

        Returns
        -------
        ndarray, shape (n,)
            Standard error in ns, interpolated in a table over lifetimes for each IRF of the bank. The bound
            of a decay with two lifetimes is larger: this is a scale of errors rather than a limit.
        """
        lifetimes, table = self._bounds
        place = np.interp(np.log(decays.tau_mean_ns), np.log(lifetimes), np.arange(lifetimes.size))
        low = np.minimum(place.astype(np.intp), lifetimes.size - 2)
        part = place - low
        rows = table[decays.irf_index]
        index = np.arange(len(decays))
        relative = rows[index, low] * (1 - part) + rows[index, low + 1] * part
        return np.asarray(relative / np.sqrt(decays.photons * (1 - decays.background)))

    def expected(
        self,
        fraction: NDArray[np.float64],
        tau_ns: NDArray[np.float64],
        irf_index: NDArray[np.integer],
        /,
        *,
        photons: NDArray[np.float64],
        background: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return expected counts without detector effects, shape (n, n_gates).

        Parameters
        ----------
        fraction : ndarray, shape (n,)
            Share of the short component in the amplitude.
        tau_ns : ndarray, shape (n, 2)
            Short and long lifetime, in ns.
        irf_index : ndarray of int, shape (n,)
            Index of the IRF in the bank.
        photons, background : ndarray, shape (n,)
            Photons in the window, background included, and the share of background in them.
        """
        amplitudes = np.stack([fraction, 1 - fraction], axis=1)
        signal = self._forward.tpsf(amplitudes, tau_ns, self.irf_coefficients[irf_index])
        signal *= (photons * (1 - background) / signal.sum(axis=1))[:, None]
        return np.asarray(signal + (photons * background / self.instrument.axis.n_gates)[:, None])

    def sfd(self, decays: Decays, /) -> NDArray[np.float32]:
        """Return the true decays without IRF, shape (n, 3, n_gates)."""
        sfd = sfd_from_lifetimes(
            decays.amplitude_fraction, decays.tau_short_ns, decays.tau_long_ns, axis=self.instrument.axis
        )
        return sfd.astype(np.float32)

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lifetimes (m,) and the bounds for one photon in the window, shape (n_irfs, m)."""
        low, high = self.instrument.decays.tau_ns
        lifetimes = np.geomspace(low, high * (1 + 1e-9), BOUND_LIFETIMES)
        share = float(np.mean(self.instrument.decays.background))
        columns = []
        for tau in lifetimes:
            near = tau * np.array([1.0, 1.0 + LIFETIME_STEP])
            ones = np.ones((len(self.irfs), 1))
            shapes = [self._forward.tpsf(ones, value * ones, self.irf_coefficients) for value in near]
            first, second = (shape / shape.sum(axis=1, keepdims=True) for shape in shapes)
            mean = (1 - share) * first + max(share, SMALLEST_SHARE) / first.shape[1]
            slopes = np.stack([(second - first) / (near[1] - near[0]), first, np.ones_like(first)], axis=1)
            information = (slopes / mean[:, None]) @ slopes.transpose(0, 2, 1)
            columns.append(np.sqrt(np.linalg.inv(information)[:, 0, 0]))
        return lifetimes, np.stack(columns, axis=1)

    @cached_property
    def irf_coefficients(self) -> NDArray[np.complex128]:
        """Fourier coefficients of the IRF bank, shape (n_irfs, n_harmonics + 1)."""
        period_ns, n_harmonics = self.instrument.axis.period_ns, self._forward.n_harmonics
        return np.stack([irf.coefficients(n_harmonics, period_ns=period_ns) for irf in self.irfs])

    @property
    def n_baseline(self) -> int:
        """Number of leading gates averaged as baseline: 10 as in the paper, fewer for an early edge."""
        return max(
            1, min(BASELINE_GATES, int(0.7 * self.rising_edge_ns / self.instrument.axis.gate_width_ns))
        )

    @cached_property
    def rising_edge_ns(self) -> float:
        """Rising edge (half height) of the instrument's summed decays, relative to the first gate, in ns."""
        rng = self._rng(2)
        tau = rng.uniform(*self.instrument.decays.tau_ns, size=(len(self.irfs), 1))
        tpsf = self._forward.tpsf(np.ones_like(tau), tau, self.irf_coefficients)
        return rising_edge_ns(1e6 * tpsf.mean(axis=0), bin_width_ns=self.instrument.axis.gate_width_ns)

    @cached_property
    def irfs(self) -> list[Irf]:
        """IRF bank of the split."""
        rng = self._rng(0)
        return [self.instrument.draw_irf(rng) for _ in range(self.instrument.irf.n_irfs)]

    @cached_property
    def _forward(self) -> ForwardModel:
        sigma_ns = min(irf.narrowest_sigma_ns for irf in self.irfs)
        period_ns = self.instrument.axis.period_ns
        return ForwardModel(self.instrument.forward_axis, harmonics_needed(sigma_ns, period_ns=period_ns))

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(SPLITS[self.split], *key)))


def measured_response(irf: Irf, /, *, axis: TimeAxis, counts: float, seed: int = 0) -> NDArray[np.int64]:
    """Return a simulated measurement of a response: counts of a light pulse, gate by gate.

    Parameters
    ----------
    irf : Irf
        Response; with the gates of a camera if the axis is sampled.
    axis : TimeAxis
        Gates.
    counts : float
        Expected counts.
    seed : int
        Seed of the noise.

    Returns
    -------
    ndarray of int, shape (n_gates,)

    See Also
    --------
    Simulator.measured_responses : Measurements with errors, for training.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> int(measured_response(ParametricIrf(1.5, 0.2), axis=TimeAxis(100, 0.1, 10.0), counts=1e4).argmax())
    14
    """
    shape = expected_response(irf, axis=axis)
    return np.asarray(np.random.default_rng(seed).poisson(counts * shape / shape.sum()), np.int64)
