"""Selection of the analysed pixels: mask files, photon threshold, and sums of neighbouring pixels."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.io.image_file import read_image
from seq2seqlite.io.signal import Survey

__all__ = ["MIN_PHOTONS", "Selection", "check_binning", "neighbourhood_sum", "read_mask", "select"]

# The relative standard error of a lifetime from N photons is at least 1 / sqrt(N): 10 % for 100 photons.
MIN_PHOTONS = 100.0
# A sum of (2 * 127 + 1)^2 values of 65,535 stays below 2^32.
MAX_NARROW_BINNING = 127


@dataclass(frozen=True)
class Selection:
    """Pixels of an image by their use in the analysis.

    Parameters
    ----------
    saturated : ndarray of bool, shape (Y, X)
        Saturated pixels.
    usable : ndarray of bool, shape (Y, X)
        Pixels inside of the mask, neither saturated nor bad, whose counts are added to those of neighbours.
    photons : ndarray, shape (Y, X)
        Counts of each pixel after binning, without the dark level.
    chosen : ndarray of bool, shape (Y, X)
        Usable pixels that reach the photon threshold, which are analysed.
    """

    saturated: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    photons: NDArray[np.float64]
    chosen: NDArray[np.bool_]

    @property
    def numbers(self) -> dict[str, int]:
        """Numbers of pixels: ``pixels``, ``pixels_analysed`` and ``pixels_saturated``."""
        return {
            "pixels": int(self.chosen.size),
            "pixels_analysed": int(self.chosen.sum()),
            "pixels_saturated": int(self.saturated.sum()),
        }


def select(
    found: Survey, mask: NDArray[np.bool_], /, *, binning: int = 0, min_photons: float = MIN_PHOTONS
) -> Selection:
    """Select the analysed pixels of an image.

    Parameters
    ----------
    found : Survey
        Survey of the image.
    mask : ndarray of bool, shape (Y, X)
        Mask, as returned by :func:`read_mask`.
    binning, min_photons
        As for :class:`~seq2seqlite.imaging.MapOptions`.
    """
    usable = mask & ~found.excluded
    photons = neighbourhood_sum(np.where(usable, found.signal, 0.0), binning=binning)
    # Cumulative sums of float counts have rounding errors.
    return Selection(found.saturated, usable, photons, usable & (photons >= min_photons - 1e-6))


def read_mask(
    mask: str | os.PathLike[str] | ArrayLike | None, /, *, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Read or convert a mask, True where pixels are analysed.

    Parameters
    ----------
    mask : path-like, array_like or None
        TIFF, PNG or ``.npy`` file, or array; nonzero pixels are analysed, zero and NaN are not. None selects
        all pixels.
    shape : tuple of int
        Shape (Y, X) of the image.

    Returns
    -------
    ndarray of bool, shape (Y, X)

    Raises
    ------
    InputError
        If the file cannot be read, the shape differs from the image, or no pixel is selected.

    See Also
    --------
    lifetime_map : Compute the lifetime maps of a measurement.

    Examples
    --------
    >>> read_mask([[0, 2]], shape=(1, 2)).tolist()
    [[False, True]]
    """
    if mask is None:
        return np.ones(shape, np.bool_)
    name = str(mask) if isinstance(mask, str | os.PathLike) else "mask"
    stored: Any = (
        read_image(Path(mask), what="mask", shape=shape) if isinstance(mask, str | os.PathLike) else mask
    )
    values: NDArray[Any] = np.asarray(stored)
    if values.ndim == 3 and values.shape[:2] == shape and values.shape[-1] in (2, 3, 4):
        colours = values.shape[-1] - (values.shape[-1] % 2 == 0)  # the last of two or four is alpha
        values = np.any(values[..., :colours], axis=-1)
    if values.shape != shape:
        raise InputError(
            f"{name} has shape {values.shape}, but the image {shape}; draw the mask on this image"
        )
    inside = np.nan_to_num(values) != 0  # NaN pixels are not analysed, as in the maps
    if not inside.any():
        raise InputError(f"{name} is zero everywhere; set the pixels to be analysed to a value above 0")
    return np.asarray(inside, np.bool_)


def check_binning(binning: int, shape: tuple[int, int], /) -> None:
    """Raise `InputError` if a binning is larger than an image (Y, X) in both directions."""
    largest = (max(shape) - 1) // 2
    if binning > largest:
        raise InputError(
            f"binning={binning} sums {2 * binning + 1} x {2 * binning + 1} pixels, but the image has only "
            f"{shape[0]} x {shape[1]}; use at most {largest}"
        )


def neighbourhood_sum(image: NDArray[Any], /, *, binning: int) -> NDArray[Any]:
    """Return the sum of each pixel and its neighbours in an image of the same size.

    Parameters
    ----------
    image : ndarray, shape (Y, X, ...)
        Counts.
    binning : int
        Neighbours on each side, so that (2 binning + 1) x (2 binning + 1) pixels are summed, as is usual in
        FLIM software; 0 returns the image. At the border, only the neighbours within the image are summed.

    Returns
    -------
    ndarray, shape (Y, X, ...)

    See Also
    --------
    lifetime_map : Compute the lifetime maps of a measurement.

    Examples
    --------
    >>> import numpy as np
    >>> neighbourhood_sum(np.array([[1, 2, 4]]), binning=1).tolist()
    [[3, 7, 6]]
    """
    if binning == 0:
        return image
    # Sums of 16-bit counts fit into 32 bits, which halves the memory.
    narrow = image.dtype.kind == "u" and image.dtype.itemsize <= 2 and binning <= MAX_NARROW_BINNING
    kind = np.dtype(np.uint32) if narrow else None
    for axis in (0, 1):
        reach = min(binning, image.shape[axis])
        padding = [(reach + 1, reach) if index == axis else (0, 0) for index in range(image.ndim)]
        upto = np.moveaxis(np.cumsum(np.pad(image, padding), axis=axis, dtype=kind), axis, 0)
        image = np.moveaxis(upto[2 * reach + 1 :] - upto[: -2 * reach - 1], 0, axis)
    return image
