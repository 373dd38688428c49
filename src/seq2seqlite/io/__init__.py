"""Readers of measurements and IRFs.

- :func:`read`, :func:`load`: a measurement from any supported file, without and with a check of its counts
- :func:`read_series`, :func:`each_channel`: frames of a series one by one, and channels of a file
- :func:`read_irf`, :func:`read_irf_bank`: a measured IRF, and one for each pixel
- :func:`signal_from_counts`: a measurement from an array in memory
- :class:`Corrections`: dark level, flat field, hot and dead pixels of a camera
- :func:`survey`: intensity, saturation and summed decay, which belong to a measurement
"""

from seq2seqlite.files import sha256_of
from seq2seqlite.io.cameras.corrections import Corrections
from seq2seqlite.io.irf import read_irf, read_irf_bank
from seq2seqlite.io.measurement import SUFFIXES, load, read
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.io.series import Series, each_channel, read_series
from seq2seqlite.io.signal import Measurement, Survey, signal_from_counts, survey

__all__ = [
    "SUFFIXES",
    "Corrections",
    "Measurement",
    "ReadOptions",
    "Series",
    "Survey",
    "each_channel",
    "load",
    "read",
    "read_irf",
    "read_irf_bank",
    "read_series",
    "sha256_of",
    "signal_from_counts",
    "survey",
]
