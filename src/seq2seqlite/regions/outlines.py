"""Pixels inside of outlines: a pixel belongs to an outline that contains its centre."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["inside_ellipse", "inside_rings"]


def inside_rings(rings: Iterable[NDArray[np.float64]], /, *, shape: tuple[int, int]) -> NDArray[np.intp]:
    """Return the flat indices of the pixels inside of an odd number of closed polygons.

    Parameters
    ----------
    rings : iterable of ndarray, shape (n, 2)
        Vertices (x, y) in pixels; the first pixel extends from 0 to 1.
    shape : tuple of int
        Shape (Y, X) of the image.

    Returns
    -------
    ndarray of int, shape (n,)

    Examples
    --------
    >>> square = np.array([[1, 0], [3, 0], [3, 2], [1, 2]])
    >>> inside_rings([square], shape=(2, 4)).tolist()
    [1, 2, 5, 6]
    """
    from matplotlib.path import Path

    inside = np.zeros(shape, np.bool_)
    for ring in rings:
        rows, columns, centres = _centres(ring.min(axis=0), ring.max(axis=0), shape)
        if centres.size:
            found = Path(ring).contains_points(centres)
            inside[rows, columns] ^= found.reshape(rows.stop - rows.start, columns.stop - columns.start)
    return np.flatnonzero(inside)


def inside_ellipse(
    left: float, top: float, right: float, bottom: float, /, *, shape: tuple[int, int]
) -> NDArray[np.intp]:
    """Return the flat indices of the pixels inside of an ellipse, by its bounding box in pixels.

    Examples
    --------
    >>> inside_ellipse(0, 0, 3, 3, shape=(3, 3)).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8]
    >>> inside_ellipse(0, 0, 5, 5, shape=(5, 5)).size
    21
    """
    low, high = np.array([left, top], np.float64), np.array([right, bottom], np.float64)
    rows, columns, centres = _centres(low, high, shape)
    inside = np.zeros(shape, np.bool_)
    if centres.size and (high > low).all():
        distance = (((centres - (low + high) / 2) / ((high - low) / 2)) ** 2).sum(axis=1)
        inside[rows, columns] = (distance <= 1).reshape(rows.stop - rows.start, columns.stop - columns.start)
    return np.flatnonzero(inside)


def _centres(
    low: NDArray[np.float64], high: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[slice, slice, NDArray[np.float64]]:
    """Return the rows and columns of a bounding box within the image, and its pixel centres, shape (n, 2)."""
    first = np.clip(np.floor(low), 0, shape[::-1]).astype(np.intp)
    last = np.clip(np.ceil(high), first, shape[::-1]).astype(np.intp)
    x, y = np.meshgrid(np.arange(first[0], last[0]) + 0.5, np.arange(first[1], last[1]) + 0.5)
    centres = np.stack([x.ravel(), y.ravel()], axis=1)
    return slice(int(first[1]), int(last[1])), slice(int(first[0]), int(last[0])), centres
