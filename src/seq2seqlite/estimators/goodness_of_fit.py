"""Whether predicted lifetimes and the counts that they came from agree: reconvolution without a fit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import (
    ForwardModel,
    Irf,
    Lifetimes,
    TimeAxis,
    first_photon_histogram,
    harmonics_needed,
)
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.estimate import checked_counts, screened

__all__ = ["Goodness", "goodness_of"]

# Step of the finite difference by which all lifetimes of a pixel are stretched.
STRETCH = 0.02
ITERATIONS = 3
SMALLEST_COUNT = 1e-6
# A stretch is trusted to this; beyond, the answer is "far".
MOST_STRETCH = 1.0
BATCH = 1024


@dataclass(frozen=True)
class Goodness:
    """How predictions and counts agree, arrays of shape (n,); NaN where there is no prediction.

    Parameters
    ----------
    chi_square : ndarray
        Reduced chi-square (Pearson's) of the reconvolved prediction, with photons and background fitted.
    stretch : ndarray
        By which share the counts would have all lifetimes of the pixel longer.
    stretch_std : ndarray
        Its standard error by photon noise.
    """

    chi_square: NDArray[np.float64]
    stretch: NDArray[np.float64]
    stretch_std: NDArray[np.float64]


def goodness_of(
    lifetimes: Lifetimes,
    tpsf: ArrayLike,
    /,
    *,
    axis: TimeAxis,
    irf: Irf,
    pulses: float | None = None,
) -> Goodness:
    """Return how predicted lifetimes and counts agree.

    Parameters
    ----------
    lifetimes : Lifetimes
        Predictions, arrays of shape (n,). A component that is NaN is absent.
    tpsf : array_like, shape (n, n_gates)
        Counts that they were made from.
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response, with the delay of the counts.
    pulses : float, optional
        Laser pulses in the exposure of a pixel, where each records one photon at most: the reconvolved decay
        is then piled up like the counts.

    Returns
    -------
    Goodness

    Raises
    ------
    InputError
        If shapes do not fit or ``pulses`` is fewer than the photons of a pixel.

    Notes
    -----
    The predicted decay is reconvolved with the IRF. Photons and background are fitted by weighted least
    squares, which at the weights of its own result is maximum likelihood, and together with them one number:
    the stretch of the time axis that the counts ask for. The chi-square sees every misfit, but an error of
    three standard errors hides among the noise of a hundred gates; the stretch is that one direction in
    which a mean lifetime errs, and sees it.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf, expected_tpsf
    >>> axis, irf = TimeAxis(135, 0.09, 12.5), ParametricIrf(1.5, 0.2)
    >>> tpsf = expected_tpsf([1.0], [2.2], axis=axis, irf=irf, photons=3000, background=1.0)
    >>> two = np.array([2.0])
    >>> found = goodness_of(Lifetimes(two, two, two, two / 4), tpsf[None], axis=axis, irf=irf)
    >>> round(found.stretch.item(), 1), bool(found.stretch > 3 * found.stretch_std)
    (0.1, True)
    """
    counts, reason = screened(checked_counts(tpsf, axis=axis, name="the comparison"))
    if pulses is not None and not pulses > counts.sum(axis=1).max():
        raise InputError(
            f"pulses={pulses:g} must exceed the photons of every pixel ({counts.sum(axis=1).max():g}): the "
            "laser pulses in the exposure of one pixel, binning included"
        )
    n_harmonics = harmonics_needed(irf.narrowest_sigma_ns, period_ns=axis.period_ns)
    model = _Model(
        ForwardModel(axis, n_harmonics), irf.coefficients(n_harmonics, period_ns=axis.period_ns), pulses
    )
    amplitudes, taus = _components(lifetimes)
    known = (reason == 0) & (amplitudes.sum(axis=1) > 0)
    result = np.full((3, len(counts)), np.nan)
    rows = np.flatnonzero(known)
    for start in range(0, rows.size, BATCH):
        part = rows[start : start + BATCH]
        result[:, part] = _compared(model, counts[part].astype(np.float64), amplitudes[part], taus[part])
    return Goodness(*result)


@dataclass(frozen=True)
class _Model:
    """What the detector records of a decay."""

    forward: ForwardModel
    coefficients: NDArray[np.complex128]
    pulses: float | None

    def shape(self, amplitudes: NDArray[np.float64], taus: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the shares of the photons that arrive in each gate, shape (n, n_gates)."""
        return self.forward.tpsf(amplitudes, taus, self.coefficients)

    def recorded(
        self, photons: NDArray[np.float64], level: NDArray[np.float64], shape: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the counts expected of so many photons and such a background."""
        arriving = photons[:, None] * shape + level[:, None]
        return arriving if self.pulses is None else first_photon_histogram(arriving, n_pulses=self.pulses)


def _components(lifetimes: Lifetimes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return amplitudes, zero where a component is absent, and lifetimes, shape (n, 2)."""
    taus = np.stack([lifetimes.tau_short_ns, lifetimes.tau_long_ns], axis=1).astype(np.float64)
    fraction = np.asarray(lifetimes.amplitude_fraction, np.float64)
    amplitudes = np.stack([fraction, 1 - fraction], axis=1)
    present = np.isfinite(taus) & np.isfinite(amplitudes) & (taus > 0) & (amplitudes > 0)
    return np.where(present, amplitudes, 0.0), np.where(present, taus, 1.0)


def _compared(
    model: _Model, counts: NDArray[np.float64], amplitudes: NDArray[np.float64], taus: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return reduced chi-square, stretch and its standard error, shape (3, n)."""
    n_gates = counts.shape[1]
    total = counts.sum(axis=1)
    photons, level = 0.98 * total, 0.02 * total / n_gates
    shape, longer, shorter = (model.shape(amplitudes, taus * (1 + by)) for by in (0, STRETCH, -STRETCH))
    for _ in range(ITERATIONS):
        by_photons = 0.02 * np.maximum(photons, 1.0)
        by_level = np.maximum(0.02 * level, 1e-3)
        here = model.recorded(photons, level, shape)
        columns = np.stack([
            (model.recorded(photons + by_photons, level, shape) - here) / by_photons[:, None],
            (model.recorded(photons, level + by_level, shape) - here) / by_level[:, None],
            (model.recorded(photons, level, longer) - model.recorded(photons, level, shorter))
            / (2 * STRETCH),
        ])  # fmt: skip
        weight = 1 / np.maximum(here, SMALLEST_COUNT)
        information = np.einsum("png,qng,ng->npq", columns, columns, weight)
        score = np.einsum("png,ng->np", columns, weight * (counts - here))
        # Photons and background alone, for the chi-square; then with the stretch.
        two = np.linalg.solve(information[:, :2, :2], score[:, :2, None])[..., 0]
        three = np.linalg.solve(information, score[..., None])[..., 0]
        stretch = three[:, 2]
        error = np.sqrt(np.linalg.inv(information)[:, 2, 2])
        photons = np.maximum(photons + two[:, 0], 1e-3 * total)
        level = np.maximum(level + two[:, 1], 0.0)
    here = np.maximum(model.recorded(photons, level, shape), SMALLEST_COUNT)
    chi_square = ((counts - here) ** 2 / here).sum(axis=1) / max(n_gates - 2, 1)
    return np.stack([chi_square, np.clip(stretch, -MOST_STRETCH, MOST_STRETCH), error])
