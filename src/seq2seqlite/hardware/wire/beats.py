"""Beats of an AXI4-Stream, as the bench drives and records them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError

__all__ = ["Beats"]


@dataclass(frozen=True)
class Beats:
    """Beats of an AXI4-Stream.

    Parameters
    ----------
    words : ndarray of uint32, shape (n, n_words)
        Data, lowest word first.
    last : ndarray of bool, shape (n,)
        ``tlast``.
    user : ndarray of uint32, shape (n,), optional
        ``tuser``, of streams that have it.
    """

    words: NDArray[np.uint32]
    last: NDArray[np.bool_]
    user: NDArray[np.uint32] | None = None

    def __post_init__(self) -> None:
        if self.words.ndim != 2 or self.last.shape != self.words.shape[:1]:
            raise InputError(
                f"words of shape {self.words.shape} and last of shape {self.last.shape} must have shapes "
                "(n, n_words) and (n,)"
            )

    def __len__(self) -> int:
        return len(self.last)
