"""Lifetime maps of stacks that may be larger than memory, computed tile by tile."""

import hashlib
import json
import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seq2seqlite.batch.options import JobOptions
from seq2seqlite.batch.resume import Record
from seq2seqlite.batch.stack import Stack, Tile, open_stack
from seq2seqlite.batch.tiles import (
    MapRecord,
    StackWork,
    SurveyRecord,
    chunk_bytes,
    map_tile,
    plan_stack,
    survey_tile,
)
from seq2seqlite.decay import IrfBank
from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done, writing
from seq2seqlite.histogram import Spread
from seq2seqlite.imaging.frame_analysis import Analysis
from seq2seqlite.imaging.mask import check_binning
from seq2seqlite.imaging.no_lifetime import all_saturated, no_lifetime, too_dark
from seq2seqlite.io.read_options import EACH
from seq2seqlite.json_text import json_text
from seq2seqlite.maps import SUMMARY_MAPS
from seq2seqlite.outputs import describe_outputs
from seq2seqlite.parallel import Workers
from seq2seqlite.protocols import PredictorSource
from seq2seqlite.results.map_outputs import IMAGE, map_outputs
from seq2seqlite.results.map_writer import DISPLAYED, opened
from seq2seqlite.results.ome import create_ome_zarr, describe_channels
from seq2seqlite.results.summary import Summary

__all__ = ["map_stack"]


