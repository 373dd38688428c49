"""Response of an instrument for a measurement: a measured one with the right delay, or a fitted one.

- :func:`placed_irf`: one of the two, with or without the gates of a camera
- :func:`aligned_irf`: delay of a measured response
- :func:`fit_irf`, :func:`fit_gated_irf`: responses from the summed decay
"""

from seq2seqlite.responses.irf_fit import aligned_irf, fit_irf
from seq2seqlite.responses.placed_irf import PlacedIrf, fit_gated_irf, placed_irf

__all__ = ["PlacedIrf", "aligned_irf", "fit_gated_irf", "fit_irf", "placed_irf"]
