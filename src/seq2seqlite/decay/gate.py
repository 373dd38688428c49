"""Time gates with edges of finite steepness, and instrument responses that include such a gate."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay.irf import Irf, angular_frequencies_per_ns
from seq2seqlite.errors import InputError

__all__ = ["Gate", "GatedIrf"]

# Time from 10 % to 90 % of a Gaussian edge, in standard deviations.
RISE_PER_SIGMA = 2.5631031310892007


@dataclass(frozen=True)
class Gate:
    """Sensitivity of one time gate: it opens, stays open and closes, with Gaussian edges.

    Parameters
    ----------
    length_ns : float
        Time between the half heights of the edges, in ns.
    rise_ns, fall_ns : float
        Times from 10 % to 90 % of the opening edge, and from 90 % to 10 % of the closing edge, in ns.

    Raises
    ------
    InputError
        If the length is not positive, or a time is negative or not finite.

    See Also
    --------
    GatedIrf : Response of an instrument that measures through this gate.
    TimeAxis : Time axis with ideal gates.

    Examples
    --------
    >>> gate = Gate(length_ns=3.0, rise_ns=0.3, fall_ns=0.1)
    >>> np.abs(gate.coefficients(1, period_ns=12.5)).round(3).tolist()
    [1.0, 0.907]
    """

    length_ns: float
    rise_ns: float = 0.0
    fall_ns: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.length_ns) and self.length_ns > 0):
            raise InputError(f"length_ns={self.length_ns} of a gate must be finite and > 0 (e.g. 3.0)")
        for name in ("rise_ns", "fall_ns"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"{name}={value} of a gate must be finite and >= 0 (e.g. 0.2)")

    def coefficients(self, n_harmonics: int, /, *, period_ns: float) -> NDArray[np.complex128]:
        """Return the factors with which the gate changes the harmonics of a photon rate.

        Parameters
        ----------
        n_harmonics : int
            Highest harmonic of the laser repetition rate.
        period_ns : float
            Laser period, in ns; at least as long as the gate.

        Returns
        -------
        ndarray of complex, shape (n_harmonics + 1,)
            A gate whose opening edge lies at time t measures the rate averaged over the gate,
            ``sum_k c_k factor_k exp(1j omega_k t)``; the first factor is 1.

        Raises
        ------
        InputError
            If the gate is longer than the laser period.
        """
        if self.length_ns > period_ns * (1 + 1e-9):
            raise InputError(f"length_ns={self.length_ns} of a gate must be <= period_ns={period_ns:g}")
        omega = angular_frequencies_per_ns(n_harmonics, period_ns=period_ns)[1:]
        opening = np.exp(-0.5 * (omega * self.rise_ns / RISE_PER_SIGMA) ** 2)
        closing = np.exp(1j * omega * self.length_ns - 0.5 * (omega * self.fall_ns / RISE_PER_SIGMA) ** 2)
        return np.concatenate([[1.0], (closing - opening) / (1j * omega * self.length_ns)])

    @property
    def sharpest_sigma_ns(self) -> float:
        """Standard deviation of the steeper edge, in ns."""
        return min(self.rise_ns, self.fall_ns) / RISE_PER_SIGMA


@dataclass(frozen=True)
class GatedIrf(Irf):
    """Instrument response that includes the gate: what a camera records of a light pulse, gate by gate.

    Parameters
    ----------
    irf : Irf
        Response of laser, optics and detector, without the gate.
    gate : Gate
        Gate.

    See Also
    --------
    TimeAxis.sampled : Time axis for such a response; the gate is not applied a second time.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
    >>> axis = TimeAxis(n_gates=125, gate_width_ns=0.1, period_ns=12.5, gate_length_ns=3.0)
    >>> irf = ParametricIrf(4.0, 0.2)
    >>> ideal = expected_tpsf([1.0], [2.0], axis=axis, irf=irf)
    >>> gated = expected_tpsf([1.0], [2.0], axis=axis.sampled(), irf=GatedIrf(irf, Gate(3.0)))
    >>> bool(np.allclose(ideal / ideal.sum(), gated / gated.sum(), atol=1e-6))
    True
    """

    irf: Irf
    gate: Gate

    def coefficients(self, n_harmonics: int, /, *, period_ns: float) -> NDArray[np.complex128]:
        """Return the Fourier coefficients of harmonics 0 to ``n_harmonics``."""
        return self.irf.coefficients(n_harmonics, period_ns=period_ns) * self.gate.coefficients(
            n_harmonics, period_ns=period_ns
        )

    def moved(self, by_ns: float, /) -> Self:
        """Return this response with all delays longer by ``by_ns``."""
        return replace(self, irf=self.irf.moved(by_ns))

    @property
    def mean_ns(self) -> float:
        """Mean delay, in ns: a gate that opens early records a pulse early."""
        return self.irf.mean_ns - self.gate.length_ns / 2

    @property
    def narrowest_sigma_ns(self) -> float:
        """Standard deviation of the steeper edge, in ns."""
        return float(np.hypot(self.irf.narrowest_sigma_ns, self.gate.sharpest_sigma_ns))
