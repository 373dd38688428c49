"""Goodness of fit of predicted lifetimes: comparison of the reconvolved prediction with the counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import (
    ForwardModel,
    Irf,
    Lifetimes,
    TimeAxis,
    first_photon_histogram,
    forward_model,
)
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.estimate import Estimate, checked_counts, screened

__all__ = ["Goodness", "goodness_of"]

# Step of the finite difference: relative increase of all lifetimes of a pixel.
STRETCH = 0.02
ITERATIONS = 3
SMALLEST_COUNT = 1e-6
# Limit of the stretch: larger values only indicate a large misfit.
MOST_STRETCH = 1.0
BATCH = 1024


@dataclass(frozen=True)
class Goodness:
    """Agreement of predictions with counts, as arrays of shape (n,); NaN for a pixel without prediction.

    Parameters
    ----------
    chi_square : ndarray
        Reduced chi-square (Pearson's) of the reconvolved prediction, with photons and background fitted.
    stretch : ndarray
        Relative increase of all lifetimes of the pixel that would fit the counts best.
    stretch_std : ndarray
        Standard error of the stretch due to photon noise.

    See Also
    --------
    goodness_of : Return the agreement of predicted lifetimes with the counts that they were computed from.
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
    gates: Sequence[int] | None = None,
) -> Goodness:
    """Return the agreement of predicted lifetimes with the counts that they were computed from.

    Parameters
    ----------
    lifetimes : Lifetimes
        Predictions, arrays of shape (n,). A component with a lifetime of NaN is absent. Three components and
        scattered light of an :class:`Estimate` are included.
    tpsf : array_like, shape (n, n_gates)
        Counts from which the lifetimes were predicted.
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response, aligned with the counts.
    pulses : float, optional
        Number of excitation pulses during the exposure of a pixel, if at most one photon is recorded per
        pulse. The reconvolved decay then includes the same pile-up as the counts.
    gates : sequence of int, optional
        Gates that are compared; default: all.

    Returns
    -------
    Goodness

    Raises
    ------
    InputError
        If shapes do not match, or ``pulses`` does not exceed the photons of every pixel.

    See Also
    --------
    aligned_irf : Align an IRF with the counts.

    Notes
    -----
    The predicted decay is reconvolved with the IRF. Photons, background and the stretch, a common factor of
    all lifetimes, are fitted by iteratively reweighted least squares, which converges to the maximum of the
    likelihood. The chi-square responds to every misfit, but an error of three standard errors in the lifetime
    is small compared with the noise of a hundred gates. The stretch is sensitive to exactly this error.

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
            f"pulses={pulses:g} must exceed the photons of every pixel (up to {counts.sum(axis=1).max():g}); "
            "pass the number of excitation pulses per pixel, binning included"
        )
    chosen = slice(None) if gates is None else np.asarray(gates)
    model = _Model(*forward_model(axis, irf), pulses, chosen)
    amplitudes, taus = lifetimes.components()
    scattered = np.zeros(len(counts))
    if isinstance(lifetimes, Estimate) and lifetimes.scatter_fraction is not None:
        scattered = np.nan_to_num(lifetimes.scatter_fraction)
    known = (reason == 0) & (amplitudes.sum(axis=1) > 0)
    result = np.full((3, len(counts)), np.nan)
    rows = np.flatnonzero(known)
    for start in range(0, rows.size, BATCH):
        part = rows[start : start + BATCH]
        result[:, part] = _compared(
            model,
            counts[part][:, chosen].astype(np.float64),
            amplitudes[part],
            taus[part],
            scattered[part, None],
        )
    return Goodness(*result)


@dataclass(frozen=True)
class _Model:
    """Model of the counts that a detector records."""

    forward: ForwardModel
    coefficients: NDArray[np.complex128]
    pulses: float | None
    gates: slice | NDArray[np.intp]

    def shape(
        self, amplitudes: NDArray[np.float64], taus: NDArray[np.float64], scattered: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the share of the photons in each gate, shape (n, n_gates)."""
        decay = self.forward.tpsf(amplitudes, taus, self.coefficients)
        return (1 - scattered) * decay + scattered * self.forward.response(self.coefficients)

    def recorded(
        self, photons: NDArray[np.float64], level: NDArray[np.float64], shape: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected counts of the compared gates for given photons and background."""
        arriving = photons[:, None] * shape + level[:, None]
        if self.pulses is not None:
            arriving = first_photon_histogram(arriving, n_pulses=self.pulses)
        return np.asarray(arriving[:, self.gates])


def _compared(
    model: _Model,
    counts: NDArray[np.float64],
    amplitudes: NDArray[np.float64],
    taus: NDArray[np.float64],
    scattered: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return reduced chi-square, stretch and its standard error, shape (3, n)."""
    n_gates = counts.shape[1]
    total = counts.sum(axis=1)
    photons, level = 0.98 * total, 0.02 * total / n_gates
    shape, longer, shorter = (
        model.shape(amplitudes, taus * (1 + by), scattered) for by in (0, STRETCH, -STRETCH)
    )
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
        # First photons and background only, for the chi-square; then with the stretch.
        two = np.linalg.solve(information[:, :2, :2], score[:, :2, None])[..., 0]
        three = np.linalg.solve(information, score[..., None])[..., 0]
        stretch = three[:, 2]
        error = np.sqrt(np.linalg.inv(information)[:, 2, 2])
        photons = np.maximum(photons + two[:, 0], 1e-3 * total)
        level = np.maximum(level + two[:, 1], 0.0)
    here = np.maximum(model.recorded(photons, level, shape), SMALLEST_COUNT)
    chi_square = ((counts - here) ** 2 / here).sum(axis=1) / max(n_gates - 2, 1)
    return np.stack([chi_square, np.clip(stretch, -MOST_STRETCH, MOST_STRETCH), error])
