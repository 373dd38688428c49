"""Stream formats of ``docs/spec/hardware.md``: packets of counts, and records of results."""

from dataclasses import dataclass, replace
from enum import IntFlag

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.bitpack import n_words, pack_codes, unpack_codes
from seq2seqlite.integer import (
    COUNT_BITS,
    FRACTION_BITS,
    MAX_BANK,
    TAU_BITS,
    DirectProgram,
    DirectResult,
    EncoderProgram,
    Program,
    Reduced,
    Result,
)
from seq2seqlite.integer.standard_errors import ERROR_BITS

__all__ = [
    "DIRECT_RECORD_BITS",
    "FLAG_BITS",
    "NUMBER_BITS",
    "PHOTON_BITS",
    "RECORD_BITS",
    "RESULT_BITS",
    "Flag",
    "Records",
    "beats_from_counts",
    "check_lifetime_codes",
    "records_from_result",
    "records_from_words",
    "response_words",
    "sfd_word_bits",
    "sfd_words_from_result",
    "user_words",
    "without_packets",
    "words_from_beats",
    "words_from_records",
]

FRACTION_CODE_BITS = FRACTION_BITS + 1
PHOTON_BITS = 24
FLAG_BITS = 8
NUMBER_BITS = 32
FIELDS = (TAU_BITS, TAU_BITS, TAU_BITS, FRACTION_CODE_BITS, PHOTON_BITS, FLAG_BITS, NUMBER_BITS)
RECORD_BITS = sum(FIELDS)
"""Width of a result record without standard errors."""
RESULT_BITS = RECORD_BITS - NUMBER_BITS
"""Width of what an engine contributes to it: everything but the number."""
DIRECT_FIELDS = (*FIELDS, *4 * (ERROR_BITS,))
DIRECT_RECORD_BITS = sum(DIRECT_FIELDS)
"""Width of a result record with standard errors."""


class Flag(IntFlag):
    """Flags of a pixel in a result record of an FPGA design.

    See Also
    --------
    Records : Result records of n pixels, as int64 arrays of shape (n,).
    """

    VALID = 1
    HAS_SHORT = 2
    HAS_LONG = 4
    DARK = 8
    MALFORMED = 16
    NO_RESPONSE = 32
    MISSING = 64


@dataclass(frozen=True)
class Records:
    """Result records of n pixels, as int64 arrays of shape (n,).

    Parameters
    ----------
    tau_mean, tau_short, tau_long : ndarray
        Lifetime codes.
    fraction : ndarray
        Amplitude fraction of the short component in steps of ``2**-15``.
    photons : ndarray
        Counts of all gates, at most ``2**24 - 1``.
    flags : ndarray
        Combinations of :class:`Flag`.
    number : ndarray
        Index of the pixel in its frame.
    log_errors : ndarray, shape (n, 4), optional
        Logarithms to base 2 of the standard errors, in steps of ``2**-8``; None without them.

    See Also
    --------
    records_from_words : Return the records of words: the inverse of ``words_from_records``.
    words_from_records : Return records as 32-bit words, lowest word first.
    """

    tau_mean: NDArray[np.int64]
    tau_short: NDArray[np.int64]
    tau_long: NDArray[np.int64]
    fraction: NDArray[np.int64]
    photons: NDArray[np.int64]
    flags: NDArray[np.int64]
    number: NDArray[np.int64]
    log_errors: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.flags)

    def has(self, flag: Flag, /) -> NDArray[np.bool_]:
        """Return which pixels have a flag."""
        return np.asarray((self.flags & flag) != 0)

    @property
    def reduced(self) -> Reduced:
        """Lifetime codes in the form that the interpreter returns."""
        return Reduced(
            self.tau_mean,
            self.tau_short,
            self.tau_long,
            self.fraction,
            self.has(Flag.HAS_SHORT),
            self.has(Flag.HAS_LONG),
        )


def records_from_result(
    result: Result | DirectResult, /, *, frame_pixels: int = 0, first: int = 0
) -> Records:
    """Return the records that a design must deliver for a result of the interpreter.

    Parameters
    ----------
    result : Result or DirectResult
        Result of the program for n pixels.
    frame_pixels : int
        Pixels of a frame; 0: no frames.
    first : int
        Pixels delivered since the reset, before these.

    Returns
    -------
    Records

    See Also
    --------
    records_from_words : Return the records of words: the inverse of ``words_from_records``.
    seq2seqlite.integer.run : Run a program on raw counts.
    """
    codes = result.lifetimes  # pixels below threshold have no component and codes of 0
    components = int(Flag.HAS_SHORT) * codes.has_short + int(Flag.HAS_LONG) * codes.has_long
    flags = components + int(Flag.VALID) * (components != 0) + int(Flag.DARK) * result.dark
    number = np.arange(first, first + len(flags))
    return Records(
        codes.tau_mean,
        codes.tau_short,
        codes.tau_long,
        codes.fraction,
        np.minimum(result.photons, 2**PHOTON_BITS - 1),
        flags,
        number % frame_pixels if frame_pixels else number % 2**NUMBER_BITS,
        result.log_errors,
    )


