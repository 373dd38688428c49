"""Model of a SPAD camera as a stimulus: one-bit frames, and the correction of their saturation."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import SpadFrameDetector
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.bitpack import n_words
from seq2seqlite.integer import COUNT_BITS

__all__ = ["beats_of_images", "one_bit_frames", "saturation_table"]


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
