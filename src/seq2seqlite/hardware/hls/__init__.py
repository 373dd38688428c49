"""A student as C++ for AMD's high-level synthesis, and its C simulation against the program."""

from seq2seqlite.hardware.hls.emulation import HlsCheck, HlsEmulator, compile_hls, simulate_hls
from seq2seqlite.hardware.hls.project import HlsProject, read_hls, write_hls

__all__ = [
    "HlsCheck",
    "HlsEmulator",
    "HlsProject",
    "compile_hls",
    "read_hls",
    "simulate_hls",
    "write_hls",
]
