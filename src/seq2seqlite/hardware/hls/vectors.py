"""Stimulus and expected results of an HLS test bench, in its text format."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.hardware.cosim.inputs import Inputs
from seq2seqlite.hardware.wire.results import records_from_result, words_from_records
from seq2seqlite.integer import AnyProgram, DirectProgram, DirectResult, normalise
from seq2seqlite.integer.responses import checked_inputs

__all__ = ["BANK_FILE", "INPUTS_FILE", "expected_values", "input_texts", "numbers_text"]

INPUTS_FILE, BANK_FILE = "inputs.txt", "bank.txt"


def input_texts(program: AnyProgram, counts: ArrayLike, inputs: Inputs | None = None, /) -> dict[str, str]:
    """Return the files that a test bench reads, by name.

    Parameters
    ----------
    program : Program or DirectProgram
        Program.
    counts : array_like of int, shape (n, n_gates)
        Raw counts, 0 to 65535. They are normalised as in the program.
    inputs : Inputs, optional
        Bank of responses, and index of each pixel, of a program that gets the response; of a direct program
        also its exponent.

    Returns
    -------
    dict of str
        A line of the inputs is a pixel: its input codes, of a direct program after its counts, index and
        exponent, and of another program that gets the response after its index. A line of the bank is a
        response: the codes of each gate.

    Raises
    ------
    InputError
        If the counts, the bank or the index do not fit the program.
    """
    given = inputs or Inputs()
    n = len(np.asarray(counts))
    index = np.broadcast_to(np.asarray(given.index, np.int64), n)
    raw, bank, index = checked_inputs(program, counts, bank=given.bank, index=index)
    columns = normalise(program, raw)
    if isinstance(program, DirectProgram):
        exponent = np.broadcast_to(np.asarray(given.count_exponent, np.int64), n)
        columns = np.concatenate([np.stack([raw.sum(axis=1), index, exponent], axis=1), columns], axis=1)
    elif program.n_columns:
        columns = np.concatenate([index[:, None], columns], axis=1)
    texts = {INPUTS_FILE: numbers_text(columns)}
    return texts | ({BANK_FILE: numbers_text(bank.reshape(len(bank), -1))} if program.n_columns else {})


def expected_values(
    program: AnyProgram, counts: ArrayLike, inputs: Inputs | None = None, /, *, min_photons: int = 0
) -> NDArray[np.int64]:
    """Return what a test bench must print, according to the interpreter.

    Parameters
    ----------
    program, counts, inputs
        See :func:`input_texts`.
    min_photons : int
        Threshold in counts, of a direct program: the SFD of another one does not depend on it.

    Returns
    -------
    ndarray of int64
        Of a program with a decoder the SFD codes, shape (n, 3 n_gates), by gate; of a direct program the
        32-bit words of the results, shape (n, 6).
    """
    result = (inputs or Inputs()).expected(program, counts, min_photons=min_photons)
    if isinstance(result, DirectResult):
        return words_from_records(records_from_result(result)).astype(np.int64)
    return result.sfd.transpose(0, 2, 1).reshape(len(result.sfd), -1)


def numbers_text(numbers: NDArray[np.int64], /) -> str:
    """Return numbers of shape (n, columns) as text: one line per row."""
    return "".join(" ".join(map(str, row)) + "\n" for row in numbers.tolist())
