"""A board as a predictor for :mod:`seq2seqlite.imaging`."""

from numpy.typing import ArrayLike

from seq2seqlite.decay import Lifetimes
from seq2seqlite.hardware.host.board import Board
from seq2seqlite.hardware.wire.results import Flag, Records
from seq2seqlite.integer import (
    AnyProgram,
    DirectPredictor,
    DirectProgram,
    DirectResult,
    Program,
    lifetimes_from_codes,
)
from seq2seqlite.integer.predictor import BankPredictor, Inputs
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


class BoardPredictor(BankPredictor):
    """Predictor that runs a program with a decoder on a board.

    Parameters
    ----------
    board : Board
        Board.
    program : Program
        Its program.
    response : array_like, shape (n_gates,), optional
        Response of the instrument on the axis of the program, for a program that gets it; by default unknown.

    See Also
    --------
    board_predictor : Return a board as a predictor.
    """

    kind = KIND
    program: Program

    def __init__(self, board: Board, program: Program, /, *, response: ArrayLike | None = None) -> None:
        super().__init__(program, response=response)
        self.board = board

    def with_response(self, response: ArrayLike | None, /) -> "BoardPredictor":
        """Return this predictor for decays of another response; None for an unknown one."""
        return BoardPredictor(self.board, self.program, response=response)

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes that the model was trained for, in ns; None if it is unknown."""
        return self.program.tau_range_ns or training_range_ns(self.instrument)

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes, shape (n,), of counts, shape (n, n_gates); with errors if there are any."""
        found = _records(self.board, self.program, self._of_pixels(tpsf), 0)
        return lifetimes_from_codes(self.program, found.reduced, log_errors=found.log_errors)

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

    def _results(self, inputs: Inputs, min_photons: int) -> DirectResult:
        found = _records(self.board, self.program, inputs, min_photons)
        assert found.log_errors is not None, "a direct program gives standard errors"
        return DirectResult(found.reduced, found.log_errors, found.photons, ~found.has(Flag.VALID))


def _records(board: Board, program: AnyProgram, inputs: Inputs, min_photons: int) -> Records:
    return board.results(
        program,
        inputs.counts,
        bank=inputs.bank if program.n_columns else None,
        index=inputs.chosen,
        count_exponent=inputs.exponent,
        min_photons=min_photons,
    )
