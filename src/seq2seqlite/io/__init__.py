"""Readers of measurements and IRFs.

- :func:`read`, :func:`load`: a measurement from any supported file, without and with a check of its counts
- :func:`read_irf`: a measured IRF
- :func:`signal_from_counts`: a measurement from an array in memory
"""

from seq2seqlite.io.irf import read_irf
from seq2seqlite.io.measurement import SUFFIXES, load, read
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.io.signal import sha256_of, signal_from_counts

__all__ = ["SUFFIXES", "ReadOptions", "load", "read", "read_irf", "sha256_of", "signal_from_counts"]
