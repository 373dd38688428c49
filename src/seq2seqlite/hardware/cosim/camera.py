"""Simulated camera at the ports of a core with a front end, and the memory of the core."""

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.camera import beats_of_images
from seq2seqlite.hardware.cosim.memory import MemoryModel
from seq2seqlite.hardware.cosim.stream import check_pauses
from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.memory_status import READY

__all__ = ["CameraFeed", "camera_beats"]


@dataclass(frozen=True)
class CameraFeed:
    """Words that a simulated camera delivers, and the memory of the frames.

    Parameters
    ----------
    beats : Beats
        Words of 8, 16 or 32 bits; ``user`` is 1 for the first word of a frame, ``last`` marks the last one of
        an image.
    repeats : int
        Times that the words are delivered; 0: for ever.
    clock : float
        Frequency of the camera's clock, relative to that of the core: above 0, at most 1.
    gaps : float
        Probability per clock cycle of the camera that it delivers no word.
    waits : bool
        Whether a word waits for ``camera_ready``. A word that does not wait is lost.
    on_demand : bool
        Whether a frame begins only while frames are subscribed.
    pixels, record_bits : int
        Pixels of a frame, and bits of a result, for the latency in the statistics; 0: it is not measured.
    memory : MemoryModel
        Memory at the AXI4 manager.
    memory_status : int
        Status of the memory; see :mod:`~seq2seqlite.hardware.wire.memory_status`.

    Raises
    ------
    InputError
        If the frequency or the probability is out of range.

    See Also
    --------
    camera_beats : Return the words of images.
    """

    beats: Beats
    repeats: int = 1
    clock: float = 0.7
    gaps: float = 0.0
    waits: bool = True
    on_demand: bool = True
    pixels: int = 0
    record_bits: int = 0
    memory: MemoryModel = field(default_factory=MemoryModel)
    memory_status: int = READY

    def __post_init__(self) -> None:
        if not 0 < self.clock <= 1:
            raise InputError(f"clock={self.clock} must be above 0, and at most 1")
        check_pauses(gaps=self.gaps, stalls=0)

    @classmethod
    def none(cls) -> "CameraFeed":
        """Return a camera that delivers nothing."""
        empty = np.empty((0, 1), np.uint32)
        return cls(Beats(empty, np.empty(0, np.bool_), np.empty(0, np.uint32)))

    def to_bytes(self) -> bytes:
        """Return the camera in the format of the simulation (``simulated_camera.h``)."""
        n = len(self.beats)
        user = np.zeros(n, np.uint32) if self.beats.user is None else self.beats.user
        flags = user.astype(np.uint8) & 1 | self.beats.last.astype(np.uint8) << 1
        settings = (
            *(n, self.repeats, int(self.clock * 2**32), int(self.gaps * 2**32)),
            *(self.waits, self.on_demand, self.pixels, self.record_bits // 32, self.memory_status),
            *self.memory.settings,
        )
        words = np.ascontiguousarray(self.beats.words[:, 0], "<u4").tobytes()
        return struct.pack(f"<{len(settings)}Q", *settings) + words + flags.astype(np.uint8).tobytes()


def camera_beats(images: NDArray[np.integer], /, *, bits: int, port_bits: int) -> Beats:
    """Return the words that a camera delivers for frames of images.

    Parameters
    ----------
    images : ndarray of int, shape (frames, images, pixels)
        Images of each frame: gates, or all one-bit frames.
    bits : int
        Width of a pixel: 1, 8 or 16.
    port_bits : int
        Width of a word.

    See Also
    --------
    seq2seqlite.hardware.camera.beats_of_images : Return the beats of a front end.
    """
    frames, per_frame, pixels = images.shape
    flat = images.reshape(frames * per_frame, pixels)
    return beats_of_images(flat, bits=bits, width=port_bits, frame_images=per_frame)
