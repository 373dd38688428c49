"""Inputs of a design besides the counts, and the words that it must deliver."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.stream import Access
from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.wire.results import (
    records_from_result,
    response_words,
    sfd_words_from_result,
    user_words,
    without_packets,
    words_from_records,
)
from seq2seqlite.integer import (
    AnyProgram,
    DirectProgram,
    DirectResult,
    Result,
    response_codes,
    run,
    run_direct,
)

__all__ = ["Inputs", "result_words"]

READY = 1
"""Bit of ``RESPONSE_STATUS``: the design takes words of the response that was opened."""


@dataclass(frozen=True)
class Inputs:
    """Inputs of a program besides the counts, as a design gets them.

    Parameters
    ----------
    bank : ndarray of int64, shape (n_responses, n_gates, n_columns), optional
        Codes of the responses; by default one unknown response.
    index : array_like of int, shape (n,)
        Response of each pixel; by default the first.
    count_exponent : array_like of int, shape () or (n,)
        The counts are those of the detector times 2 to the power of this.
    slots : sequence of int, optional
        Index in the bank of the design at which each response is loaded; by default its number. A response
        at a used index replaces the earlier one.
    first_pixels : sequence of int, optional
        Pixel before which the loading of each response does not start, in ascending order; by default 0, and
        all are loaded before the first pixel.

    See Also
    --------
    seq2seqlite.hardware.cosim.design.Simulator : Simulation with these inputs.
    seq2seqlite.integer.run, seq2seqlite.integer.run_direct : The same inputs of the interpreter.
    """

    bank: NDArray[np.int64] | None = None
    index: ArrayLike = 0
    count_exponent: ArrayLike = 0
    slots: Sequence[int] | None = None
    first_pixels: Sequence[int] | None = None

    def user(self, shape: Shape, n: int, /) -> NDArray[np.uint32] | None:
        """Return TUSER of n pixels; None for a design without TUSER."""
        if not shape.user_bits:
            return None
        index = self.index if self.slots is None else np.asarray(self.slots)[np.asarray(self.index, np.int64)]
        number = np.arange(n) if shape.sequence_numbers else 0
        return np.broadcast_to(user_words(index, self.count_exponent, number), n)

    def accesses(self, shape: Shape, /) -> list[Access]:
        """Return the CSR accesses that load the responses; those in the stream have ``after_beats``.

        Raises
        ------
        InputError
            If a response has an index that the bank of the design does not have.
        """
        if not shape.responses:
            return []
        bank = self._bank(shape.program)
        slots = range(len(bank)) if self.slots is None else self.slots
        if max(slots) >= shape.responses:
            raise InputError(
                f"bank needs {max(slots) + 1} responses, but the design holds {shape.responses}; "
                "build it for more"
            )
        starts = [0] * len(bank) if self.first_pixels is None else self.first_pixels
        return [
            access._replace(after_beats=start * shape.words)
            for slot, start, codes in zip(slots, starts, bank, strict=True)
            for access in _loading(shape, slot, codes)
        ]

    def expected(
        self, program: AnyProgram, counts: ArrayLike, /, *, min_photons: int = 0
    ) -> Result | DirectResult:
        """Return the result of the interpreter for the same inputs."""
        options: dict[str, Any] = {
            "bank": self._bank(program),
            "index": np.broadcast_to(np.asarray(self.index, np.int64), len(np.asarray(counts))),
            "min_photons": min_photons,
            "count_exponent": self.count_exponent,
        }
        if isinstance(program, DirectProgram):
            return run_direct(program, counts, **options)
        return run(program, counts, **options)

    def _bank(self, program: AnyProgram) -> NDArray[np.int64]:
        return response_codes(program, None)[None] if self.bank is None else np.asarray(self.bank)


def _loading(shape: Shape, number: int, codes: NDArray[np.int64]) -> list[Access]:
    """Return the accesses that load one response."""
    words = response_words(shape.program, codes)
    return [
        Access(REGISTERS["RESPONSE_OPEN"], number),
        Access(REGISTERS["RESPONSE_STATUS"], until=READY),
        *(Access(REGISTERS["RESPONSE_WORD"], int(word)) for word in words),
        Access(REGISTERS["RESPONSE_COMPLETE"], len(words)),
    ]


def result_words(
    shape: Shape,
    result: Result | DirectResult,
    /,
    *,
    frame_pixels: int = 0,
    missing: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint32]:
    """Return the words that a design must deliver for a result of the interpreter.

    Parameters
    ----------
    shape : Shape
        Parameters of the design.
    result : Result or DirectResult
        Result of its program.
    frame_pixels : int
        Pixels of a frame; 0: no frames.
    missing : ndarray of bool, shape (n,), optional
        Pixels whose packet is missing, of a design with sequence numbers.

    Returns
    -------
    ndarray of uint32, shape (n payloads, n_words(record_bits))

    See Also
    --------
    Inputs.expected : Result of a program.
    seq2seqlite.hardware.wire.results.records_from_result : Records, of designs that deliver lifetimes.
    """
    absent = np.zeros(len(result.dark), np.bool_) if missing is None else missing
    if isinstance(result, Result) and shape.output == "sfd":
        words = sfd_words_from_result(shape.with_decoder, result)
        return np.where(np.repeat(absent, shape.payloads)[:, None], np.uint32(0), words)
    return words_from_records(without_packets(records_from_result(result, frame_pixels=frame_pixels), absent))
