"""Survey and mapping of one tile of a stack, in any process."""

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.batch.options import JobOptions
from seq2seqlite.batch.stack import Stack, Tile
from seq2seqlite.files import replace_when_done, writing
from seq2seqlite.histogram import Spread
from seq2seqlite.imaging.frame_analysis import Analysis
from seq2seqlite.imaging.mask import Selection, read_mask, select
from seq2seqlite.io.signal import Survey, decay_of, survey
from seq2seqlite.protocols import PredictorSource
from seq2seqlite.results.ome import LEVEL, open_maps

__all__ = ["MapRecord", "StackWork", "SurveyRecord", "chunk_bytes", "map_tile", "plan_stack", "survey_tile"]


@dataclass(frozen=True)
class StackWork:
    """Data that a worker needs to process any tile of a stack.

    Parameters
    ----------
    stack : Stack
        Stack.
    source : PredictorSource
        Source of the predictor.
    options : JobOptions
        Options of reading, analysis and output.
    image : pathlib.Path
        OME-Zarr image of the maps.
    parts : pathlib.Path
        Folder of the records of finished tiles.
    decay : tuple of float
        Summed decay of the stack; empty before the survey is complete.
    analysed : tuple of float
        The same of the analysed pixels.
    """

    stack: Stack
    source: PredictorSource
    options: JobOptions
    image: Path
    parts: Path
    decay: tuple[float, ...] = ()
    analysed: tuple[float, ...] = ()


@dataclass(frozen=True)
class SurveyRecord:
    """Result of the survey of a tile.

    Parameters
    ----------
    decay : ndarray, shape (H,)
        Summed decay of pixels that are not saturated.
    analysed : ndarray, shape (H,)
        Summed decay of pixels that will be analysed.
    photons : float
        Sum of the counts of all pixels.
    saturated, bright : int
        Number of saturated pixels, and of pixels that reach the threshold and will be analysed.
    most : float
        Counts of the brightest unsaturated pixel, after binning.
    sha256 : str
        Digest of the counts.
    """

    decay: NDArray[np.float64]
    analysed: NDArray[np.float64]
    photons: float
    saturated: int
    bright: int
    most: float
    sha256: str

    @staticmethod
    def path(parts: Path, tile: Tile, /) -> Path:
        """Return the path of the record of a tile."""
        return parts / f"survey-{tile.number:06d}.npz"

    @classmethod
    def read(cls, path: Path, /) -> "SurveyRecord":
        """Read a record."""
        with np.load(path, allow_pickle=False) as found:
            return cls(
                found["decay"],
                found["analysed"],
                float(found["photons"]),
                int(found["saturated"]),
                int(found["bright"]),
                float(found["most"]),
                str(found["sha256"]),
            )


@dataclass(frozen=True)
class MapRecord:
    """Result of the mapping of a tile.

    Parameters
    ----------
    spreads : dict of Spread
        Histogram of each map, and ``"intensity_analysed"``, that of the intensity of analysed pixels.
    analysed, flagged : int
        Number of analysed pixels, and of those flagged as unreliable.
    seconds : float
        Processing time, in s.
    chunk_bytes : ndarray of int
        Sizes of the files of its chunks, as :func:`chunk_bytes` gives them.
    reasons : Counter
        Pixels by the reason of an estimator.
    """

    spreads: dict[str, Spread]
    analysed: int
    flagged: int
    seconds: float
    chunk_bytes: NDArray[np.int64]
    reasons: Counter[int] = field(default_factory=Counter)

    @staticmethod
    def path(parts: Path, tile: Tile, /) -> Path:
        """Return the path of the record of a tile."""
        return parts / f"maps-{tile.number:06d}.npz"

    @classmethod
    def read(cls, path: Path, /) -> "MapRecord":
        """Read a record."""
        with np.load(path, allow_pickle=False) as found:
            names = [name.removesuffix(".keys") for name in found.files if name.endswith(".keys")]
            spreads = {name: Spread(found[f"{name}.keys"], found[f"{name}.counts"]) for name in names}
            return cls(
                spreads,
                int(found["analysed"]),
                int(found["flagged"]),
                float(found["seconds"]),
                found["chunk_bytes"] if "chunk_bytes" in found.files else np.empty(0, np.int64),
                Counter(found["reasons"].tolist() if "reasons" in found.files else ()),
            )


