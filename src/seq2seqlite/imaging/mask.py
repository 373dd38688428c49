"""Which pixels are analysed: mask files, intensity threshold, and sums of neighbouring pixels."""

import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.archive import npy_header
from seq2seqlite.errors import InputError
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.limits import BoundedFile

__all__ = ["MIN_PHOTONS", "neighbourhood_sum", "read_mask"]

# The lifetime of N photons has a relative standard error of 1 / sqrt(N) at best: 10 % at 100.
MIN_PHOTONS = 100.0
# (2 * 127 + 1)^2 sums of 65,535 stay below 2^32.
MAX_NARROW_BINNING = 127


def read_mask(
    mask: str | os.PathLike[str] | ArrayLike | None, /, *, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return a mask, True where pixels are analysed.

    Parameters
    ----------
    mask : path-like, array_like or None
        TIFF, PNG or ``.npy`` file, or array: nonzero is analysed, NaN is not. None: all pixels.
    shape : tuple of int
        Shape (Y, X) of the image.

    Returns
    -------
    ndarray of bool, shape (Y, X)

    Raises
    ------
    InputError
        If the file cannot be read, its shape is another, or it leaves no pixel.

    Examples
    --------
    >>> read_mask([[0, 2]], shape=(1, 2)).tolist()
    [[False, True]]
    """
    if mask is None:
        return np.ones(shape, np.bool_)
    name = str(mask) if isinstance(mask, str | os.PathLike) else "mask"
    stored: Any = _from_file(Path(mask), shape) if isinstance(mask, str | os.PathLike) else mask
    values: NDArray[Any] = np.asarray(stored)
    if values.ndim == 3 and values.shape[:2] == shape and values.shape[-1] in (2, 3, 4):
        colours = values.shape[-1] - (values.shape[-1] % 2 == 0)  # the last of two or four is alpha
        values = np.any(values[..., :colours], axis=-1)
    if values.shape != shape:
        raise InputError(f"{name} has shape {values.shape}, the image {shape}; draw the mask on this image")
    inside = np.nan_to_num(values) != 0  # NaN is outside, as in the maps themselves
    if not inside.any():
        raise InputError(f"{name} is zero everywhere; set the pixels to analyse to a value above 0")
    return np.asarray(inside, np.bool_)


def neighbourhood_sum(image: NDArray[Any], /, *, binning: int) -> NDArray[Any]:
    """Return the sum of each pixel and its neighbours, (2 binning + 1) x (2 binning + 1), image size kept.

    Parameters
    ----------
    image : ndarray, shape (Y, X, ...)
        Counts.
    binning : int
        Neighbours to each side, as FLIM software counts its binning factor; 0 changes nothing. At the border
        the sum is over those neighbours that there are.

    Returns
    -------
    ndarray, shape (Y, X, ...)

    Examples
    --------
    >>> import numpy as np
    >>> neighbourhood_sum(np.array([[1, 2, 4]]), binning=1).tolist()
    [[3, 7, 6]]
    """
    if binning == 0:
        return image
    # Half the memory where no sum of 16-bit counts exceeds 32 bits.
    narrow = image.dtype.kind == "u" and image.dtype.itemsize <= 2 and binning <= MAX_NARROW_BINNING
    kind = np.dtype(np.uint32) if narrow else None
    for axis in (0, 1):
        reach = min(binning, image.shape[axis])
        padding = [(reach + 1, reach) if index == axis else (0, 0) for index in range(image.ndim)]
        upto = np.moveaxis(np.cumsum(np.pad(image, padding), axis=axis, dtype=kind), axis, 0)
        image = np.moveaxis(upto[2 * reach + 1 :] - upto[: -2 * reach - 1], 0, axis)
    return image


def _from_file(path: Path, shape: tuple[int, int]) -> NDArray[Any]:
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path of the mask")
    if not path.is_file():
        raise InputError(f"{path} is not a regular file; name a mask file")
    suffix = path.suffix.lower()
    with reading(path, "mask"), BoundedFile(path) as stream:
        if suffix in (".tif", ".tiff"):
            import tifffile

            with tifffile.TiffFile(stream) as tif:
                series = tif.series[0]
                _check_size(path, series.shape, shape)
                return np.squeeze(np.asarray(series.asarray()))
        if suffix == ".npy":
            npy_header(stream.read(2**17))  # refuses a header of gigabytes
            stored = np.load(path, mmap_mode="r", allow_pickle=False)
            _check_size(path, stored.shape, shape)
            return np.array(stored)
        if suffix == ".png":
            from PIL import Image

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its shape is checked here
                with Image.open(stream) as image:
                    _check_size(path, (image.height, image.width), shape)
                    return np.asarray(image)
    raise InputError(f"{path}: suffix {suffix!r} is no mask; give a .tif, .png or .npy of the image's shape")


def _check_size(path: Path, stored: tuple[int, ...], shape: tuple[int, int]) -> None:
    """Raise InputError before decoding a mask that has more values than an image of four colours."""
    if math.prod(stored) > 4 * math.prod(shape):
        raise InputError(f"{path} has shape {stored}, the image {shape}; draw the mask on this image")
