"""Readers of measurements and IRFs: one module for each family of formats."""

from seq2seqlite.io.irf import read_irf
from seq2seqlite.io.measurement import SUFFIXES, load, read
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.io.signal import sha256_of, signal_from_counts

__all__ = ["SUFFIXES", "ReadOptions", "load", "read", "read_irf", "sha256_of", "signal_from_counts"]
