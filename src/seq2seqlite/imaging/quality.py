"""Which pixels of a lifetime map not to believe: predictions reconvolved and held against the counts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, Lifetimes, TimeAxis
from seq2seqlite.estimators import aligned_irf, fit_irf, goodness_of

__all__ = ["Quality", "QualityCheck"]

# A pixel is flagged where its counts would have all lifetimes longer or shorter by more than this times the
# standard error of photon noise. Chosen so that nine of ten errors of three times the bound are found
# (benchmarks/quality_flag.py).
MOST_DEVIATION = 2.5
# Or where the reduced chi-square exceeds one by so many of its standard deviations.
MOST_CHI_SIGMAS = 5.0


@dataclass(frozen=True)
class Quality:
    """What to compare the predictions of a map with.

    Parameters
    ----------
    irf : Irf, optional
        Measured IRF, whatever its delay: it is moved to that of the image. None: one is fitted to the
        image's summed decay, a Gaussian with a tail, which does not know a tail of the IRF from a short
        lifetime.
    pulses : float, optional
        Laser pulses in the exposure of one pixel, binning included, where each records one photon at most:
        pile-up is then seen.
    """

    irf: Irf | None = None
    pulses: float | None = None


class QualityCheck:
    """The comparison for one image.

    Parameters
    ----------
    quality : Quality
        What the user gave.
    decay : ndarray, shape (n_gates,)
        Summed decay of the image on the predictor's axis.
    axis : TimeAxis
        That axis.
    """

    def __init__(self, quality: Quality, decay: NDArray[np.float64], /, *, axis: TimeAxis) -> None:
        self.axis, self.pulses = axis, quality.pulses
        self.irf = fit_irf(decay, axis=axis) if quality.irf is None else aligned_irf(
            quality.irf, decay, axis=axis
        )  # fmt: skip
        self.given = quality.irf is not None

    def maps(self, lifetimes: Lifetimes, tpsf: NDArray[Any], /) -> dict[str, NDArray[np.float64]]:
        """Return ``chi_square``, ``deviation`` in standard errors, and ``flagged`` (0 or 1), shape (n,).

        Parameters
        ----------
        lifetimes : Lifetimes
            Predictions.
        tpsf : ndarray, shape (n, n_gates)
            Counts that they were made from.
        """
        found = goodness_of(lifetimes, tpsf, axis=self.axis, irf=self.irf, pulses=self.pulses)
        deviation = found.stretch / found.stretch_std
        limit = 1 + MOST_CHI_SIGMAS * np.sqrt(2 / (self.axis.n_gates - 2))
        flagged = (np.abs(deviation) > MOST_DEVIATION) | (found.chi_square > limit)
        known = np.isfinite(deviation)
        return {
            "chi_square": found.chi_square,
            "deviation": deviation,
            "flagged": np.where(known, flagged, np.nan),
        }

    def described(self) -> dict[str, Any]:
        """Return what was compared with, for the summary."""
        return {
            "irf": "given, aligned" if self.given else "fitted to the summed decay",
            "irf_mean_ns": float(self.irf.mean_ns),
            "pulses": self.pulses,
            "most_deviation": MOST_DEVIATION,
        }
