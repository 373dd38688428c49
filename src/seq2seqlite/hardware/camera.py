"""Model of a SPAD camera as a stimulus: rate and order of its one-bit frames, and their saturation."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import SpadFrameDetector
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.bitpack import n_words
from seq2seqlite.integer import COUNT_BITS

__all__ = ["SWISSSPAD3", "OneBitCamera", "beats_of_images", "one_bit_frames", "saturation_table"]


@dataclass(frozen=True)
class OneBitCamera:
    """Camera of one-bit frames: its dimensions, its frame rate, and the order in which it delivers its lines.

    Parameters
    ----------
    lines, line_pixels : int
        Dimensions of a frame.
    frames_per_s : float
        One-bit frames per second.
    line_order : tuple of int
        Lines in the order in which they are delivered; by default from the first to the last one.

    See Also
    --------
    one_bit_frames : Yield the one-bit frames of each gate, whose sums are the counts.

    Examples
    --------
    >>> camera = OneBitCamera(2, 3, 100_000.0, line_order=(1, 0))
    >>> camera.delivered([[[1, 2, 3], [4, 5, 6]]]).tolist()
    [[4, 5, 6, 1, 2, 3]]
    >>> camera.arranged([[4, 5, 6, 1, 2, 3]]).tolist()
    [[[1, 2, 3], [4, 5, 6]]]
    """

    lines: int
    line_pixels: int
    frames_per_s: float
    line_order: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if min(self.lines, self.line_pixels) < 1 or not self.frames_per_s > 0:
            raise InputError(
                f"lines={self.lines} and line_pixels={self.line_pixels} must be at least 1, and "
                f"frames_per_s={self.frames_per_s} above 0"
            )
        if self.line_order and sorted(self.line_order) != list(range(self.lines)):
            raise InputError(f"line_order must contain each line from 0 to {self.lines - 1} once")

    @property
    def pixels(self) -> int:
        """Pixels of a frame."""
        return self.lines * self.line_pixels

    @property
    def bits_per_s(self) -> float:
        """Data rate of the one-bit frames, in bits per second."""
        return self.pixels * self.frames_per_s

    def gate_s(self, n_frames: int, /) -> float:
        """Return the time of a gate that is the sum of ``n_frames`` one-bit frames, in s."""
        return n_frames / self.frames_per_s

    def source_gaps(self, *, clock_mhz: float, frame_bits: int) -> float:
        """Return the share of clock cycles without a beat, at the input of a front end.

        Parameters
        ----------
        clock_mhz : float
            Clock frequency of the front end, in MHz.
        frame_bits : int
            One-bit pixels per beat.

        Raises
        ------
        InputError
            If the camera delivers more than a beat per clock cycle.
        """
        beats_per_s = -(-self.pixels // frame_bits) * self.frames_per_s
        if beats_per_s > clock_mhz * 1e6:
            raise InputError(
                f"frame_bits={frame_bits} with clock_mhz={clock_mhz} must be at least "
                f"{self.bits_per_s / clock_mhz / 1e6:.1f} for this camera"
            )
        return 1 - beats_per_s / (clock_mhz * 1e6)

    def delivered(self, images: ArrayLike, /) -> NDArray[np.generic]:
        """Return images, shape (..., lines, line_pixels), as the camera delivers them: (..., pixels)."""
        values = np.asarray(images)
        if values.shape[-2:] != (self.lines, self.line_pixels):
            raise InputError(f"images of shape {values.shape} must end with {(self.lines, self.line_pixels)}")
        order = list(self.line_order or range(self.lines))
        found: NDArray[np.generic] = values[..., order, :].reshape(*values.shape[:-2], self.pixels)
        return found

    def arranged(self, pixels: ArrayLike, /) -> NDArray[np.generic]:
        """Return pixels in the order of their delivery, shape (..., pixels), as images."""
        values = np.asarray(pixels)
        if values.shape[-1:] != (self.pixels,):
            raise InputError(f"pixels of shape {values.shape} must end with {self.pixels}")
        order = np.argsort(self.line_order or range(self.lines))
        lines = values.reshape(*values.shape[:-1], self.lines, self.line_pixels)
        found: NDArray[np.generic] = lines[..., order, :]
        return found


SWISSSPAD3 = OneBitCamera(500, 500, 97_700.0)
"""SwissSPAD3 with one gate per frame: 97.7 kframes/s in bursts, about 88 kframes/s continuously (M. Wayne et
al., IEEE Trans. Electron Devices, 2022, doi:10.1109/TED.2022.3168249). The abstract of the publication does
not give the order of the lines: for a real camera, pass its ``line_order``."""


def one_bit_frames(counts: ArrayLike, /, *, n_frames: int, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Yield the one-bit frames of each gate, whose sums are the counts.

    Parameters
    ----------
    counts : array_like of int, shape (n_gates, ...)
        Counts of the gates, such as those of a gated 8-bit camera.
    n_frames : int
        One-bit frames of a gate.
    seed : int
        Seed of the random generator. Given its sum, the frames in which a pixel has detected a photon are a
        random subset, because the exposures of a gate are alike.

    Yields
    ------
    ndarray of uint8, shape (n_frames, ...)
        One-bit frames of one gate, 0 or 1.

    Raises
    ------
    InputError
        If a count is negative or above ``n_frames``.

    See Also
    --------
    saturation_table : Return the table that corrects the saturation of summed one-bit frames.
    beats_of_images : Return images as the beats of an AXI4-Stream.

    Examples
    --------
    >>> gates = list(one_bit_frames([[3, 0], [1, 4]], n_frames=4))
    >>> [gate.sum(axis=0).tolist() for gate in gates]
    [[3, 0], [1, 4]]
    """
    values = np.asarray(counts)
    if values.size and (values.min() < 0 or values.max() > n_frames):
        raise InputError(
            f"counts from {values.min()} to {values.max()} must be between 0 and n_frames={n_frames}"
        )
    rng = np.random.default_rng(seed)
    for gate in values:
        flat = gate.ravel()
        order = rng.random((n_frames, flat.size)).argsort(axis=0)
        yield (order < flat).astype(np.uint8).reshape(n_frames, *gate.shape)


