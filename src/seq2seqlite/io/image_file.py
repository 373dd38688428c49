"""Reader of single images that belong to a measurement: masks and maps of delays."""

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.archive import npy_header
from seq2seqlite.errors import InputError
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.limits import BoundedFile

__all__ = ["read_image"]


def read_image(path: Path, /, *, what: str, shape: tuple[int, int] | None = None) -> NDArray[Any]:
    """Read an image from a TIFF, PNG or ``.npy`` file.

    Parameters
    ----------
    path : pathlib.Path
        File.
    what : str
        Name of the image in errors, e.g. ``"mask"``.
    shape : tuple of int, optional
        Shape (Y, X) of the measurement. An image with more values than four colour channels of it is rejected
        before it is decoded.

    Raises
    ------
    InputError
        If the file does not exist, cannot be read, or is too large.

    See Also
    --------
    read : Reader of measurements.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path of the {what}")
    if not path.is_file():
        raise InputError(f"{path} is not a regular file; pass a {what} file")
    suffix = path.suffix.lower()
    with reading(path, what), BoundedFile(path) as stream:
        if suffix in (".tif", ".tiff"):
            import tifffile

            with tifffile.TiffFile(stream) as tif:
                series = tif.series[0]
                _check_size(path, series.shape, shape, what)
                return np.squeeze(np.asarray(series.asarray()))
        if suffix == ".npy":
            npy_header(stream.read(2**17))  # refuses a header of gigabytes
            stored = np.load(path, mmap_mode="r", allow_pickle=False)
            _check_size(path, stored.shape, shape, what)
            return np.array(stored)
        if suffix == ".png":
            from PIL import Image

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its shape is checked here
                with Image.open(stream) as image:
                    _check_size(path, (image.height, image.width), shape, what)
                    return np.asarray(image)
    raise InputError(
        f"{path}: unsupported {what} format {suffix!r}; use a .tif, .png or .npy file with the "
        "shape of the image"
    )


# Values of an image whose measurement is not known yet.
MAX_VALUES = 2**26


def _check_size(path: Path, stored: tuple[int, ...], shape: tuple[int, int] | None, what: str) -> None:
    """Reject, before decoding, an image with more values than a measurement with four colour channels."""
    if shape is None:
        if math.prod(stored) > MAX_VALUES:
            raise InputError(f"{path} has shape {stored}; a {what} has at most {MAX_VALUES} values")
    elif math.prod(stored) > 4 * math.prod(shape):
        raise InputError(f"{path} has shape {stored}, but the image {shape}; draw the {what} on this image")
