"""Packing of codes into wide words, stored as rows of 32-bit words with the lowest bits first."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError

__all__ = ["n_words", "pack_codes", "unpack_codes"]

WORD_BITS = 32
MAX_CODE_BITS = 63  # codes are int64


def n_words(n_bits: int, /) -> int:
    """Return the number of 32-bit words that hold ``n_bits`` bits.

    Examples
    --------
    >>> n_words(32), n_words(33)
    (1, 2)
    """
    return -(-n_bits // WORD_BITS)


def pack_codes(codes: ArrayLike, widths: int | Sequence[int], /) -> NDArray[np.uint32]:
    """Pack the codes of each row into one wide word, the first code in the lowest bits.

    Parameters
    ----------
    codes : array_like of int, shape (n, k)
        Codes. Negative codes are stored in two's complement.
    widths : int or sequence of k int
        Width of each code in bits.

    Returns
    -------
    ndarray of uint32, shape (n, n_words)

    Raises
    ------
    InputError
        If a code does not fit its width.

    Examples
    --------
    >>> pack_codes([[1, -1, 2]], [4, 4, 8]).tolist()
    [[753]]
    """
    values = np.asarray(codes, np.int64)
    each = _widths(widths, values.shape[-1])
    bits = np.zeros((len(values), n_words(sum(each)) * WORD_BITS), np.uint8)
    start = 0
    for column, width in zip(values.T, each, strict=True):
        if column.size and (column.min() < -(1 << (width - 1)) or column.max() >= 1 << width):
            raise InputError(
                f"codes from {column.min()} to {column.max()} do not fit {width} bits; use larger widths"
            )
        bits[:, start : start + width] = (column[:, None] >> np.arange(width)) & 1
        start += width
    return np.packbits(bits, axis=-1, bitorder="little").view("<u4").astype(np.uint32, copy=False)


def unpack_codes(
    words: ArrayLike, widths: int | Sequence[int], /, *, count: int | None = None, signed: bool = False
) -> NDArray[np.int64]:
    """Unpack the codes of wide words; the inverse of :func:`pack_codes`.

    Parameters
    ----------
    words : array_like of uint32, shape (n, n_words)
        Wide words, lowest 32 bits first.
    widths : int or sequence of k int
        Width of each code in bits.
    count : int, optional
        Number of codes k, if ``widths`` is a single width.
    signed : bool
        Whether the codes are in two's complement.

    Returns
    -------
    ndarray of int64, shape (n, k)

    Raises
    ------
    InputError
        If the words have fewer bits than the codes.

    Examples
    --------
    >>> unpack_codes([[753]], [4, 4, 8], signed=True).tolist()
    [[1, -1, 2]]
    """
    rows = np.ascontiguousarray(words, dtype="<u4")
    each = _widths(widths, count)
    if sum(each) > rows.shape[-1] * WORD_BITS:
        raise InputError(
            f"widths with a sum of {sum(each)} do not fit words of {rows.shape[-1] * WORD_BITS} bits; "
            "use smaller widths"
        )
    bits = np.unpackbits(rows.view(np.uint8), axis=-1, bitorder="little")
    codes = np.empty((len(rows), len(each)), np.int64)
    start = 0
    for index, width in enumerate(each):
        weights = np.int64(1) << np.arange(width, dtype=np.int64)
        if signed:
            weights[-1] = -weights[-1]
        codes[:, index] = bits[:, start : start + width] @ weights
        start += width
    return codes


def _widths(widths: int | Sequence[int], count: int | None) -> list[int]:
    each = [widths] * (count or 0) if isinstance(widths, int) else list(widths)
    if count is not None and len(each) != count:
        raise InputError(f"{len(each)} widths do not match count={count}; give one width per code")
    if any(not 1 <= width <= MAX_CODE_BITS for width in each):
        raise InputError(f"widths={each} must lie in 1..{MAX_CODE_BITS}")
    return each
