"""Calibration of the errors that a direct network predicts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.archive import Header
from seq2seqlite.models.architecture import DIRECT_OUTPUTS

__all__ = ["ErrorScale"]

MAX_LEVELS = 64
MAX_COUNTS = 1e12
MAX_FACTOR = 1e6

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class ErrorScale:
    """Factors that make predicted errors right, by number of counts, with and without a response.

    Parameters
    ----------
    counts : tuple of float
        Numbers of counts, ascending.
    given, unknown : tuple of tuple of float
        Factors for each number of counts and each quantity of
        :data:`~seq2seqlite.models.architecture.DIRECT_OUTPUTS`, with the response of the instrument and
        without it.

    See Also
    --------
    direct_lifetimes : Function that applies the factors.
    """

    counts: tuple[float, ...]
    given: Rows
    unknown: Rows

    def factors(self, counts: ArrayLike, /, *, response_given: bool) -> NDArray[np.float64]:
        """Return the factors of decays, linear in the logarithm of the counts, shape (n, 4).

        Parameters
        ----------
        counts : array_like, shape (n,)
            Counts, > 0.
        response_given : bool
            Whether the network has the response of the decays.
        """
        place, levels = np.log(np.asarray(counts, np.float64)), np.log(self.counts)
        rows = np.asarray(self.given if response_given else self.unknown)
        return np.stack([np.interp(place, levels, column) for column in rows.T], axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Return the factors as plain values, for the header of a model file."""
        return {
            "counts": list(self.counts),
            "given": [list(row) for row in self.given],
            "unknown": [list(row) for row in self.unknown],
        }

    @classmethod
    def from_header(cls, header: Header, key: str, /) -> "ErrorScale":
        """Return the factors in a header.

        Raises
        ------
        InputError
            If they are not valid.
        """
        table = header.table(key)
        if set(table) != {"counts", "given", "unknown"}:
            header.refuse(f"{key} must have the keys counts, given and unknown")
        counts = _positive(header, f"{key}.counts", table["counts"], MAX_COUNTS)
        if not 1 <= len(counts) <= MAX_LEVELS or any(np.diff(counts) <= 0):
            header.refuse(f"{key}.counts must be 1 to {MAX_LEVELS} ascending numbers")
        rows: list[Rows] = []
        for name in ("given", "unknown"):
            values, where = table[name], f"{key}.{name}"
            if not isinstance(values, list) or len(values) != len(counts):
                header.refuse(f"{where} must have a row for each of the {len(counts)} counts")
            rows.append(tuple(_positive(header, where, row, MAX_FACTOR) for row in values))
            if any(len(row) != len(DIRECT_OUTPUTS) for row in rows[-1]):
                header.refuse(f"{where} must have {len(DIRECT_OUTPUTS)} numbers in each row")
        return cls(counts, *rows)


def _positive(header: Header, name: str, values: Any, most: float) -> tuple[float, ...]:
    if not isinstance(values, list) or not all(
        type(value) in (int, float) and 0 < value <= most for value in values
    ):
        header.refuse(f"{name}={values!r:.60} must be numbers > 0 and <= {most:g}")
    return tuple(float(value) for value in values)
