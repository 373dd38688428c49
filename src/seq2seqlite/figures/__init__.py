"""Figures of results: lifetime maps, the summed decay with its response and residuals, phasors.

- :func:`lifetime_picture`: a map, with the lifetime as colour and the intensity as brightness
- :func:`decay_record`, :func:`decay_figure`: the summed decay of a measurement
- :func:`phasor_figure`: phasors of the pixels
- :func:`plot_map`, :func:`plot_decay`: the same in given axes, e.g. of a notebook
"""

from seq2seqlite.figures.colours import DEFAULT_COLOURS, lifetime_colours
from seq2seqlite.figures.decay_figure import decay_figure, plot_decay
from seq2seqlite.figures.decay_record import DecayRecord, decay_record
from seq2seqlite.figures.phasor_figure import phasor_figure
from seq2seqlite.figures.phasor_record import PhasorOptions, PhasorRecord
from seq2seqlite.figures.picture import PictureOptions, lifetime_picture, lifetime_rgb, mosaic, plot_map

__all__ = [
    "DEFAULT_COLOURS",
    "DecayRecord",
    "PhasorOptions",
    "PhasorRecord",
    "PictureOptions",
    "decay_figure",
    "decay_record",
    "lifetime_colours",
    "lifetime_picture",
    "lifetime_rgb",
    "mosaic",
    "phasor_figure",
    "plot_decay",
    "plot_map",
]