def saturation_table(n_frames: int, /, *, table_bits: int = 8) -> NDArray[np.int64]:
    """Return the table that corrects the saturation of summed one-bit frames.

    The correction is that of :meth:`seq2seqlite.decay.SpadFrameDetector.photons`.

    Parameters
    ----------
    n_frames : int
        One-bit frames that are summed.
    table_bits : int
        Logarithm of the length of the table.

    Returns
    -------
    ndarray of int64, shape (2**table_bits,)
        Rounded number of photons for each sum, at most 65535.

    See Also
    --------
    one_bit_frames : Yield the one-bit frames of each gate, whose sums are the counts.

    Examples
    --------
    >>> saturation_table(255)[[0, 10, 128, 254, 255]].tolist()
    [0, 10, 178, 1413, 1590]
    """
    if n_frames < 1:
        raise InputError(f"n_frames={n_frames} must be at least 1")
    photons = SpadFrameDetector(n_frames).photons(np.arange(2**table_bits))
    return np.asarray(np.minimum(np.rint(photons), 2**COUNT_BITS - 1), np.int64)


def beats_of_images(images: ArrayLike, /, *, bits: int, width: int, frame_images: int) -> Beats:
    """Return images as the beats of an AXI4-Stream, the input of the gate-series front end.

    Parameters
    ----------
    images : array_like of int, shape (n, ...)
        Images of counts or one-bit frames, in the order of the camera.
    bits : int
        Width of a pixel: 1, 8 or 16.
    width : int
        Width of a beat.
    frame_images : int
        Images of a frame of all gates; ``tuser`` is high on the first beat of the first one.

    Returns
    -------
    Beats
        ``last`` is high on the last beat of each image. The unused bits of that beat are 1.

    Raises
    ------
    InputError
        If a pixel does not fit ``bits``, or ``bits`` does not divide ``width``.

    See Also
    --------
    one_bit_frames : Yield the one-bit frames of each gate, whose sums are the counts.
    seq2seqlite.hardware.wire.results.beats_from_counts : Return counts as packets, one packet per pixel.

    Examples
    --------
    >>> beats = beats_of_images([[1, 2, 3], [4, 5, 6]], bits=16, width=32, frame_images=2)
    >>> beats.words.ravel().tolist(), beats.user.tolist()
    ([131073, 4294901763, 327684, 4294901766], [1, 0, 0, 0])
    """
    values = np.asarray(images)
    if bits not in {1, 8, 16} or width % bits:
        raise InputError(f"bits={bits} must be 1, 8 or 16, and divide width={width}")
    if values.size and (values.min() < 0 or values.max() >= 1 << bits):
        raise InputError(f"pixels from {values.min()} to {values.max()} do not fit bits={bits}")
    flat = values.reshape(len(values), -1)
    padded = np.pad(flat, ((0, 0), (0, -flat.shape[1] % (width // bits))), constant_values=(1 << bits) - 1)
    if bits == 1:
        raw = np.packbits(padded.reshape(-1, width).astype(np.uint8), axis=1, bitorder="little")
    else:
        raw = padded.astype(f"<u{bits // 8}").view(np.uint8).reshape(-1, width // 8)
    raw = np.pad(raw, ((0, 0), (0, 4 * n_words(width) - raw.shape[1])))
    words = np.ascontiguousarray(raw).view("<u4").astype(np.uint32)
    beats = len(words) // max(1, len(flat))
    last, user = np.zeros((2, len(flat), beats), np.bool_)
    last[:, -1] = True
    user[::frame_images, 0] = True
    return Beats(words, last.ravel(), user.ravel().astype(np.uint32))
