"""Warnings for measurements whose lifetimes lie outside of the range of the predictor."""

from dataclasses import dataclass

from numpy.typing import ArrayLike

from seq2seqlite.decay import TimeAxis, fit_tail, longer_lifetime_ns
from seq2seqlite.histogram import Spread
from seq2seqlite.protocols import Predictor, tau_range_ns

__all__ = ["RangeCheck"]

# A summed decay is outside of a range that it exceeds by this share, and a pixel is at the edge of the range
# if it lies within this share of an end, or beyond.
TOLERANCE = 0.1
# Largest share of pixels at the edge without a warning.
MAX_AT_EDGE = 0.05


@dataclass(frozen=True)
class RangeCheck:
    """Comparison of a measurement with the range of lifetimes of a predictor.

    Parameters
    ----------
    model : str
        Name of the predictor.
    range_ns : tuple of float or None
        Shortest and longest lifetime, in ns; None disables the comparison.
    """

    model: str
    range_ns: tuple[float, float] | None

    @classmethod
    def of(cls, predictor: Predictor, /) -> "RangeCheck":
        """Return the comparison with the range of a predictor."""
        return cls(predictor.name, tau_range_ns(predictor))

    def of_decay(self, decay: ArrayLike, /, *, axis: TimeAxis, edge_ns: float) -> list[str]:
        """Return a warning if the tail of a summed decay has a lifetime outside of the range.

        Either the tail is a single exponential with such a lifetime, or a sum of lifetimes, one of which is
        longer than the range.
        """
        fit = None if self.range_ns is None else fit_tail(decay, axis=axis, edge_ns=edge_ns)
        if fit is None or self.range_ns is None:
            return []
        low, high = self.range_ns
        allowed = (fit.taus_ns >= low / (1 + TOLERANCE)) & (fit.taus_ns <= high * (1 + TOLERANCE))
        tau_ns: float | None = fit.tau_ns
        if not fit.excludes(allowed):
            tau_ns = longer_lifetime_ns(
                decay, axis=axis, edge_ns=edge_ns, range_ns=(low, high * (1 + TOLERANCE))
            )
        if tau_ns is None:
            return []
        warning = (
            f"the summed decay has a lifetime of about {tau_ns:.2g} ns, outside of the {self._range} of "
            f"model {self.model}; its lifetimes are wrong for this measurement"
        )
        return [warning]

    def of_lifetimes(self, lifetimes: ArrayLike | Spread, /) -> list[str]:
        """Return a warning if the median, or a large share, of the lifetimes lies at an end of the range."""
        if self.range_ns is None:
            return []
        spread = lifetimes if isinstance(lifetimes, Spread) else Spread.of(lifetimes)
        if spread.n == 0:
            return []
        low, high = self.range_ns
        found = []
        for end_ns, share in (
            (low, spread.share_below(low * (1 + TOLERANCE))),
            (high, 1 - spread.share_below(high * (1 - TOLERANCE))),
        ):
            if share > MAX_AT_EDGE:
                found.append(
                    f"{share:.0%} of the analysed pixels have a lifetime near or beyond {end_ns:.2g} ns, "
                    f"an end of the range of model {self.model} ({self._range}); their true lifetimes may "
                    f"lie beyond it"
                )
        return found

    @property
    def _range(self) -> str:
        assert self.range_ns is not None
        return "{:.2g} to {:.2g} ns".format(*self.range_ns)
