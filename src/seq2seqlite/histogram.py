"""Percentiles of data that do not fit into memory."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Spread"]

# Leading bits of a float32 that select the bin: sign, exponent and nine bits of the mantissa. The width of a
# bin is 0.2 % of its value.
KEPT_BITS = 18
DROPPED_BITS = 32 - KEPT_BITS
SIGN = np.uint32(1 << 31)


@dataclass(frozen=True)
class Spread:
    """Histogram of values with bins of 0.2 % relative width.

    The counts are integers, so the result of merging parts does not depend on their order.

    Parameters
    ----------
    keys : ndarray of int64, shape (n,)
        Numbers of the non-empty bins, in the order of their values.
    counts : ndarray of int64, shape (n,)
        Number of values in each bin.
    """

    keys: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, values: ArrayLike, /) -> "Spread":
        """Return the histogram of all finite values.

        Examples
        --------
        >>> Spread.of([1.0, float("nan"), 3.0]).n
        2
        """
        flat = np.asarray(values, np.float32).ravel()
        bits = (flat[np.isfinite(flat)] + np.float32(0)).view(np.uint32)  # no -0
        ordered = np.where(bits & SIGN, ~bits, bits | SIGN) >> np.uint32(DROPPED_BITS)
        keys, counts = np.unique(ordered, return_counts=True)
        return cls(keys.astype(np.int64), counts.astype(np.int64))

    @classmethod
    def merged(cls, parts: "Iterable[Spread]", /) -> "Spread":
        """Return the sum of several histograms.

        Examples
        --------
        >>> Spread.merged([Spread.of([1.0]), Spread.of([1.0, 2.0])]).counts.tolist()
        [2, 1]
        """
        whole = np.zeros(1 << KEPT_BITS, np.int64)
        for part in parts:
            whole[part.keys] += part.counts
        keys = np.flatnonzero(whole)
        return cls(keys.astype(np.int64), whole[keys])

    @property
    def n(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    def percentile(self, percent: float, /) -> float | None:
        """Return a percentile with an accuracy of 0.1 %, or None without values.

        Examples
        --------
        >>> round(Spread.of([1.0, 2.0, 4.0]).percentile(50), 2)
        2.0
        """
        if self.n == 0:
            return None
        upto = np.cumsum(self.counts)
        index = int(np.searchsorted(upto, percent / 100 * (self.n - 1), side="right"))
        low, high = (float(edge) for edge in self._edges(self.keys[index] + np.arange(2)))
        return (low + high) / 2 if np.isfinite(low + high) else low

    def share_below(self, value: float, /) -> float:
        """Return the share of the values that lie below a value, to 0.2 % of that; NaN if there is none.

        Examples
        --------
        >>> Spread.of([1.0, 2.0, 4.0, 8.0]).share_below(3.0)
        0.5
        """
        if self.n == 0:
            return float("nan")
        below = np.asarray(self._edges(self.keys + 1), np.float64) <= value
        return float(self.counts[below].sum() / self.n)

    def limits(self) -> tuple[float, float] | None:
        """Return the outer edges of the first and last non-empty bin, or None without values."""
        if self.n == 0:
            return None
        edges = self._edges(np.array([self.keys[0], self.keys[-1] + 1]))
        return float(edges[0]), float(edges[1])

    @staticmethod
    def _edges(keys: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the lower edges of bins."""
        ordered = np.clip(keys << DROPPED_BITS, 0, (1 << 32) - 1).astype(np.uint32)
        return np.asarray(np.where(ordered & SIGN, ordered ^ SIGN, ~ordered).view(np.float32))
