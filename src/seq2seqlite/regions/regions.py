"""Regions of an image: named sets of pixels, which may overlap."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError

__all__ = ["Regions"]


@dataclass(frozen=True)
class Regions:
    """Regions of an image: named sets of pixels, which may overlap.

    Parameters
    ----------
    shape : tuple of int
        Shape (Y, X) of the image.
    names : tuple of str
        Different names of the regions.
    pixels : tuple of ndarray of int
        Flat indices of the pixels of each region.

    See Also
    --------
    read_regions : Read regions from a label image, Fiji ROIs or GeoJSON.
    region_table : Statistics of maps by region.

    Examples
    --------
    >>> found = Regions.of_labels([[0, 2], [1, 2]], shape=(2, 2))
    >>> found.names, [index.tolist() for index in found.pixels]
    (('1', '2'), [[2], [1, 3]])
    """

    shape: tuple[int, int]
    names: tuple[str, ...]
    pixels: tuple[NDArray[np.intp], ...]

    def __len__(self) -> int:
        return len(self.names)

    def without(self, excluded: NDArray[np.bool_], /) -> "Regions":
        """Return the regions without some pixels, shape (Y, X), e.g. hot ones; a region may become empty."""
        keep = ~excluded.reshape(-1)
        return Regions(self.shape, self.names, tuple(index[keep[index]] for index in self.pixels))

    @classmethod
    def whole(cls, shape: tuple[int, int], /) -> "Regions":
        """Return one region, ``all``, with all pixels of an image."""
        return cls(shape, ("all",), (np.arange(shape[0] * shape[1]),))

    @classmethod
    def of_labels(cls, labels: ArrayLike, /, *, shape: tuple[int, int], name: str = "labels") -> "Regions":
        """Return the regions of a label image, named by their labels.

        Parameters
        ----------
        labels : array_like, shape (Y, X)
            Whole numbers, of an integer or float type; 0 outside of all regions.
        shape : tuple of int
            Shape (Y, X) of the image.
        name : str
            Name of the label image in errors.

        Raises
        ------
        InputError
            If the shape differs, a label is negative or not a whole number, or all labels are 0.
        """
        values: NDArray[Any] = np.asarray(labels)
        if values.shape != shape:
            raise InputError(
                f"{name} has shape {values.shape}, but the image {shape}; pass a label image of this image, "
                "with one channel"
            )
        if values.dtype.kind not in "buif" or (values.dtype.kind == "f" and not _is_whole(values)):
            raise InputError(
                f"{name} must contain whole numbers: 0 for the background, and 1, 2, ... for regions"
            )
        if (values < 0).any():
            raise InputError(f"{name} contains the label {values.min():g}; labels must be >= 0")
        flat = values.astype(np.int64).ravel()
        order = np.argsort(flat, kind="stable")
        found, first = np.unique(flat[order], return_index=True)
        parts = np.split(order, first[1:])
        regions = [(str(label), part) for label, part in zip(found, parts, strict=True) if label]
        if not regions:
            raise InputError(f"{name} is zero everywhere; set the pixels of each region to its label")
        return cls.named(regions, shape=shape)

    @classmethod
    def named(
        cls, regions: Iterable[tuple[str, NDArray[np.intp]]], /, *, shape: tuple[int, int]
    ) -> "Regions":
        """Return regions by name; equal names get a number, e.g. ``cell`` and ``cell-2``.

        Parameters
        ----------
        regions : iterable of (str, ndarray of int)
            Names, and flat indices of the pixels.
        shape : tuple of int
            Shape (Y, X) of the image.
        """
        names: list[str] = []
        pixels = []
        seen: Counter[str] = Counter()
        for name, index in regions:
            seen[name] += 1
            unique = name if seen[name] == 1 else f"{name}-{seen[name]}"
            while unique in names:
                seen[name] += 1
                unique = f"{name}-{seen[name]}"
            names.append(unique)
            pixels.append(index)
        return cls(shape, tuple(names), tuple(pixels))


def _is_whole(values: NDArray[np.floating]) -> bool:
    return bool(np.isfinite(values).all() and (values % 1 == 0).all())
