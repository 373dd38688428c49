"""Time axis of an instrument: time gates, their width and the laser period."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError

__all__ = ["TimeAxis"]

# Gate length of a sampled axis, in gate steps: its effect on a decay is below rounding in single precision.
SAMPLE_STEPS = 1e-6


@dataclass(frozen=True)
class TimeAxis:
    """Time gates of one instrument.

    Parameters
    ----------
    n_gates : int
        Number of gates in the measurement window.
    gate_width_ns : float
        Step from the start of one gate to the start of the next, in ns.
    period_ns : float
        Laser period, in ns; at least as long as the window.
    gate_length_ns : float, optional
        Integration time of a gate, in ns, if it differs from the step, as for the wide, overlapping gates of
        a time-gated camera. Default: ``gate_width_ns``.

    Raises
    ------
    InputError
        If a value is not positive or the window is longer than the period.

    See Also
    --------
    ForwardModel : Expected TPSFs on a time axis.

    Examples
    --------
    >>> axis = TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)
    >>> round(axis.window_ns, 3)
    12.15
    """

    n_gates: int
    gate_width_ns: float
    period_ns: float
    gate_length_ns: float | None = None

    def __post_init__(self) -> None:
        if self.n_gates < 2:
            raise InputError(f"n_gates={self.n_gates} must be >= 2 (e.g. 135)")
        for name in ("gate_width_ns", "period_ns", "gate_length_ns"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise InputError(f"{name}={value} must be finite and > 0 (e.g. 0.09)")
        if self.window_ns > self.period_ns * (1 + 1e-9):
            raise InputError(
                f"n_gates={self.n_gates} x gate_width_ns={self.gate_width_ns} = {self.window_ns:g} ns "
                f"is longer than period_ns={self.period_ns}; use fewer gates or correct the laser period"
            )
        if self.gate_length_ns is not None and self.gate_length_ns > self.period_ns:
            raise InputError(f"gate_length_ns={self.gate_length_ns} must be <= period_ns={self.period_ns}")

    @property
    def window_ns(self) -> float:
        """Length of the window, in ns."""
        return self.n_gates * self.gate_width_ns

    @property
    def integration_ns(self) -> float:
        """Integration time of one gate, in ns."""
        return self.gate_width_ns if self.gate_length_ns is None else self.gate_length_ns

    def sampled(self) -> "TimeAxis":
        """Return this axis with gates that sample a response at their starts instead of integrating it.

        For responses that include the gate: :class:`GatedIrf`, or an IRF measured gate by gate.

        Examples
        --------
        >>> TimeAxis(67, 0.183, 12.33, gate_length_ns=6.0).sampled().integration_ns < 0.001
        True
        """
        return replace(self, gate_length_ns=SAMPLE_STEPS * self.gate_width_ns)

    @property
    def weight_ns(self) -> float:
        """Time by which a gate multiplies a photon rate, in ns: its length, or one step for samples."""
        length = self.integration_ns
        return self.gate_width_ns if length < 2 * SAMPLE_STEPS * self.gate_width_ns else length

    @cached_property
    def starts_ns(self) -> NDArray[np.float64]:
        """Start of each gate, in ns, shape (n_gates,)."""
        return np.arange(self.n_gates, dtype=np.float64) * self.gate_width_ns