def map_stack(
    path: Path,
    source: PredictorSource,
    options: JobOptions,
    record: Record,
    /,
    *,
    workers: Workers,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Map a stack, resuming an interrupted run of the same job.

    Parameters
    ----------
    path : pathlib.Path
        Zarr store, as for :func:`open_stack`.
    source : PredictorSource
        Source of the predictor.
    options : JobOptions
        Options of reading, analysis and output.
    record : Record
        Record of the output folder, after :meth:`Record.begin`. ``maps.ome.zarr`` and ``summary.json`` are
        written to the folder.
    workers : Workers
        Workers that process the tiles. The result does not depend on them.
    progress : callable, optional
        Called with the number of finished and of all steps; each tile is surveyed and then mapped.

    Returns
    -------
    dict
        Summary as returned by :func:`write_maps`, and ``frames``, ``tiles`` and, instead of the digest of a
        file, ``sha256_of_tiles``, the digest of the digests of all tiles.

    Raises
    ------
    InputError
        If counts are invalid, no pixel is bright enough, the axis does not fit the model, no pixel has a
        lifetime, or the disk is full. Finished tiles stay finished.

    Notes
    -----
    The stack is read twice. The first pass computes the summed decay of all frames, which determines the
    position of the rising edge, because all frames come from one instrument. Sums of integer counts do not
    depend on the order of the tiles; other counts are added in the order of the tiles.
    """
    began = time.perf_counter()
    if options.file_format not in (None, "ome-zarr"):
        raise InputError(
            f"{path} is a stack, and file_format={options.file_format!r} is for images; use 'ome-zarr'"
        )
    if options.read.frames not in (None, EACH):
        raise InputError(
            f"{path} is a stack, whose frames are mapped one by one; frames={options.read.frames} is for "
            "other files: omit it"
        )
    options.read.corrections.refuse(path, "a stack")
    if options.regions is not None:
        raise InputError(f"{path} is a stack; regions={options.regions} is for single images")
    if isinstance(source.irf(), IrfBank):
        raise InputError(f"{path} is a stack; irf_per_pixel and delay_map are for single images")
    stack = open_stack(path, options.read)
    check_binning(options.binning, stack.frame_shape)
    work = StackWork(stack, source, options, record.folder / IMAGE, record.parts)
    move = _Progress(len(stack.tiles), progress)
    _do_missing(workers, survey_tile, work, SurveyRecord, move)
    surveys = [SurveyRecord.read(SurveyRecord.path(work.parts, tile)) for tile in stack.tiles]
    _check_light(stack, options, surveys)
    decay, analysed = (
        tuple(np.sum([getattr(found, name) for found in surveys], axis=0).tolist())
        for name in ("decay", "analysed")
    )
    work = replace(work, decay=decay, analysed=analysed)
    analysis = plan_stack(work)
    _prepare_image(work, analysis)
    done_now = _do_missing(workers, map_tile, work, MapRecord, move)
    maps = [MapRecord.read(MapRecord.path(work.parts, tile)) for tile in stack.tiles]
    spreads = {name: Spread.merged(found.spreads[name] for found in maps) for name in maps[0].spreads}
    if not spreads["tau_mean_ns"].n:
        _remove_image(work)
        raise no_lifetime(
            str(path), analysis.predictor.name, sum((found.reasons for found in maps), Counter())
        )
    with writing(work.image):
        for left_over in work.image.rglob("*.partial"):  # from workers that were killed while writing
            left_over.unlink()
        describe_channels(work.image, {name: _ranges(spreads[name]) for name in _channels(analysis)})
    seconds = time.perf_counter() - began
    pixels_now = sum(maps[tile.number].analysed for tile in done_now)
    attrs = _attributes(work, analysis, surveys, maps, spreads)
    values = {name: spreads[name] for name in SUMMARY_MAPS if name in spreads}
    values["intensity"] = spreads["intensity_analysed"]
    if analysis.check is not None:
        values["chi_square"] = spreads["chi_square"]
    summary = Summary(attrs, values, seconds, pixels_now).to_dict()
    summary["files"] = [str(work.image), str(record.folder / "summary.json")]
    summary["outputs"] = describe_outputs(record.folder, [IMAGE])
    map_outputs(record.folder).prepare([IMAGE, "summary.json"])
    with replace_when_done(record.folder / "summary.json") as temporary:
        temporary.write_text(json_text(summary), encoding="utf-8")
    return json.loads(json_text(summary))  # type: ignore[no-any-return]


class _Progress:
    """Progress over the tiles of both passes."""

    def __init__(self, n_tiles: int, show: Callable[[int, int], None] | None, /) -> None:
        self.done, self.total, self.show = 0, 2 * n_tiles, show

    def __call__(self, n: int = 1) -> None:
        self.done += n
        if self.show is not None:
            self.show(self.done, self.total)


def _do_missing(
    workers: Workers,
    function: Callable[[StackWork, Tile], None],
    work: StackWork,
    kind: type[SurveyRecord] | type[MapRecord],
    move: _Progress,
) -> list[Tile]:
    """Process all tiles without a record, and return them."""
    tiles = work.stack.tiles
    missing = [tile for tile in tiles if not _is_done(work, tile, kind)]
    move(len(tiles) - len(missing))
    for _, outcome in workers.run(partial(function, work), missing):
        if outcome.error is not None:
            raise outcome.error
        move()
    return missing


def _is_done(work: StackWork, tile: Tile, kind: type[SurveyRecord] | type[MapRecord]) -> bool:
    """Return whether the record of a tile exists and, for maps, the chunks listed in it exist."""
    path = kind.path(work.parts, tile)
    if not path.is_file():
        return False
    if kind is SurveyRecord:
        return True
    return np.array_equal(MapRecord.read(path).chunk_bytes, chunk_bytes(work, tile))


def _check_light(stack: Stack, options: JobOptions, surveys: Iterable[SurveyRecord]) -> None:
    found = list(surveys)
    if any(part.bright for part in found):
        return
    if not any(part.photons for part in found):
        raise InputError(
            f"{stack.path}: all {stack.n_pixels} pixels are zero; check the channel, the data set and "
            f"the shutter"
        )
    if not any(part.decay.any() for part in found):
        raise all_saturated(str(stack.path), sum(part.saturated for part in found), stack.dtype)
    raise too_dark(str(stack.path), options.min_photons, max(part.most for part in found), options.binning)


def _channels(analysis: Analysis) -> list[str]:
    return [*analysis.names, "intensity"]


def _prepare_image(work: StackWork, analysis: Analysis) -> None:
    """Create the output image, unless it exists from an interrupted run."""
    ready = work.parts / "image-is-made"
    if ready.exists() and work.image.exists():
        return
    with writing(work.image):
        (work.image.parent / "summary.json").unlink(missing_ok=True)  # it describes the replaced image
        if work.image.exists():
            shutil.rmtree(work.image)
        for old in work.parts.glob("maps-*.npz"):  # records of the deleted image
            old.unlink()
        stack = work.stack
        create_ome_zarr(
            work.image,
            _channels(analysis),
            frames=dict(zip(stack.frame_axes, stack.shape, strict=False)),
            shape=stack.frame_shape,
            rows=stack.tile_rows,
            steps={name: getattr(stack, name) for name in ("pixel_size_um", "z_step_um", "frame_time_s")},
        )
        ready.touch()


def _remove_image(work: StackWork) -> None:
    """Remove the image and the records of its tiles; those of the survey remain valid."""
    with writing(work.image):
        shutil.rmtree(work.image)
        for record in work.parts.glob("maps-*.npz"):
            record.unlink()
        (work.parts / "image-is-made").unlink(missing_ok=True)


def _ranges(spread: Spread) -> tuple[float, float, float, float]:
    """Return the minimum, the display range and the maximum."""
    least, most = spread.limits() or (0.0, 1.0)
    low, high = (spread.percentile(percent) for percent in DISPLAYED)
    shown = (0.0, 1.0) if low is None or high is None else opened(low, high)
    return min(least, shown[0]), *shown, max(most, shown[1])


def _attributes(
    work: StackWork,
    analysis: Analysis,
    surveys: Sequence[SurveyRecord],
    maps: Sequence[MapRecord],
    spreads: dict[str, Spread],
) -> dict[str, Any]:
    """Return the attributes of the maps of all frames, for the summary."""
    stack = work.stack
    photons = math.fsum(found.photons for found in surveys)
    photons = int(photons) if photons.is_integer() else photons
    digest = hashlib.sha256("".join(found.sha256 for found in surveys).encode()).hexdigest()
    attrs = {
        "source": str(stack.path),
        "format": "zarr stack",
        "shape": list(stack.shape),
        "sha256_of_tiles": digest,
        "photons_in_file": photons,
        "photons": photons,
        "frames": stack.n_frames,
        "tiles": len(stack.tiles),
        "pixels": stack.n_pixels,
        "pixels_analysed": sum(found.analysed for found in maps),
        "pixels_saturated": sum(found.saturated for found in surveys),
        "pixel_size_um": stack.pixel_size_um,
        "warnings": analysis.warnings(spreads["tau_mean_ns"]),
    }
    if analysis.check is not None:
        attrs["pixels_flagged"] = sum(found.flagged for found in maps)
    return attrs | analysis.described()
