"""Zarr stacks of frames that may be larger than memory, and their division into tiles."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.io.arrays import number_of, zarr_fields
from seq2seqlite.io.read_options import ReadOptions, needed_gate_width_ns
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.io.signal import USUAL_BINS, signal_from_counts

__all__ = ["Stack", "Tile", "is_stack", "open_stack"]

# Pixels of a tile: a few seconds of a slow predictor, and tens of megabytes of counts.
TILE_PIXELS = 65536
# Largest size of a chunk, which zarr always decodes as a whole.
MAX_CHUNK_BYTES = 512 * 2**20
# Up to this size, a tile is as high as a chunk, so that each chunk is decoded once.
MAX_TILE_BYTES = 64 * 2**20
FRAME_AXES = ("t", "z")


@dataclass(frozen=True)
class Tile:
    """Consecutive rows of one frame of a stack, which are mapped together.

    Parameters
    ----------
    number : int
        Index of the tile in :attr:`Stack.tiles`.
    frame : tuple of int
        Index of the frame along the axes before Y.
    start, stop : int
        First and last (exclusive) row.

    See Also
    --------
    Stack : Zarr array of decays with dims (T, Z, Y, X, H), of which T and Z are optional.
    """

    number: int
    frame: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Stack:
    """Zarr array of decays with dims (T, Z, Y, X, H), of which T and Z are optional.

    Parameters
    ----------
    path : pathlib.Path
        Zarr store.
    array : str
        Name of the array in its group; empty if the store is an array.
    shape : tuple of int
        Shape of the array.
    dtype : numpy.dtype
        Data type of the counts.
    frame_axes : tuple of str
        Names of the axes before Y: ``"t"``, ``"z"``, or both.
    tile_rows : int
        Rows of a tile. It depends only on the stack, so that the result does not depend on the workers.
    gate_width_ns : float
        Bin width, in ns.
    period_ns : float or None
        Laser period, in ns.
    pixel_size_um, z_step_um, frame_time_s : float or None
        Steps along X and Y in um, along Z in um, and along T in s.
    gate_length_ns : float or None
        Length of the gates of a camera, in ns.

    See Also
    --------
    open_stack : Open a zarr store of decays without reading counts.
    Tile : Consecutive rows of one frame of a stack, which are mapped together.
    """

    path: Path
    array: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    frame_axes: tuple[str, ...]
    tile_rows: int
    gate_width_ns: float
    period_ns: float | None
    pixel_size_um: float | None = None
    z_step_um: float | None = None
    frame_time_s: float | None = None
    gate_length_ns: float | None = None

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Shape (Y, X) of a frame."""
        return self.shape[-3], self.shape[-2]

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return math.prod(self.shape[:-3])

    @property
    def n_pixels(self) -> int:
        """Number of pixels in all frames."""
        return math.prod(self.shape[:-1])

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """All tiles, frame by frame and from top to bottom."""
        height = self.shape[-3]
        rows = [(start, min(start + self.tile_rows, height)) for start in range(0, height, self.tile_rows)]
        places = [(frame, *part) for frame in np.ndindex(*self.shape[:-3]) for part in rows]
        return tuple(Tile(number, *place) for number, place in enumerate(places))

    def read(self, tile: Tile, /, *, halo: int = 0) -> tuple[xr.DataArray, int]:
        """Return the counts of a tile, and the number of additional rows above it.

        Parameters
        ----------
        tile : Tile
            Tile to read.
        halo : int
            Rows to add above and below, as far as the frame extends.

        Returns
        -------
        data : xarray.DataArray, dims ('Y', 'X', 'H')
            Counts in memory.
        above : int
            Number of additional rows above the tile.

        Raises
        ------
        InputError
            If the store is damaged.
        """
        import zarr

        top, bottom = max(tile.start - halo, 0), min(tile.stop + halo, self.shape[-3])
        with reading(self.path, "zarr"):
            node: Any = zarr.open(str(self.path), mode="r")
            stored = node[self.array] if self.array else node
            counts = np.asarray(stored[(*tile.frame, slice(top, bottom))])
        return self._signal(counts), tile.start - top

    def summed(self, decay: np.ndarray[Any, Any], /) -> xr.DataArray:
        """Return a summed decay, shape (H,), as a one-pixel measurement on the time axis of the stack."""
        return self._signal(decay)

    def _signal(self, counts: np.ndarray[Any, Any]) -> xr.DataArray:
        return signal_from_counts(
            counts,
            source=self.path,
            file_format="zarr",
            gate_width_ns=self.gate_width_ns,
            period_ns=self.period_ns,
            pixel_size_um=self.pixel_size_um,
            gate_length_ns=self.gate_length_ns,
        )


