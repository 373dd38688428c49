"""Response of an instrument for a measurement: a measured one with the right delay, or a fitted one.

- :func:`placed_irf`: one of the two, with or without the gates of a camera
- :func:`aligned_irf`: delay of a measured response
- :func:`fit_irf`, :func:`fit_gated_irf`: responses from the summed decay
- :func:`fit_lifetimes`, :func:`decay_curve`: lifetimes of the summed decay with a response
- :func:`standard_errors`: standard errors of these lifetimes
- :func:`goodness_of`: agreement of predicted lifetimes with counts
"""

from seq2seqlite.responses.decay_fit import DecayCurve, decay_curve, fit_lifetimes
from seq2seqlite.responses.goodness_of_fit import Goodness, goodness_of
from seq2seqlite.responses.irf_fit import aligned_irf, fit_irf
from seq2seqlite.responses.placed_irf import PlacedIrf, fit_gated_irf, placed_irf
from seq2seqlite.responses.standard_errors import standard_errors

__all__ = [
    "DecayCurve",
    "Goodness",
    "PlacedIrf",
    "aligned_irf",
    "decay_curve",
    "fit_gated_irf",
    "fit_irf",
    "fit_lifetimes",
    "goodness_of",
    "placed_irf",
    "standard_errors",
]
