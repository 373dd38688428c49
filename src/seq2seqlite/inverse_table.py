"""Statistic of a decay, tabulated over the lifetime; the table is inverted to estimate lifetimes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ["InverseTable", "longest_rise"]

POINTS = 400
# A shorter run of increasing values does not resolve lifetimes.
MIN_POINTS = 10


@dataclass(frozen=True)
class InverseTable:
    """Table of a statistic over the lifetime, which returns the lifetime that belongs to a value.

    Parameters
    ----------
    tau_ns : ndarray, shape (n,)
        Increasing lifetimes, in ns.
    values : ndarray, shape (n,) or (n, k)
        Statistic of a decay with each lifetime. A scalar must increase with the lifetime; points of k
        coordinates describe a curve.
    quantities : mapping of str to ndarray, shape (n,)
        Further quantities tabulated over the lifetime, by name.

    See Also
    --------
    seq2seqlite.estimators.CentreOfMass : Estimator with a scalar statistic.
    seq2seqlite.estimators.Phasor : Estimator with a curve.

    Examples
    --------
    >>> table = InverseTable(np.array([1.0, 2.0, 4.0]), np.array([10.0, 20.0, 30.0]))
    >>> table.lifetimes(np.array([15.0, 25.0, 99.0])).tolist()
    [1.5, 3.0, 4.0]
    >>> curve = InverseTable(np.array([1.0, 2.0]), np.array([[0.0, 0.0], [1.0, 0.0]]))
    >>> curve.lifetimes(np.array([[0.25, 0.5]])).tolist()
    [1.25]
    """

    tau_ns: NDArray[np.float64]
    values: NDArray[np.float64]
    quantities: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @staticmethod
    def spaced_lifetimes(shortest_ns: float, longest_ns: float, /) -> NDArray[np.float64]:
        """Return the lifetimes of a table, in ns, shape (400,), spaced evenly on a logarithmic scale."""
        return np.asarray(np.geomspace(shortest_ns, longest_ns, POINTS))

    @classmethod
    def of_longest_rise(
        cls,
        tau_ns: NDArray[np.float64],
        values: NDArray[np.float64],
        /,
        **quantities: NDArray[np.float64],
    ) -> Self:
        """Return the part of a table in which a scalar statistic increases.

        Parameters
        ----------
        tau_ns, values, **quantities
            Parameters of the class; values may decrease or be NaN.

        Returns
        -------
        InverseTable
            Longest run of increasing values; empty if it has fewer than 10 points.
        """
        first, last = longest_rise(values)
        kept = slice(first, last if last - first >= MIN_POINTS else first)
        return cls(tau_ns[kept], values[kept], {name: one[kept] for name, one in quantities.items()})

    def __len__(self) -> int:
        """Return the number of tabulated lifetimes."""
        return self.tau_ns.size

    @property
    def tau_range_ns(self) -> tuple[float, float]:
        """Shortest and longest tabulated lifetime, in ns."""
        return float(self.tau_ns[0]), float(self.tau_ns[-1])

    def lifetimes(self, values: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return the lifetimes of values, in ns, shape (m,), by linear interpolation.

        Parameters
        ----------
        values : ndarray, shape (m,) or (m, k)
            Statistic of m decays. The lifetime of a scalar outside the table is that of its end; the lifetime
            of a point is that of the nearest point of the curve. A NaN scalar gives NaN; a point that is not
            finite is replaced by the origin.
        """
        if self.values.ndim == 1:
            return np.asarray(np.interp(values, self.values, self.tau_ns))
        return self._nearest(values)

    def slopes(self, values: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return the derivative of the lifetime at scalars, shape (m,), in ns per unit of the statistic."""
        return np.asarray(np.interp(values, self.values, np.gradient(self.tau_ns, self.values)))

    def quantity(self, name: str, values: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return a further quantity at scalars, shape (m,)."""
        return np.asarray(np.interp(values, self.values, self.quantities[name]))

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.values)

    def _nearest(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the lifetimes of the nearest points of the curve."""
        taus, curve = self.tau_ns, self.values
        wanted = np.where(np.isfinite(points).all(axis=-1, keepdims=True), points, 0.0)
        middle = np.asarray(self._tree.query(wanted)[1])
        best, distance = np.full(len(wanted), np.nan), np.full(len(wanted), np.inf)
        for first in (np.maximum(middle - 1, 0), np.minimum(middle, taus.size - 2)):
            start, step = curve[first], curve[first + 1] - curve[first]
            along = np.clip(((wanted - start) * step).sum(axis=-1) / (step**2).sum(axis=-1), 0, 1)
            away = ((start + along[:, None] * step - wanted) ** 2).sum(axis=-1)
            tau = taus[first] + along * (taus[first + 1] - taus[first])
            best, distance = np.where(away < distance, tau, best), np.minimum(away, distance)
        return best


def longest_rise(values: NDArray[np.float64], /) -> tuple[int, int]:
    """Return start and end (exclusive) of the longest run of increasing values.

    Examples
    --------
    >>> longest_rise(np.array([3.0, 1.0, 2.0, 3.0, np.nan, 4.0]))
    (1, 4)
    """
    breaks = np.flatnonzero(~(np.diff(values) > 0)) + 1
    edges = np.concatenate([[0], breaks, [values.size]])
    best = int(np.argmax(np.diff(edges)))
    return int(edges[best]), int(edges[best + 1])