def without_packets(records: Records, missing: ArrayLike, /) -> Records:
    """Return the records that a design with sequence numbers must deliver if packets are missing.

    Parameters
    ----------
    records : Records
        Records with all packets.
    missing : array_like of bool, shape (n,)
        Pixels whose packet is missing; not the last one.

    See Also
    --------
    records_from_result : Records with all packets.
    """
    absent, errors = np.asarray(missing, np.bool_), records.log_errors
    names = ("tau_mean", "tau_short", "tau_long", "fraction", "photons")
    return replace(
        records,
        **{name: np.where(absent, 0, getattr(records, name)) for name in names},
        flags=np.where(absent, int(Flag.DARK | Flag.MALFORMED | Flag.MISSING), records.flags),
        log_errors=None if errors is None else np.where(absent[:, None], 0, errors),
    )


def words_from_records(records: Records, /) -> NDArray[np.uint32]:
    """Return records as 32-bit words, lowest word first: shape (n, 4), or (n, 6) with standard errors.

    See Also
    --------
    records_from_words : Return the records of words: the inverse of ``words_from_records``.

    Examples
    --------
    >>> one = np.ones(1, np.int64)
    >>> words_from_records(Records(one, 2 * one, 3 * one, 4 * one, 5 * one, 7 * one, 9 * one)).tolist()
    [[131073, 262147, 117440517, 9]]
    """
    values = vars(records).copy()
    errors = values.pop("log_errors")
    fields = np.stack(list(values.values()), axis=-1)
    if errors is None:
        return pack_codes(fields, FIELDS)
    unsigned = errors & ((1 << ERROR_BITS) - 1)
    return pack_codes(np.concatenate([fields, unsigned], axis=-1), DIRECT_FIELDS)


def records_from_words(words: ArrayLike, /) -> Records:
    """Return the records of words of shape (n, 4) or (n, 6): the inverse of :func:`words_from_records`.

    See Also
    --------
    words_from_records : Return records as 32-bit words, lowest word first.
    """
    values = np.asarray(words)
    if n_words(RECORD_BITS) == values.shape[-1]:
        return Records(*unpack_codes(values, FIELDS).T)
    codes = unpack_codes(values, DIRECT_FIELDS)
    errors, half = codes[:, len(FIELDS) :], 1 << (ERROR_BITS - 1)
    return replace(Records(*codes[:, : len(FIELDS)].T), log_errors=(errors + half) % (2 * half) - half)


def check_lifetime_codes(program: DirectProgram, /) -> None:
    """Check that records hold the lifetimes of a direct program.

    Raises
    ------
    InputError
        If a lifetime may have more bits.

    See Also
    --------
    Records : Result records.
    """
    if program.tau_high >= 1 << TAU_BITS:
        raise InputError(
            f"lifetimes of program {program.name} reach code {program.tau_high}, but records have "
            f"{TAU_BITS} bits for a lifetime; quantise it with fewer bits"
        )


def sfd_words_from_result(program: Program, result: Result, /) -> NDArray[np.uint32]:
    """Return the words that a design for raw SFDs must deliver.

    Parameters
    ----------
    program : Program
        Program of the design.
    result : Result
        Result of the program for n pixels.

    Returns
    -------
    ndarray of uint32, shape (n n_gates, n_words(sfd_word_bits(program)))
        Codes of total, short and long of a gate, from the lowest bit.

    See Also
    --------
    records_from_result : Return the records that a design must deliver for a result of the interpreter.
    sfd_word_bits : Return the width of a raw SFD word: the smallest power of two that holds three codes.
    """
    codes = np.where(result.dark[:, None, None], 0, result.sfd).transpose(0, 2, 1).reshape(-1, 3)
    words = pack_codes(codes, [program.formats.output.bits] * 3)
    return np.pad(words, ((0, 0), (0, n_words(sfd_word_bits(program)) - words.shape[1])))


def sfd_word_bits(program: Program, /) -> int:
    """Return the width of a raw SFD word: the smallest power of two that holds three codes.

    See Also
    --------
    sfd_words_from_result : Return the words that a design for raw SFDs must deliver.
    """
    return 1 << (3 * program.formats.output.bits - 1).bit_length()