def survey_tile(work: StackWork, tile: Tile, /) -> None:
    """Survey a tile and write its :class:`SurveyRecord`.

    Raises
    ------
    InputError
        If counts are invalid, the store is damaged, or the record cannot be written.
    """
    seen = _seen(work, tile)
    counts = seen.data[seen.inner]
    usable_photons = seen.selection.photons[seen.inner][seen.selection.usable[seen.inner]]
    found = survey(counts) if work.options.binning else seen.found
    _write(
        SurveyRecord.path(work.parts, tile),
        decay=found.decay,
        analysed=decay_of(counts, seen.selection.chosen[seen.inner]),
        photons=np.float64(found.intensity.sum()),
        saturated=np.int64(found.saturated.sum()),
        bright=np.int64(seen.selection.chosen[seen.inner].sum()),
        most=np.float64(usable_photons.max(initial=0.0)),
        sha256=np.str_(hashlib.sha256(np.ascontiguousarray(counts.values).data).hexdigest()),
    )


def map_tile(work: StackWork, tile: Tile, /) -> None:
    """Write the maps of a tile into the image, and then its :class:`MapRecord`, which marks it as finished.

    Raises
    ------
    InputError
        If the tile cannot be read, or the maps cannot be written.
    """
    began = time.perf_counter()
    analysis, seen = plan_stack(work), _seen(work, tile)
    inside = np.zeros_like(seen.selection.chosen)
    inside[seen.inner] = seen.selection.chosen[seen.inner]
    reasons: Counter[int] = Counter()
    whole = analysis.predict(seen.data, replace(seen.selection, chosen=inside), reasons=reasons)
    whole["intensity"] = seen.found.intensity.astype(np.float32)
    maps = {name: image[seen.inner] for name, image in whole.items()}
    _write_maps(work, tile, np.stack(list(maps.values())))
    spreads = {name: Spread.of(image) for name, image in maps.items()}
    spreads["intensity_analysed"] = Spread.of(maps["intensity"][inside[seen.inner]])
    arrays: dict[str, Any] = {f"{name}.keys": spread.keys for name, spread in spreads.items()}
    arrays |= {f"{name}.counts": spread.counts for name, spread in spreads.items()}
    _write(
        MapRecord.path(work.parts, tile),
        **arrays,
        analysed=np.int64(inside.sum()),
        flagged=np.int64(np.nansum(maps["flagged"]) if "flagged" in maps else 0),
        seconds=np.float64(time.perf_counter() - began),
        chunk_bytes=chunk_bytes(work, tile),
        reasons=np.array(list(reasons.elements()), np.uint8),
    )


def chunk_bytes(work: StackWork, tile: Tile, /) -> NDArray[np.int64]:
    """Return the file sizes of the chunks of a tile, in the order of the file names.

    Chunks that contain only NaN have no file.
    """
    frame = dict(zip(work.stack.frame_axes, tile.frame, strict=True))
    time_, depth = (str(frame[axis]) if axis in frame else None for axis in ("t", "z"))
    indices = [time_, "*", depth, str(tile.start // work.stack.tile_rows), "0"]
    pattern = "/".join(["c", *(index for index in indices if index is not None)])
    files = sorted((work.image / LEVEL).glob(pattern))
    return np.array([file.stat().st_size for file in files], np.int64)


@lru_cache(maxsize=1)
def plan_stack(work: StackWork, /) -> Analysis:
    """Plan the analysis of a stack, with one re-binning for all frames.

    Raises
    ------
    InputError
        If the time axis does not fit the model.
    """
    decay = np.array(work.decay)
    data = work.stack.summed(decay)
    return Analysis.for_decay(
        data,
        decay,
        work.source.predictor(data),
        work.options,
        mask=_mask(work),
        irf=work.source.irf(),
        analysed=np.array(work.analysed),
    )


@dataclass(frozen=True)
class _Seen:
    """Tile with additional rows for binning; ``inner`` are the rows of the tile itself."""

    data: xr.DataArray
    inner: slice
    found: Survey
    selection: Selection


def _seen(work: StackWork, tile: Tile) -> _Seen:
    options = work.options
    data, above = work.stack.read(tile, halo=options.binning)
    found = survey(data).check(may_be_dark=True)
    top = tile.start - above
    mask = _mask(work)[top : top + data.sizes["Y"]]
    selection = select(found, mask, binning=options.binning, min_photons=options.min_photons)
    return _Seen(data, slice(above, above + tile.stop - tile.start), found, selection)


@lru_cache(maxsize=1)
def _mask(work: StackWork) -> NDArray[np.bool_]:
    return read_mask(work.options.mask, shape=work.stack.frame_shape)


def _write_maps(work: StackWork, tile: Tile, maps: NDArray[np.float32]) -> None:
    """Write maps, shape (C, rows, X), in whole chunks, each of which zarr writes atomically."""
    frame = dict(zip(work.stack.frame_axes, tile.frame, strict=True))
    place = (frame.get("t"), slice(None), frame.get("z"), slice(tile.start, tile.stop))
    with writing(work.image):
        open_maps(work.image)[tuple(part for part in place if part is not None)] = maps


def _write(path: Path, **arrays: Any) -> None:
    with replace_when_done(path) as temporary:
        np.savez(temporary, **arrays)
