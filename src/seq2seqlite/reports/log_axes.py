"""Logarithmic axes with plain numbers."""

import math

from matplotlib.axis import Axis
from matplotlib.ticker import Formatter

__all__ = ["PlainLogFormatter", "label_plainly"]

# First digits of the labelled ticks, by the largest number of decades; all ticks of a shorter axis.
FIRST_DIGITS = {0.4: (), 1.0: (1, 2, 3, 5, 7), 2.0: (1, 2, 5), math.inf: (1,)}


class PlainLogFormatter(Formatter):
    """Formatter of logarithmic axes without powers of ten; it labels fewer ticks on axes of more decades.

    See Also
    --------
    label_plainly : Set it on an axis.
    """

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the label of a tick; empty for a tick without one."""
        del pos
        assert self.axis is not None, "Matplotlib sets it"
        low, high = sorted(self.axis.get_view_interval())
        digits = next(some for most, some in FIRST_DIGITS.items() if math.log10(high / low) <= most)
        first = x / 10 ** math.floor(math.log10(x) + 1e-9)
        shown = not digits or any(math.isclose(first, digit, rel_tol=1e-6) for digit in digits)
        return f"{x:,.10g}" if shown else ""


def label_plainly(*axes: Axis) -> None:
    """Label the major and minor ticks of logarithmic axes with plain numbers that do not overlap.

    See Also
    --------
    PlainLogFormatter : Formatter of the ticks.
    """
    for axis in axes:
        axis.set_minor_formatter(PlainLogFormatter())
        axis.set_major_formatter(PlainLogFormatter())