def is_stack(path: Path, /, *, n_dims: int = 4) -> bool:
    """Return whether a path is a zarr array, or group with an array ``tpsf``, of ``n_dims`` or more dims."""
    if path.suffix.lower() != ".zarr" or not path.is_dir():
        return False
    stored = zarr_fields(path)[0]
    return stored is not None and stored.ndim >= n_dims


def open_stack(path: Path, options: ReadOptions = ReadOptions(), /) -> Stack:  # noqa: B008 - frozen
    """Open a zarr store of decays without reading counts.

    Parameters
    ----------
    path : pathlib.Path
        Array with attributes, or group with an array ``tpsf``. Attributes: ``gate_width_ns``, ``period_ns``,
        and optionally ``pixel_size_um``, ``z_step_um``, ``frame_time_s``. The axes before Y are identified by
        the dimension names of the array; without names, they are T, or T and Z.
    options : ReadOptions
        Options of the reader.

    Raises
    ------
    InputError
        If the store cannot be read, has other dims or no pixels, or its chunks are too large.

    See Also
    --------
    Stack : Zarr array of decays with dims (T, Z, Y, X, H), of which T and Z are optional.
    seq2seqlite.read : Read a measurement as an array of decays.
    """
    stored, fields = zarr_fields(path)
    if stored is None:
        raise InputError(f"{path} has no array 'tpsf'; store counts as tpsf, shape (T, Y, X, H)")
    axes = _frame_axes(path, stored)
    if 0 in stored.shape or stored.shape[-1] < 2:
        raise InputError(
            f"{path}: a stack of shape {stored.shape} contains no decays; at least 2 bins are required"
        )
    values = {name: number_of(path, fields, name) for name in STEPS}
    for name, value in values.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InputError(f"{path}: {name}={value} must be finite and > 0")
    if options.frame_time_s is not None:
        values["frame_time_s"] = options.frame_time_s
    width = values.pop("gate_width_ns")
    period = values.pop("period_ns")
    return Stack(
        path=path,
        array=stored.path,
        shape=tuple(stored.shape),
        dtype=stored.dtype,
        frame_axes=axes,
        tile_rows=_tile_rows(path, stored),
        gate_width_ns=needed_gate_width_ns(path, options.gate_width_ns, width),
        period_ns=options.period_or(period),
        gate_length_ns=options.gate_length_ns,
        **values,
    )


# Numeric attributes of a store.
STEPS = ("gate_width_ns", "period_ns", "pixel_size_um", "z_step_um", "frame_time_s")


def _frame_axes(path: Path, stored: Any) -> tuple[str, ...]:
    names = _dimension_names(stored)
    if names is None:
        frames = stored.ndim - 3
        axes: Sequence[str] = FRAME_AXES[:frames] if 0 <= frames <= len(FRAME_AXES) else "?" * frames
        names = (*axes, "y", "x", "h")
    frame_axes = names[:-3]
    if names[-3:] != ("y", "x", "h") or frame_axes not in ((), ("t",), ("z",), ("t", "z")):
        raise InputError(
            f"{path}: the array of shape {stored.shape} has dims ({', '.join(names)}); they must be "
            f"(t, z, y, x, h), of which t and z are optional"
        )
    return frame_axes


def _dimension_names(stored: Any) -> tuple[str, ...] | None:
    names = getattr(stored.metadata, "dimension_names", None) or stored.attrs.get("_ARRAY_DIMENSIONS")
    return None if not names else tuple(str(name).lower() for name in names)


def _tile_rows(path: Path, stored: Any) -> int:
    """Return the rows of a tile: whole chunks if they are small, otherwise one chunk or part of it."""
    width, n_bins = (int(size) for size in stored.shape[-2:])
    chunk_bytes = math.prod(stored.chunks) * int(stored.dtype.itemsize)
    if chunk_bytes > MAX_CHUNK_BYTES:
        raise InputError(
            f"{path}: chunks of {stored.chunks} take {chunk_bytes / 2**30:.1f} GiB each, and a chunk must be "
            f"read as a whole; store the array in chunks of 64 MiB or less"
        )
    rows = max(1, int(TILE_PIXELS * min(1.0, USUAL_BINS / n_bins)) // width)
    chunk_rows = int(min(stored.chunks[-3], stored.shape[-3]))
    if chunk_rows <= rows:
        return rows // chunk_rows * chunk_rows
    return chunk_rows if chunk_rows * width * n_bins * int(stored.dtype.itemsize) <= MAX_TILE_BYTES else rows
