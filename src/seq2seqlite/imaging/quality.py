"""Quality maps: comparison of reconvolved predictions with the counts, and a flag for unreliable pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import FitModel, Irf, IrfBank, Lifetimes, TimeAxis
from seq2seqlite.responses import goodness_of, placed_irf

__all__ = ["Quality", "QualityCheck"]

# A pixel is flagged if scaling all its lifetimes to fit the counts best changes them by more than this many
# standard errors of photon noise. Chosen to find nine of ten errors of three times the Cramér-Rao bound
# (benchmarks/quality_flag.py).
MOST_DEVIATION = 2.5
# A pixel is also flagged if the reduced chi-square exceeds 1 by this many standard deviations.
MOST_CHI_SIGMAS = 5.0


@dataclass(frozen=True)
class Quality:
    """Settings of the quality maps.

    Parameters
    ----------
    irf : Irf, optional
        Measured IRF with any delay; it is aligned with the image. None: an IRF (Gaussian with an exponential
        tail) is fitted to the summed decay of the image. The fit cannot distinguish a tail of the IRF from a
        short lifetime.
    pulses : float, optional
        Excitation pulses in the exposure of one pixel, including binning, for detectors that record at most
        one photon per pulse. Pile-up is then included in the comparison.

    See Also
    --------
    lifetime_map : Compute the lifetime maps of a measurement.
    seq2seqlite.responses.goodness_of :
        Return the agreement of predicted lifetimes with the counts that they were computed from.
    """

    irf: Irf | None = None
    pulses: float | None = None


class QualityCheck:
    """Computation of the quality maps of one image.

    Parameters
    ----------
    quality : Quality
        Settings.
    decay : ndarray, shape (n_gates,)
        Summed decay of the image on the time axis of the predictor.
    axis : TimeAxis
        Time axis of the predictor.
    irf : Irf, optional
        Measured IRF; default: that of the settings.
    gate_length_ns : float, optional
        Length of the gates of a camera, in ns.
    shift_ns : float, optional
        Delay to add to the measured IRF; default: the one that fits the decay best.
    model : FitModel
        Model that the predictor fits: gates that are compared, and scattered light in the decay.
    """

    def __init__(
        self,
        quality: Quality,
        decay: NDArray[np.float64],
        /,
        *,
        axis: TimeAxis,
        irf: Irf | None = None,
        gate_length_ns: float | None = None,
        shift_ns: float | None = None,
        model: FitModel = FitModel(),  # noqa: B008 - frozen
    ) -> None:
        self.pulses, self.gates = quality.pulses, model.gates
        measured = quality.irf if irf is None else irf
        placed = placed_irf(
            decay,
            axis=axis,
            measured=measured,
            gate_length_ns=gate_length_ns,
            shift_ns=shift_ns,
            scatter=model.scatter,
        )
        self.irf, self.axis = placed.irf, placed.axis
        self.origin = placed.origin

    def maps(
        self, lifetimes: Lifetimes, tpsf: NDArray[Any], /, *, pixels: NDArray[np.intp] | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """Return ``chi_square``, ``deviation`` in standard errors, and ``flagged`` (0 or 1), shape (n,).

        Parameters
        ----------
        lifetimes : Lifetimes
            Predictions.
        tpsf : ndarray, shape (n, n_gates)
            Counts from which the lifetimes were predicted.
        pixels : ndarray of int, shape (n,), optional
            Flat indices of the pixels; required if they have different responses.
        """
        chi_square, deviation = self._compared(lifetimes, tpsf, pixels)
        n_gates = self.axis.n_gates if self.gates is None else len(self.gates)
        limit = 1 + MOST_CHI_SIGMAS * np.sqrt(2 / (n_gates - 2))
        flagged = (np.abs(deviation) > MOST_DEVIATION) | (chi_square > limit)
        known = np.isfinite(deviation)
        return {
            "chi_square": chi_square,
            "deviation": deviation,
            "flagged": np.where(known, flagged, np.nan),
        }

    def _compared(
        self, lifetimes: Lifetimes, tpsf: NDArray[Any], pixels: NDArray[np.intp] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return chi-square and deviation of each pixel, with its own response."""
        chi_square, deviation = np.empty((2, len(tpsf)))
        if isinstance(self.irf, IrfBank):
            assert pixels is not None, "pixels are known where responses differ"
            groups = [(self.irf.irfs[number], own) for number, own in self.irf.groups(pixels)]
        else:
            groups = [(self.irf, np.arange(len(tpsf)))]
        for irf, own in groups:
            found = goodness_of(
                lifetimes.at(own), tpsf[own], axis=self.axis, irf=irf, pulses=self.pulses, gates=self.gates
            )
            chi_square[own], deviation[own] = found.chi_square, found.stretch / found.stretch_std
        return chi_square, deviation

    def described(self) -> dict[str, Any]:
        """Return the IRF and the thresholds of the comparison, for the summary."""
        return {
            "irf": "fitted to the summed decay" if self.origin == "fitted" else f"given, {self.origin}",
            "irf_mean_ns": float(self.irf.mean_ns),
            "pulses": self.pulses,
            "most_deviation": MOST_DEVIATION,
        }
