"""FPGA boards as predictors by name: ``board:udp://host:port``."""

from functools import cache
from urllib.parse import parse_qsl

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.host import Board, BoardError, BoardPredictor, DirectBoardPredictor, board_predictor
from seq2seqlite.hardware.host.board import TIMEOUT_S
from seq2seqlite.integer import AnyProgram, load_any_program
from seq2seqlite.models import load_model, model_names

__all__ = ["PREFIX", "board_and_options", "is_board", "load_board"]

PREFIX = "board:"
"""Start of the name of a board as a predictor."""
OPTIONS = {"model", "timeout_s"}


def is_board(name: str, /) -> bool:
    """Return whether the name of a predictor is that of a board.

    See Also
    --------
    load_board : Return a board as a predictor.
    """
    return name.startswith(PREFIX)


def load_board(name: str, /) -> BoardPredictor | DirectBoardPredictor:
    """Return a board as a predictor.

    Parameters
    ----------
    name : str
        ``board:udp://host:port`` or ``board:serial://DEVICE``, optionally with ``?model=NAME``, the model or
        program file whose program the board must have, and ``&timeout_s=10``, the time without an answer
        after which the board counts as lost. Default: the shipped model that the board has, and 5 s.

    Raises
    ------
    InputError
        If the name is invalid, or the board has a program that is not that of a shipped model.
    BoardError
        If no board answers, or it has another program.

    See Also
    --------
    seq2seqlite.load_predictor : Return a model, an integer program or an estimator as a predictor.
    seq2seqlite.hardware.host.board.Board : Connection to a board.
    """
    return board_and_options(name, set())[0]


def board_and_options(
    name: str, further: set[str], /
) -> tuple[BoardPredictor | DirectBoardPredictor, dict[str, str]]:
    """Return a board as a predictor, and its further options.

    Parameters
    ----------
    name : str
        As for :func:`load_board`.
    further : set of str
        Names of the options that may follow the address as well.

    Raises
    ------
    InputError, BoardError
        As for :func:`load_board`.

    See Also
    --------
    load_board : The same without further options.
    """
    address, _, query = name.removeprefix(PREFIX).partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    if not (OPTIONS | further).issuperset(given):
        *most, last = [*sorted(OPTIONS), *sorted(further)]
        raise InputError(
            f"{name!r} has unknown options; only {', '.join(most)} and {last} may follow the address"
        )
    try:
        timeout_s = float(given.get("timeout_s", TIMEOUT_S))
    except ValueError:
        raise InputError(f"timeout_s={given['timeout_s']} of {name!r} must be a number of seconds") from None
    program = load_any_program(given["model"]) if "model" in given else None
    board = _board(address, timeout_s)
    predictor = board_predictor(board, _shipped(board) if program is None else program)
    return predictor, {option: given[option] for option in further & given.keys()}


@cache
def _shared() -> dict[str, Board]:
    """Return the boards of this process by address: a second session would end the first."""
    return {}


def _board(address: str, timeout_s: float) -> Board:
    shared = _shared()
    board = shared.get(address)
    if board is None or not board.is_open():
        board = shared[address] = Board.open(address, timeout_s=timeout_s)
    return board


def _shipped(board: Board) -> AnyProgram:
    """Return the program of the shipped model that a board has."""
    for name in model_names():
        network = load_model(name)
        if network.formats is None or len(network.architecture.layers) > 1:
            continue
        program = load_any_program(name)
        if program.sha256.startswith(board.program_hash):
            return program
    raise BoardError(
        f"board {board.address} has program {board.program_hash}, which is not that of a shipped model; name "
        f"its model: {PREFIX}{board.address}?model=FILE"
    )
