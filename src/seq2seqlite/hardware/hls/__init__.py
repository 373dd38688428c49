"""High-level synthesis: a student as C++ for AMD Vitis HLS, and its C simulation."""

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
