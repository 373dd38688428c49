"""Responses of the instrument as codes of a program, and the checks of the inputs of a program."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.integer.direct_program import DirectProgram
from seq2seqlite.integer.program import COUNT_BITS, MAX_BANK, EncoderProgram, Program
from seq2seqlite.models import response_columns

__all__ = ["checked_counts", "checked_inputs", "known_responses", "response_codes"]


def response_codes(program: Program | DirectProgram, response: ArrayLike | None, /) -> NDArray[np.int64]:
    """Return a response as codes of a program's bank, shape (n_gates, n_columns); zeros for None.

    Parameters
    ----------
    program : Program or DirectProgram
        Program.
    response : array_like, shape (n_gates,), or None
        Response of the instrument on the axis of the program, in counts; None or zeros if it is unknown.

    Raises
    ------
    InputError
        As :func:`~seq2seqlite.models.response_columns`; or if the program does not use a response.

    See Also
    --------
    seq2seqlite.integer.run, seq2seqlite.integer.run_direct : Run a program with a bank of responses.
    """
    if response is not None and not program.n_columns:
        raise InputError(f"program {program.name} does not use a response; omit it")
    values = np.zeros(program.n_gates) if response is None else response
    if not program.n_columns:
        return np.zeros((program.n_gates, 0), np.int64)
    columns = response_columns(values, program.response_lifetimes_ns, axis=program.axis)
    fmt = program.formats.response
    assert fmt is not None, "a program with columns of the response has their format"
    codes = np.floor(columns.astype(np.float64) * 2.0**fmt.fraction_bits + 0.5)
    return np.clip(codes, 0, fmt.high_code).astype(np.int64)


def checked_counts(program: EncoderProgram, tpsf: ArrayLike, /) -> NDArray[np.int64]:
    """Return counts as int64; raise InputError if the program does not accept them.

    See Also
    --------
    seq2seqlite.integer.run : Run a program on raw counts.
    """
    counts = np.asarray(tpsf)
    if counts.ndim != 2 or counts.shape[1] != program.n_gates:
        raise InputError(
            f"counts have shape {counts.shape}, but program {program.name} requires "
            f"(n, {program.n_gates}); re-bin them"
        )
    if not np.issubdtype(counts.dtype, np.integer):
        raise InputError(f"counts must be integers, not {counts.dtype}; round them")
    if counts.size and (counts.min() < 0 or counts.max() >= 2**COUNT_BITS):
        raise InputError(
            f"counts from {counts.min()} to {counts.max()} must be between 0 and {2**COUNT_BITS - 1} "
            f"({COUNT_BITS} bits); scale them down"
        )
    return counts.astype(np.int64)


def checked_inputs(
    program: Program | DirectProgram, tpsf: ArrayLike, /, *, bank: ArrayLike | None, index: ArrayLike | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return counts, bank and index as int64; raise InputError if the program does not accept them.

    Parameters are those of :func:`~seq2seqlite.integer.run`.

    See Also
    --------
    seq2seqlite.integer.run : Run a program.
    """
    counts, table = checked_counts(program, tpsf), _checked_bank(program, bank)
    return counts, table, _checked_index(index, len(counts), len(table))


def known_responses(bank: NDArray[np.int64], /) -> NDArray[np.bool_]:
    """Return which responses of a bank are known, shape (n_responses,).

    See Also
    --------
    seq2seqlite.integer.run : Run a program with a bank.
    """
    return np.asarray(bank.any(axis=(1, 2)))


def _checked_bank(program: Program | DirectProgram, bank: ArrayLike | None) -> NDArray[np.int64]:
    if bank is None:
        return response_codes(program, None)[None]
    codes = np.asarray(bank)
    shape = (program.n_gates, program.n_columns)
    if codes.ndim != 3 or codes.shape[1:] != shape or not 1 <= len(codes) <= MAX_BANK:
        raise InputError(
            f"bank has shape {codes.shape}, but program {program.name} requires 1 to {MAX_BANK} responses of "
            f"shape {shape}"
        )
    fmt = program.formats.response
    top = 0 if fmt is None else fmt.high_code
    if not np.issubdtype(codes.dtype, np.integer) or (
        codes.size and not 0 <= codes.min() <= codes.max() <= top
    ):
        raise InputError(f"bank must have integer codes from 0 to {top}; use response_codes")
    return codes.astype(np.int64)


def _checked_index(index: ArrayLike | None, n: int, n_responses: int) -> NDArray[np.int64]:
    if index is None:
        return np.zeros(n, np.int64)
    found = np.asarray(index)
    if found.shape != (n,) or not np.issubdtype(found.dtype, np.integer):
        raise InputError(f"index of shape {found.shape} and type {found.dtype} must be {n} integers")
    if found.size and not 0 <= found.min() <= found.max() < n_responses:
        raise InputError(
            f"index from {found.min()} to {found.max()} must be between 0 and {n_responses - 1}, the last "
            "response of the bank"
        )
    return found.astype(np.int64)
