"""A board as a predictor for :mod:`seq2seqlite.imaging`."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Lifetimes, counts_for
from seq2seqlite.hardware.host.board import Board
from seq2seqlite.hardware.wire.results import Flag
from seq2seqlite.integer import (
    AnyProgram,
    DirectPredictor,
    DirectProgram,
    DirectResult,
    Program,
    lifetimes_from_codes,
    whole_counts,
)
from seq2seqlite.integer.predictor import ProgramMetadata
from seq2seqlite.training_range import training_range_ns

__all__ = ["BoardPredictor", "DirectBoardPredictor", "board_predictor"]

KIND = "FPGA board"


def board_predictor(board: Board, program: AnyProgram, /) -> "BoardPredictor | DirectBoardPredictor":
    """Return a board as a predictor, after checking its program.

    Parameters
    ----------
    board : Board
        Board.
    program : Program or DirectProgram
        Its program.

    Raises
    ------
    BoardError
        If the board has another program.

    See Also
    --------
    seq2seqlite.load_predictor : The same by name, ``board:udp://host:port``.
    """
    board.check_program(program)
    if isinstance(program, DirectProgram):
        return DirectBoardPredictor(board, program)
    return BoardPredictor(board, program)


class BoardPredictor(ProgramMetadata):
    """Predictor that runs a program with a decoder on a board.

    Parameters
    ----------
    board : Board
        Board.
    program : Program
        Its program.

    See Also
    --------
    board_predictor : Return a board as a predictor.
    """

    kind = KIND
    program: Program

    def __init__(self, board: Board, program: Program, /) -> None:
        self.board, self.program = board, program

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes that the model was trained for, in ns; None if it is unknown."""
        return training_range_ns(self.instrument)

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes, shape (n,), of counts, shape (n, n_gates)."""
        counts = whole_counts(counts_for(tpsf, axis=self.axis, name=self.name))
        return lifetimes_from_codes(self.program, self.board.results(self.program, counts).reduced)

    def counters(self) -> dict[str, float]:
        """Return the counters of the board and of the packets."""
        return self.board.counters()


class DirectBoardPredictor(DirectPredictor):
    """Predictor that runs a direct program on a board.

    Parameters
    ----------
    board : Board
        Board.
    program : DirectProgram
        Its program.
    response : array_like, shape (n_gates,), optional
        Response of the instrument on the axis of the program; by default unknown.

    See Also
    --------
    board_predictor : Return a board as a predictor.
    """

    kind = KIND

    def __init__(self, board: Board, program: DirectProgram, /, *, response: ArrayLike | None = None) -> None:
        super().__init__(program, response=response)
        self.board = board

    def with_response(self, response: ArrayLike | None, /) -> "DirectBoardPredictor":
        """Return this predictor for decays of another response; None for an unknown one."""
        return DirectBoardPredictor(self.board, self.program, response=response)

    def counters(self) -> dict[str, float]:
        """Return the counters of the board and of the packets."""
        return self.board.counters()

    def _results(
        self,
        counts: NDArray[np.integer],
        bank: NDArray[np.int64],
        index: NDArray[np.int64],
        min_photons: int,
        exponent: NDArray[np.int64],
    ) -> DirectResult:
        found: Any = self.board.results(
            self.program,
            counts,
            bank=bank,
            index=index,
            count_exponent=exponent,
            min_photons=min_photons,
        )
        return DirectResult(found.reduced, found.log_errors, found.photons, ~found.has(Flag.VALID))
