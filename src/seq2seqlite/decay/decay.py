"""A decay with one or two lifetimes."""

import math
from dataclasses import dataclass

from seq2seqlite.errors import InputError

__all__ = ["Decay"]


@dataclass(frozen=True)
class Decay:
    """Decay with one or two lifetimes.

    Parameters
    ----------
    tau_short_ns, tau_long_ns : float
        Lifetimes, in ns; equal for a decay with one lifetime.
    amplitude_fraction : float
        Share of the short component in the amplitude.

    Raises
    ------
    InputError
        If a lifetime is not positive, or the amplitude fraction is not between 0 and 1.

    See Also
    --------
    expected_tpsf : Expected TPSF of such decays.

    Examples
    --------
    >>> Decay(0.5, 2.5, 0.5).tau_mean_ns
    1.5
    """

    tau_short_ns: float
    tau_long_ns: float
    amplitude_fraction: float = 0.5

    def __post_init__(self) -> None:
        for value in (self.tau_short_ns, self.tau_long_ns):
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"tau_ns={value:g} must be finite and > 0 (e.g. 2.5)")
        if not 0 < self.amplitude_fraction < 1:
            raise InputError(f"amplitude_fraction={self.amplitude_fraction:g} must be > 0 and < 1")

    @property
    def mono(self) -> bool:
        """Whether the decay has one lifetime."""
        return self.tau_short_ns == self.tau_long_ns

    @property
    def tau_mean_ns(self) -> float:
        """Amplitude-weighted mean lifetime, in ns."""
        return self.amplitude_fraction * self.tau_short_ns + (1 - self.amplitude_fraction) * self.tau_long_ns
