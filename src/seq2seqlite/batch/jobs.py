"""Batches of images and stacks, mapped by any workers; results of an earlier run are kept."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from seq2seqlite.batch.map_stack import map_stack
from seq2seqlite.batch.options import JobOptions
from seq2seqlite.batch.resume import Record, input_state
from seq2seqlite.batch.stack import is_stack
from seq2seqlite.errors import HaltError, InputError
from seq2seqlite.figures.decay_figure import write_decay_figure
from seq2seqlite.files import replace_when_done, sha256_of
from seq2seqlite.imaging.frame_analysis import analyse_measurement
from seq2seqlite.imaging.map_outputs import IMAGE, check_format, check_map_folder
from seq2seqlite.imaging.map_writer import write_maps
from seq2seqlite.imaging.summed_decay import summed_decay
from seq2seqlite.io.measurement import read_measurement
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import OutputSet
from seq2seqlite.parallel import InProcess, Outcome, Workers
from seq2seqlite.protocols import PredictorSource, quantities
from seq2seqlite.provenance import provenance
from seq2seqlite.regions import (
    Regions,
    read_regions,
    region_rows,
    regions_file,
    table_text,
)

__all__ = ["TABLE", "Done", "ImageJob", "in_tiles", "make_image", "map_files"]

Progress = Callable[[int, int], None]
# Seconds between two updates of the manifest, which may have thousands of lines.
MANIFEST_EVERY_S = 1.0
# Statistics of the maps by region, in the folder of a measurement.
TABLE = "regions.csv"
# Figure of the summed decay.
DECAY = "decay.png"


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
    names = [name for name, made in ((TABLE, options.table), (DECAY, options.decay_figure)) if made]
    check_map_folder(job.folder, file_format, more=names)
    data = read_measurement(job.path, options.read)
    regions = _regions(job.path, options, (data.sizes["Y"], data.sizes["X"]))
    maps, analysis = analyse_measurement(
        data, source.predictor(data), options, irf=source.irf(), progress=progress
    )
    more: dict[str, Callable[[Path], object]] = {}
    record = summed_decay(data, maps, analysis, source.irf()) if options.decay_figure else None
    if record is not None:
        maps.attrs["decay"] = record.described()
        more[DECAY] = partial(write_decay_figure, record)
    if regions is not None:
        text = table_text(region_rows(data, maps, regions, record, quantities(analysis.predictor).components))
        more[TABLE] = partial(Path.write_text, data=text, encoding="utf-8")
    return write_maps(maps, job.folder, file_format=file_format, picture=options.picture, more=more)


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
    check_format(options.file_format or "tiff")
    OutputSet(manifest.parent, {manifest.name: ("inputs", "made_by")}).check([manifest.name])
    batch = _Batch(source, options, workers or InProcess(), manifest, again=again, progress=progress)
    try:
        yield from batch.run(dict(zip(files, folders, strict=True)))
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
    """State of one call of :func:`map_files`."""

    def __init__(
        self,
        source: PredictorSource,
        options: JobOptions,
        workers: Workers,
        manifest: Path,
        /,
        *,
        again: bool,
        progress: Callable[[str], AbstractContextManager[Progress | None]],
    ) -> None:
        self.source, self.options, self.workers = source, options, workers
        self.manifest, self.again, self.progress = manifest, again, progress
        self.done: list[Done] = []
        self.bugs: list[Exception] = []
        self.written = time.monotonic()
        origin = provenance()
        self.made_by = {
            "model": source.described(),
            "options": options.described(),
            "version": origin["versions"]["seq2seqlite"],
            "commit": origin["commit"],
        }

    def run(self, folders: dict[Path, Path]) -> Iterator[Done]:
        images: dict[ImageJob, Record] = {}
        stacks: dict[Path, Record] = {}
        for path, folder in folders.items():
            try:
                record = Record(self._place(folder), input_state(path), self._made_by(path))
                summary = None if self.again else record.finished()
                if summary is not None:
                    record.finish()  # the input may have been moved, or the end of that run interrupted
                    yield self._noted(Done(path, folder, "skipped", summary))
                    continue
                in_one = not in_tiles(path, self.options)
                check_map_folder(record.folder, self.options.file_format or "tiff" if in_one else "ome-zarr")
                record.begin(again=self.again, writes=() if in_one else (IMAGE,))
                if not in_one:
                    stacks[path] = record
                else:
                    images[ImageJob(path, record.folder, self.source, self.options)] = record
            except InputError as error:
                yield self._failed(path, folder, error)
        yield from (
            self._map_images_in_process(images)
            if self.workers.in_process
            else self._map_images_by_workers(images)
        )
        for path, record in stacks.items():
            yield self._stack(path, record)
        if self.bugs:
            raise self.bugs[0]

    def _made_by(self, path: Path) -> dict[str, Any]:
        """Return everything that determines the result of an input, with the digest of its regions."""
        if self.options.regions is None:
            return self.made_by
        file = regions_file(self.options.regions, path)
        return self.made_by | {"regions_sha256": sha256_of(file) if file.is_file() else None}

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

    def _stack(self, path: Path, record: Record) -> Done:
        try:
            with self.progress(path.name) as show:
                summary = map_stack(
                    self._place(path),
                    self.source,
                    self.options,
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
        rows = [done.described() for done in sorted(self.done, key=lambda done: str(done.path))]
        with replace_when_done(self.manifest) as temporary:
            temporary.write_text(json_text({"made_by": self.made_by, "inputs": rows}), encoding="utf-8")
        self.written = time.monotonic()
