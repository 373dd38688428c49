"""Figures of results: lifetime maps, and the summed decay with its response, model and residuals.

- :func:`lifetime_picture`: a map, with the lifetime as colour and the intensity as brightness
- :func:`decay_record`, :func:`decay_figure`: the summed decay of a measurement
"""

from seq2seqlite.figures.colours import DEFAULT_COLOURS, lifetime_colours
from seq2seqlite.figures.decay_figure import decay_figure
from seq2seqlite.figures.decay_record import DecayRecord, decay_record
from seq2seqlite.figures.picture import PictureOptions, lifetime_picture, lifetime_rgb

__all__ = [
    "DEFAULT_COLOURS",
    "DecayRecord",
    "PictureOptions",
    "decay_figure",
    "decay_record",
    "lifetime_colours",
    "lifetime_picture",
    "lifetime_rgb",
]
