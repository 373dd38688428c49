"""Standard errors of the lifetimes of networks with a decoder, from held-out decays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.archive import Header
from seq2seqlite.decay import Lifetimes, LifetimesWithErrors
from seq2seqlite.models.architecture import DIRECT_OUTPUTS

__all__ = ["ErrorTable"]

MAX_POINTS = 64
MAX_VALUE = 1e12

Cells = tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True)
class ErrorTable:
    """Standard errors by number of counts and mean lifetime, with and without a response.

    Parameters
    ----------
    counts : tuple of float
        Numbers of counts, ascending.
    tau_ns : tuple of float
        Predicted mean lifetimes, in ns, ascending.
    given, unknown : tuple of tuple of tuple of float
        Standard error times the square root of the counts, for each number of counts, each mean lifetime and
        each quantity of :data:`~seq2seqlite.models.architecture.DIRECT_OUTPUTS`, with the response of the
        instrument and without it.

    See Also
    --------
    ErrorScale : Factors of the errors that a direct network predicts.
    """

    counts: tuple[float, ...]
    tau_ns: tuple[float, ...]
    given: Cells
    unknown: Cells

    def with_errors(
        self, lifetimes: Lifetimes, /, *, counts: ArrayLike, response_given: bool
    ) -> LifetimesWithErrors:
        """Return lifetimes with their standard errors.

        Parameters
        ----------
        lifetimes : Lifetimes
            Predicted lifetimes, shape (n,).
        counts : array_like, shape (n, n_gates)
            Counts of the decays.
        response_given : bool
            Whether the network had the response of the decays.

        Returns
        -------
        LifetimesWithErrors
            Arrays of shape (n,). The error of a quantity that is NaN is NaN.
        """
        total = np.maximum(np.asarray(counts, np.float64).sum(axis=1), 1.0)
        mean = np.asarray(lifetimes.tau_mean_ns, np.float64)
        logarithms = self.logarithms(total, mean, response_given=response_given)
        std = np.exp(logarithms) / np.sqrt(total)[:, None]
        values = [getattr(lifetimes, name) for name in DIRECT_OUTPUTS]
        errors = [np.where(np.isfinite(value), one, np.nan) for value, one in zip(values, std.T, strict=True)]
        return LifetimesWithErrors(*values, *errors)

    def logarithms(
        self, counts: NDArray[np.float64], mean: NDArray[np.float64], /, *, response_given: bool
    ) -> NDArray[np.float64]:
        """Return the logarithms of the values of the table, interpolated in those of both axes, shape (n, 4).

        Parameters
        ----------
        counts : ndarray, shape (n,)
            Counts, > 0.
        mean : ndarray, shape (n,)
            Predicted mean lifetimes, in ns; NaN and 0 stand for the shortest of the table.
        response_given : bool
            Whether the network had the response of the decays.
        """
        table = np.log(np.asarray(self.given if response_given else self.unknown))
        known = np.where(np.isfinite(mean) & (mean > 0), mean, self.tau_ns[0])
        row, row_share = _place(np.log(counts), np.log(self.counts))
        column, column_share = _place(np.log(known), np.log(self.tau_ns))
        next_row = np.minimum(row + 1, len(self.counts) - 1)
        next_column = np.minimum(column + 1, len(self.tau_ns) - 1)
        low = table[row, column] * (1 - column_share) + table[row, next_column] * column_share
        high = table[next_row, column] * (1 - column_share) + table[next_row, next_column] * column_share
        return np.asarray(low * (1 - row_share) + high * row_share)

    def to_dict(self) -> dict[str, Any]:
        """Return the table as plain values, for the header of a model file."""
        return {
            "counts": list(self.counts),
            "tau_ns": list(self.tau_ns),
            "given": [[list(cell) for cell in row] for row in self.given],
            "unknown": [[list(cell) for cell in row] for row in self.unknown],
        }

    @classmethod
    def from_header(cls, header: Header, key: str, /) -> "ErrorTable":
        """Return the table in a header.

        Raises
        ------
        InputError
            If it is not valid.
        """
        table = header.table(key)
        if set(table) != {"counts", "tau_ns", "given", "unknown"}:
            header.refuse(f"{key} must have the keys counts, tau_ns, given and unknown")
        counts, tau_ns = (_ascending(header, key, name, table[name]) for name in ("counts", "tau_ns"))
        cells = [
            _cells(header, f"{key}.{name}", table[name], (len(counts), len(tau_ns), len(DIRECT_OUTPUTS)))
            for name in ("given", "unknown")
        ]
        return cls(counts, tau_ns, *cells)


def _place(
    values: NDArray[np.float64], points: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the point below each value, and the share of the next one; the ends beyond them."""
    place = np.interp(values, points, np.arange(points.size))
    below = place.astype(np.intp)
    return below, (place - below)[:, None]


def _ascending(header: Header, key: str, name: str, values: Any) -> tuple[float, ...]:
    if (
        not isinstance(values, list)
        or not 1 <= len(values) <= MAX_POINTS
        or not all(type(value) in (int, float) and 0 < value <= MAX_VALUE for value in values)
        or any(np.diff(values) <= 0)
    ):
        header.refuse(f"{key}.{name}={values!r:.60} must be 1 to {MAX_POINTS} ascending numbers > 0")
    return tuple(float(value) for value in values)


def _cells(header: Header, where: str, values: Any, shape: tuple[int, ...]) -> Cells:
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        array = np.empty(0)
    if array.shape != shape or array.dtype.kind not in "if" or not ((array > 0) & (array <= MAX_VALUE)).all():
        header.refuse(f"{where} must have the shape {shape} and numbers > 0 and <= {MAX_VALUE:g}")
    return tuple(tuple(tuple(float(value) for value in cell) for cell in row) for row in array)
