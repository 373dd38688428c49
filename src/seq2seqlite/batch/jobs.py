"""One measurement of a batch: its analysis, and the files of its results."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from seq2seqlite.batch.options import JobOptions
from seq2seqlite.batch.stack import is_stack
from seq2seqlite.figures import (
    DecayRecord,
    PhasorRecord,
    PictureOptions,
    decay_figure,
    phasor_figure,
)
from seq2seqlite.figures.write import write_figure
from seq2seqlite.imaging.frame_analysis import Analysis, analyse_measurement
from seq2seqlite.imaging.series import analyse_series, frames_of
from seq2seqlite.io.measurement import read_measurement
from seq2seqlite.io.read_options import EACH
from seq2seqlite.io.series import Series, open_series
from seq2seqlite.maps import with_maps
from seq2seqlite.protocols import PredictorSource, fit_model, predictor_and_remarks
from seq2seqlite.regions import (
    Regions,
    read_regions,
    region_rows,
    region_table,
    regions_file,
    table_text,
)
from seq2seqlite.results.map_outputs import PICTURE, check_map_folder
from seq2seqlite.results.map_writer import write_maps
from seq2seqlite.results.phasor_maps import map_phasors
from seq2seqlite.results.summed_decay import summed_decay

__all__ = [
    "TABLE",
    "AnalysedImage",
    "Done",
    "ImageJob",
    "analyse_image",
    "file_names",
    "in_tiles",
    "make_image",
]

Progress = Callable[[int, int], None]
# Statistics of the maps by region, in the folder of a measurement.
TABLE = "regions.csv"
# Figures of the summed decay and of the phasors, without the suffix of their format.
DECAY, PHASOR = "decay", "phasor"
# Response with the delay of the measurement.
IRF = "irf.csv"


@dataclass(frozen=True)
class ImageJob:
    """One measurement to map, which fits into memory, with its output folder and options.

    Parameters
    ----------
    path : pathlib.Path
        Measurement, as for :func:`read`.
    folder : pathlib.Path
        Output folder of the maps.
    source : PredictorSource
        Source of the predictor.
    options : JobOptions
        Options of reading, analysis and output.

    See Also
    --------
    make_image : Write the maps of one measurement and return their summary.
    JobOptions : Options of ``read``, ``lifetime_map`` and ``write_maps`` in a form that is cheap to pickle.
    """

    path: Path
    folder: Path
    source: PredictorSource
    options: JobOptions


@dataclass(frozen=True)
class Done:
    """Result of one measurement of a batch: its summary, or the reason of its failure.

    Parameters
    ----------
    path, folder : pathlib.Path
        Input and its output folder.
    state : {'done', 'skipped', 'failed'}
        State; ``'skipped'`` means that an earlier run has finished the input.
    summary : dict or None
        Summary of the maps; None after a failure.
    reason : str or None
        Reason of a failure, in one line.

    See Also
    --------
    map_files : Map several measurements, each into its own folder; a failure does not stop the others.
    """

    path: Path
    folder: Path
    state: str
    summary: dict[str, Any] | None = None
    reason: str | None = None

    def described(self) -> dict[str, Any]:
        """Return the row of this input in the manifest."""
        row = {"input": self.path, "folder": self.folder, "state": self.state}
        return row if self.reason is None else row | {"reason": self.reason}


def make_image(job: ImageJob, /, *, progress: Progress | None = None) -> dict[str, Any]:
    """Write the maps of one measurement and return their summary.

    Parameters
    ----------
    job : ImageJob
        Measurement and options.
    progress : callable, optional
        Called with the number of predicted pixels and of pixels to predict.

    Raises
    ------
    InputError
        As :func:`load`, :func:`lifetime_map` and :func:`write_maps`.

    See Also
    --------
    map_files : Map several measurements, each into its own folder; a failure does not stop the others.
    seq2seqlite.lifetime_map : Compute the lifetime maps of a measurement.
    """
    source, options = job.source, job.options
    file_format = options.file_format or "tiff"
    check_map_folder(job.folder, file_format, more=file_names(options))
    opened = open_series if options.read.frames == EACH else read_measurement
    measured = opened(job.path, options.read)
    sizes = (measured.summed if isinstance(measured, Series) else measured).sizes
    regions = _regions(job.path, options, (sizes["Y"], sizes["X"]))
    image = analyse_image(measured, source, options, progress=progress)
    more: dict[str, Callable[[Path], object]] = {}
    picture = options.picture
    if image.decay is not None:
        more[f"{DECAY}{picture.suffix}"] = partial(_write, decay_figure, image.decay, picture)
        if image.decay.irf is not None:
            more[IRF] = partial(_write_irf, image.decay)
    if image.phasors is not None:
        more[f"{PHASOR}{picture.suffix}"] = partial(_write, phasor_figure, image.phasors, picture)
    if regions is not None:
        text = table_text([dict(options.columns) | row for row in image.rows(regions)])
        more[TABLE] = partial(Path.write_text, data=text, encoding="utf-8")
    return write_maps(image.maps, job.folder, file_format=file_format, picture=picture, more=more)


@dataclass(frozen=True)
class AnalysedImage:
    """Results of one measurement, before they are written.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement; the sum of the frames of a series.
    maps : xarray.Dataset
        Maps with dims ('Y', 'X'); T and Z of a series come first.
    analysis : Analysis
        Steps by which they were computed.
    decay : DecayRecord or None
        Summed decay of the pixels with a lifetime.
    phasors : PhasorRecord or None
        Phasors of these pixels.

    See Also
    --------
    analyse_image : Function that returns it.
    """

    data: xr.DataArray
    maps: xr.Dataset
    analysis: Analysis
    decay: DecayRecord | None = None
    phasors: PhasorRecord | None = None

    def rows(self, regions: Regions, /) -> list[dict[str, Any]]:
        """Return the rows of ``regions.csv``."""
        return _rows(self.data, self.maps, self.analysis, regions, self.decay)


def analyse_image(
    measured: xr.DataArray | Series,
    source: PredictorSource,
    options: JobOptions = JobOptions(),  # noqa: B008 - frozen
    /,
    *,
    progress: Progress | None = None,
) -> AnalysedImage:
    """Compute all that ``image`` writes of a measurement, without files.

    Parameters
    ----------
    measured : xarray.DataArray or Series
        Measurement, dims ('Y', 'X', 'H'), or the frames of a series.
    source : PredictorSource
        Source of the predictor.
    options : JobOptions
        Options of the analysis; ``decay_figure`` and ``phasor`` determine which records are made.
    progress : callable, optional
        Called with the number of predicted pixels (of a series: frames) and of all of them.

    Raises
    ------
    InputError
        As :func:`~seq2seqlite.lifetime_map`.

    See Also
    --------
    make_image : The same, from the file to the written maps.
    seq2seqlite.lifetime_map : Compute the maps alone.
    """
    data = measured.summed if isinstance(measured, Series) else measured
    predictor, remarks = predictor_and_remarks(source, data)
    if isinstance(measured, Series):
        maps, analysis = analyse_series(measured, predictor, options, irf=source.irf(), progress=progress)
    else:
        maps, analysis = analyse_measurement(data, predictor, options, irf=source.irf(), progress=progress)
    maps.attrs |= remarks | {"warnings": [*remarks["warnings"], *maps.attrs["warnings"]]}
    # Maps of phasors have no axis of frames.
    phasor = None if isinstance(measured, Series) else options.phasor
    if not options.decay_figure and phasor is None:
        return AnalysedImage(data, maps, analysis)
    record = summed_decay(data, maps, analysis, source.irf(), curves=options.decay_figure)
    if options.decay_figure:
        maps.attrs["decay"] = record.described()
    phasors = None
    if phasor is not None:
        phasors = map_phasors(data, maps, analysis, record, options=phasor, read=options.read)
        maps = with_maps(maps, phasors.maps())
        maps.attrs["phasor"] = phasors.described()
    return AnalysedImage(data, maps, analysis, record if options.decay_figure else None, phasors)


def _write_irf(record: DecayRecord, path: Path) -> None:
    """Write the response with the delay of the measurement, normalised to a sum of 1."""
    assert record.irf is not None
    times = record.start_ns + np.arange(record.axis.n_gates) * record.axis.gate_width_ns
    response = record.irf / record.irf.sum()
    rows = [
        {"time_ns": float(time_ns), "irf": float(share)}
        for time_ns, share in zip(times, response, strict=True)
    ]
    path.write_text(table_text(rows), encoding="utf-8")


def file_names(options: JobOptions) -> list[str]:
    """Return the names of the files beside the maps of an image."""
    figures = ((PICTURE, True), (DECAY, options.decay_figure), (PHASOR, options.phasor is not None))
    names = [f"{stem}{options.picture.suffix}" for stem, made in figures if made]
    return [*names, *([IRF] if options.decay_figure else []), *([TABLE] if options.table else [])]


def _write(draw: Callable[[Any], Figure], record: Any, picture: PictureOptions, path: Path) -> None:
    write_figure(draw(record), path, picture)


def _rows(
    data: xr.DataArray,
    maps: xr.Dataset,
    analysis: Analysis,
    regions: Regions,
    record: DecayRecord | None,
) -> list[dict[str, Any]]:
    """Return the rows of regions; without lifetimes of the decays for a series, whose decays are sums."""
    frames = frames_of(maps)
    if len(frames) > 1:
        return [place | row for place, frame in frames for row in region_table(frame, regions)]
    if "bad" in data.coords:
        regions = regions.without(data.coords["bad"].values)
    model = fit_model(analysis.predictor)
    return [
        place | row for place, frame in frames for row in region_rows(data, frame, regions, record, model)
    ]


def _regions(path: Path, options: JobOptions, shape: tuple[int, int]) -> Regions | None:
    """Return the regions of a measurement; None if no table is written."""
    if not options.table:
        return None
    if options.regions is None:
        return Regions.whole(shape)
    return read_regions(regions_file(options.regions, path), shape=shape)


def in_tiles(path: Path, options: JobOptions, /) -> bool:
    """Return whether a measurement is mapped tile by tile (zarr stacks, and zarr images to OME-Zarr).

    See Also
    --------
    open_stack : Open a zarr store of decays without reading counts.
    map_files : Map several measurements, each into its own folder; a failure does not stop the others.
    """
    return is_stack(path, n_dims=3 if options.file_format == "ome-zarr" else 4)
