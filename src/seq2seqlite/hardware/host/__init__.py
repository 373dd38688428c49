"""Driver of FPGA boards: the computer's end of docs/spec/link.md.

- :class:`~seq2seqlite.hardware.host.board.Board`: connection to a board
- :mod:`~seq2seqlite.hardware.host.predictor`: a board as a predictor
"""

from seq2seqlite.hardware.host.board import Board
from seq2seqlite.hardware.host.connection import BoardError
from seq2seqlite.hardware.host.predictor import BoardPredictor, DirectBoardPredictor, board_predictor

__all__ = ["Board", "BoardError", "BoardPredictor", "DirectBoardPredictor", "board_predictor"]
