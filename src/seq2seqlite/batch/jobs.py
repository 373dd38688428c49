"""Batches of images and stacks, mapped by any workers; results of an earlier run are kept."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from seq2seqlite.batch.map_stack import map_stack
from seq2seqlite.batch.options import JobOptions
from seq2seqlite.batch.resume import Record, input_state
from seq2seqlite.batch.stack import is_stack
from seq2seqlite.errors import HaltError, InputError
from seq2seqlite.figures import (
    DecayRecord,
    PhasorRecord,
    PictureOptions,
    decay_figure,
    phasor_figure,
)
from seq2seqlite.figures.write import write_figure
from seq2seqlite.files import replace_when_done, sha256_of
from seq2seqlite.imaging.frame_analysis import Analysis, analyse_measurement
from seq2seqlite.imaging.map_outputs import IMAGE, PICTURE, check_format, check_map_folder
from seq2seqlite.imaging.map_writer import write_maps
from seq2seqlite.imaging.phasor_maps import phasor_record
from seq2seqlite.imaging.series import analyse_series, frames_of
from seq2seqlite.imaging.summed_decay import summed_decay
from seq2seqlite.io.measurement import read_measurement
from seq2seqlite.io.read_options import EACH
from seq2seqlite.io.series import open_series
from seq2seqlite.io.signal import survey
from seq2seqlite.json_text import json_text
from seq2seqlite.maps import with_maps
from seq2seqlite.outputs import OutputSet
from seq2seqlite.parallel import InProcess, Outcome, Workers
from seq2seqlite.protocols import PredictorSource, predictor_and_remarks, quantities
from seq2seqlite.provenance import provenance
from seq2seqlite.regions import (
    Regions,
    read_regions,
    region_rows,
    region_table,
    regions_file,
    table_text,
)

__all__ = ["TABLE", "Done", "ImageJob", "in_tiles", "make_image", "map_files", "map_jobs"]

Progress = Callable[[int, int], None]
# Seconds between two updates of the manifest, which may have thousands of lines.
MANIFEST_EVERY_S = 1.0
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
    check_map_folder(job.folder, file_format, more=_file_names(options))
    series = open_series(job.path, options.read) if options.read.frames == EACH else None
    data = read_measurement(job.path, options.read) if series is None else series.summed
    regions = _regions(job.path, options, (data.sizes["Y"], data.sizes["X"]))
    predictor, remarks = predictor_and_remarks(source, data)
    if series is None:
        maps, analysis = analyse_measurement(data, predictor, options, irf=source.irf(), progress=progress)
    else:
        maps, analysis = analyse_series(series, predictor, options, irf=source.irf(), progress=progress)
    maps.attrs |= remarks | {"warnings": [*remarks["warnings"], *maps.attrs["warnings"]]}
    more: dict[str, Callable[[Path], object]] = {}
    picture = options.picture
    record = None
    phasor = options.phasor if series is None else None  # maps of phasors have no axis of frames
    if options.decay_figure or phasor is not None:
        record = summed_decay(data, maps, analysis, source.irf(), curves=options.decay_figure)
    if record is not None and options.decay_figure:
        maps.attrs["decay"] = record.described()
        more[f"{DECAY}{picture.suffix}"] = partial(_write, decay_figure, record, picture)
        if record.irf is not None:
            more[IRF] = partial(_write_irf, record)
    if record is not None and phasor is not None:
        phasors = _phasor_record(data, maps, analysis, record, options)
        maps = with_maps(maps, phasors.maps())
        maps.attrs["phasor"] = phasors.described()
        more[f"{PHASOR}{picture.suffix}"] = partial(_write, phasor_figure, phasors, picture)
        if not options.decay_figure:
            record = None
    if regions is not None:
        rows = _rows(data, maps, analysis, regions, record)
        text = table_text([dict(options.columns) | row for row in rows])
        more[TABLE] = partial(Path.write_text, data=text, encoding="utf-8")
    return write_maps(maps, job.folder, file_format=file_format, picture=picture, more=more)


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


def _file_names(options: JobOptions) -> list[str]:
    """Return the names of the files beside the maps of an image."""
    figures = ((PICTURE, True), (DECAY, options.decay_figure), (PHASOR, options.phasor is not None))
    names = [f"{stem}{options.picture.suffix}" for stem, made in figures if made]
    return [*names, *([IRF] if options.decay_figure else []), *([TABLE] if options.table else [])]


def _write(draw: Callable[[Any], Figure], record: Any, picture: PictureOptions, path: Path) -> None:
    write_figure(draw(record), path, picture)


def _phasor_record(
    data: xr.DataArray, maps: xr.Dataset, analysis: Analysis, record: DecayRecord, options: JobOptions
) -> PhasorRecord:
    """Return the phasors of the pixels with a lifetime."""
    assert options.phasor is not None
    reference, path = None, options.phasor.reference
    if path is not None:
        read, given = options.read, str(data.attrs["source"])
        if path.suffix.lower() != Path(given).suffix.lower():  # options of the format are those of the sample
            read = replace(read, channel=None, block=None, drop=(), frame=-1)
        reference = read_measurement(path, read)
    return phasor_record(
        data,
        np.isfinite(maps["tau_mean_ns"].values),
        record,
        options.phasor,
        usable=analysis.mask & ~survey(data).excluded,
        binning=options.binning,
        reference=reference,
    )


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
    components = quantities(analysis.predictor).components
    if "bad" in data.coords:
        regions = regions.without(data.coords["bad"].values)
    return [
        place | row
        for place, frame in frames
        for row in region_rows(data, frame, regions, record, components)
    ]


def _regions(path: Path, options: JobOptions, shape: tuple[int, int]) -> Regions | None:
    """Return the regions of a measurement; None if no table is written."""
    if not options.table:
        return None
    if options.regions is None:
        return Regions.whole(shape)
    return read_regions(regions_file(options.regions, path), shape=shape)


def map_files(
    files: Sequence[Path],
    folders: Sequence[Path],
    source: PredictorSource,
    options: JobOptions = JobOptions(),  # noqa: B008 - frozen
    /,
    *,
    manifest: Path,
    workers: Workers | None = None,
    again: bool = False,
    progress: Callable[[str], AbstractContextManager[Progress | None]] = lambda _: nullcontext(),
) -> Iterator[Done]:
    """Map several measurements, each into its own folder; a failure does not stop the others.

    Parameters
    ----------
    files, folders : sequence of pathlib.Path
        Measurements, and the output folder of each.
    source : PredictorSource
        Source of the predictor.
    options : JobOptions
        Options of reading, analysis and output.
    manifest : pathlib.Path
        JSON file with the state of each input, updated during the run.
    workers : Workers, optional
        Workers; this process by default. Images are processed in parallel, stacks one after the other with
        their tiles in parallel.
    again : bool
        Overwrite the results of an earlier run of the same job (same input, model, options and version)
        instead of skipping its inputs.
    progress : callable, optional
        Takes a label and returns a context manager of a function, which is called with the amounts of work
        done and in total.

    Yields
    ------
    Done
        Result of each input, as soon as it is known.

    Raises
    ------
    InputError
        If settings are invalid, the disk is full or all workers are lost. Finished results are kept, and the
        next call resumes.
    Exception
        Any other exception that an input causes, after the other inputs are done.

    See Also
    --------
    seq2seqlite.write_lifetime_maps :
        Write the lifetime maps of one or more measurement files; the command ``image``.
    make_image : Write the maps of one measurement and return their summary.
    seq2seqlite.parallel.workers_for :
        Start workers, or connect to those of a scheduler, for the time of the context.
    """
    jobs = [ImageJob(path, folder, source, options) for path, folder in zip(files, folders, strict=True)]
    yield from map_jobs(jobs, manifest=manifest, workers=workers, again=again, progress=progress)


def map_jobs(
    jobs: Sequence[ImageJob],
    /,
    *,
    manifest: Path,
    workers: Workers | None = None,
    again: bool = False,
    progress: Callable[[str], AbstractContextManager[Progress | None]] = lambda _: nullcontext(),
) -> Iterator[Done]:
    """Map several measurements, each with its own source and options; a failure does not stop the others.

    Parameters
    ----------
    jobs : sequence of ImageJob
        Measurements, each with another output folder.
    manifest, workers, again, progress
        As for :func:`map_files`, which describes results and errors.

    See Also
    --------
    map_files : The same with one source and one set of options.
    """
    for file_format in {job.options.file_format for job in jobs}:
        check_format(file_format or "tiff")
    OutputSet(manifest.parent, {manifest.name: ("inputs", "made_by")}).check([manifest.name])
    batch = _Batch(jobs, workers or InProcess(), manifest, again=again, progress=progress)
    try:
        yield from batch.run()
    finally:
        batch.write_manifest()


def in_tiles(path: Path, options: JobOptions, /) -> bool:
    """Return whether a measurement is mapped tile by tile (zarr stacks, and zarr images to OME-Zarr).

    See Also
    --------
    open_stack : Open a zarr store of decays without reading counts.
    map_files : Map several measurements, each into its own folder; a failure does not stop the others.
    """
    return is_stack(path, n_dims=3 if options.file_format == "ome-zarr" else 4)


class _Batch:
    """State of one call of :func:`map_jobs`."""

    def __init__(
        self,
        jobs: Sequence[ImageJob],
        workers: Workers,
        manifest: Path,
        /,
        *,
        again: bool,
        progress: Callable[[str], AbstractContextManager[Progress | None]],
    ) -> None:
        self.jobs, self.workers = jobs, workers
        self.manifest, self.again, self.progress = manifest, again, progress
        self.done: list[Done] = []
        self.bugs: list[Exception] = []
        self.written = time.monotonic()
        origin = provenance()
        version = {"version": origin["versions"]["seq2seqlite"], "commit": origin["commit"]}
        # Descriptions have digests of files: one for each pair of source and options, at the start.
        self.origins = {
            (source, options): {"model": source.described(), "options": options.described(), **version}
            for source, options in {(job.source, job.options): None for job in jobs}
        }

    def run(self) -> Iterator[Done]:
        images: dict[ImageJob, Record] = {}
        stacks: dict[ImageJob, Record] = {}
        for job in self.jobs:
            try:
                record = Record(self._place(job.folder), input_state(job.path), self._made_by(job))
                summary = None if self.again else record.finished()
                if summary is not None:
                    record.finish()  # the input may have been moved, or the end of that run interrupted
                    yield self._noted(Done(job.path, job.folder, "skipped", summary))
                    continue
                in_one = not in_tiles(job.path, job.options)
                check_map_folder(
                    record.folder,
                    job.options.file_format or "tiff" if in_one else "ome-zarr",
                    more=_file_names(job.options) if in_one else (),
                )
                record.begin(again=self.again, writes=() if in_one else (IMAGE,))
                (images if in_one else stacks)[replace(job, folder=record.folder)] = record
            except InputError as error:
                yield self._failed(job.path, job.folder, error)
        yield from (
            self._map_images_in_process(images)
            if self.workers.in_process
            else self._map_images_by_workers(images)
        )
        for job, record in stacks.items():
            yield self._stack(job, record)
        if self.bugs:
            raise self.bugs[0]

    def _made_by(self, job: ImageJob) -> dict[str, Any]:
        """Return everything that determines the result of an input, with the digest of its regions."""
        made_by = self.origins[job.source, job.options]
        if job.options.regions is None:
            return made_by
        file = regions_file(job.options.regions, job.path)
        return made_by | {"regions_sha256": sha256_of(file) if file.is_file() else None}

    def _place(self, path: Path) -> Path:
        """Return a path that is valid for the workers."""
        return path if self.workers.in_process else path.absolute()

    def _map_images_in_process(self, jobs: dict[ImageJob, Record]) -> Iterator[Done]:
        for job, record in jobs.items():
            with self.progress(job.path.name) as show:
                ((_, outcome),) = self.workers.run(partial(make_image, progress=show), [job])
            yield self._image(job, record, outcome)

    def _map_images_by_workers(self, jobs: dict[ImageJob, Record]) -> Iterator[Done]:
        done = []
        sent = {replace(job, path=job.path.absolute()): job for job in jobs}
        with self.progress(f"{len(jobs)} images") as show:
            for job, outcome in self.workers.run(make_image, list(sent)):
                done.append(self._image(sent[job], jobs[sent[job]], outcome))
                if show is not None:
                    show(len(done), len(jobs))
        yield from done  # after the progress bar, so that printed results do not overwrite it

    def _image(self, job: ImageJob, record: Record, outcome: Outcome[dict[str, Any]]) -> Done:
        if outcome.error is not None:
            return self._failed(job.path, job.folder, outcome.error)
        record.finish()
        return self._noted(Done(job.path, job.folder, "done", outcome.result))

    def _stack(self, job: ImageJob, record: Record) -> Done:
        path = job.path
        try:
            with self.progress(path.name) as show:
                summary = map_stack(
                    self._place(path),
                    job.source,
                    job.options,
                    record,
                    workers=self.workers,
                    progress=show,
                )
        except Exception as error:  # noqa: BLE001 - bugs are raised after the other inputs
            return self._failed(path, record.folder, error)
        record.finish()
        return self._noted(Done(path, record.folder, "done", summary))

    def _failed(self, path: Path, folder: Path, error: Exception) -> Done:
        """Record a failure; raise at once what stops all inputs, and a bug after the other inputs."""
        if isinstance(error, HaltError):
            raise error
        text = str(error)
        if not isinstance(error, InputError):
            self.bugs.append(error)
            text = f"bug: {type(error).__name__}: {error}"
        reason = " ".join(text.split())
        reason = reason if path.name in reason else f"{path}: {reason}"
        return self._noted(Done(path, folder, "failed", reason=reason))

    def _noted(self, done: Done) -> Done:
        self.done.append(done)
        if time.monotonic() > self.written + MANIFEST_EVERY_S:
            self.write_manifest()
        return done

    def write_manifest(self) -> None:
        rows = [
            done.described()
            for done in sorted(self.done, key=lambda done: (str(done.path), str(done.folder)))
        ]
        # Of files with different sources or options, the record of each is in its folder.
        first, *others = self.origins.values() or [{}]
        made_by = {
            name: value for name, value in first.items() if all(other[name] == value for other in others)
        }
        with replace_when_done(self.manifest) as temporary:
            temporary.write_text(json_text({"made_by": made_by, "inputs": rows}), encoding="utf-8")
        self.written = time.monotonic()