def response_words(program: EncoderProgram, codes: ArrayLike, /) -> NDArray[np.uint32]:
    """Return the words of a response, in the order in which they are written to a design.

    Parameters
    ----------
    program : EncoderProgram
        Program whose format the codes have.
    codes : array_like of int, shape (n_gates, n_columns)
        Codes of the response.

    Returns
    -------
    ndarray of uint32, shape (n_gates * words,)
        The codes of a gate, first column in the lowest bits, in as few words as hold them.

    See Also
    --------
    seq2seqlite.integer.response_codes : Codes of a measured response.
    """
    response = program.formats.response
    assert response is not None, "the program gets a response"
    return pack_codes(np.asarray(codes), [response.bits] * program.n_columns).reshape(-1)


def user_words(index: ArrayLike, exponent: ArrayLike = 0, number: ArrayLike = 0, /) -> NDArray[np.uint32]:
    """Return TUSER of pixels: index of the response, exponent of the counts, and sequence number.

    Parameters
    ----------
    index : array_like of int
        Index of the response of each pixel, 0 to 63.
    exponent : array_like of int
        The counts are those of the detector times 2 to the power of this; -128 to 127.
    number : array_like of int
        Number of the packet since the reset, for designs with sequence numbers; taken modulo 65,536.

    Returns
    -------
    ndarray of uint32

    Raises
    ------
    InputError
        If a value is out of range.

    See Also
    --------
    beats_from_counts : Packets with these values.

    Examples
    --------
    >>> [hex(word) for word in user_words([0, 63], [6, -1])]
    ['0x600', '0xff3f']
    """
    given = (np.asarray(each, np.int64) for each in (index, exponent, number))
    chosen, places, numbers = np.broadcast_arrays(*given)
    for name, values, low, high in (("index", chosen, 0, MAX_BANK - 1), ("exponent", places, -128, 127)):
        if values.size and not low <= values.min() <= values.max() <= high:
            raise InputError(f"{name} from {values.min()} to {values.max()} must be {low} to {high}")
    return np.asarray(chosen | (places & 0xFF) << 8 | (numbers & 0xFFFF) << 16, np.uint32)


def beats_from_counts(
    counts: ArrayLike, /, *, lanes: int, user: ArrayLike | None = None, count_bits: int = COUNT_BITS
) -> Beats:
    """Return counts as packets, one packet per pixel.

    Parameters
    ----------
    counts : array_like of int, shape (n, n_gates)
        Counts, 0 to ``2**count_bits - 1``.
    lanes : int
        Counts per beat.
    user : array_like of int, shape (n,), optional
        TUSER of the packets (:func:`user_words`), for a design that has it.
    count_bits : int
        Width of a count: 8 or 16.

    Returns
    -------
    Beats
        ``ceil(n_gates / lanes)`` beats per pixel, with ``last`` on the last of each. Unused lanes are 0.

    Raises
    ------
    InputError
        If a count does not fit.

    See Also
    --------
    words_from_beats : Return the words in beats, shape (n, word_bits / 32).

    Examples
    --------
    >>> beats = beats_from_counts([[1, 2, 3]], lanes=2)
    >>> beats.words.tolist(), beats.last.tolist()
    ([[131073], [3]], [False, True])
    """
    values = np.asarray(counts)
    if values.size and (values.min() < 0 or values.max() >= 1 << count_bits):
        raise InputError(
            f"counts from {values.min()} to {values.max()} do not fit {count_bits} bits; "
            f"give 0 to {(1 << count_bits) - 1}"
        )
    n, n_gates = values.shape
    beats = -(-n_gates // lanes)
    per_word = 32 // count_bits
    padded = np.zeros((n, beats, per_word * n_words(lanes * count_bits)), f"<u{count_bits // 8}")
    lanes_of = np.pad(values, ((0, 0), (0, beats * lanes - n_gates))).reshape(n, beats, lanes)
    padded[:, :, :lanes] = lanes_of
    last = np.zeros((n, beats), np.bool_)
    last[:, -1:] = True
    words = padded.reshape(n * beats, -1).view("<u4").astype(np.uint32)
    of_beats = None if user is None else np.repeat(np.asarray(user, np.uint32), beats)
    return Beats(words, last.reshape(-1), of_beats)


def words_from_beats(beats: Beats, /, *, word_bits: int = RECORD_BITS) -> NDArray[np.uint32]:
    """Return the words in beats, shape (n, word_bits / 32). An incomplete word at the end is dropped.

    See Also
    --------
    records_from_words : Return the records of words: the inverse of ``words_from_records``.
    """
    per_row = n_words(word_bits)
    flat = beats.words[:, :per_row].reshape(-1)
    return flat[: len(flat) // per_row * per_row].reshape(-1, per_row)
