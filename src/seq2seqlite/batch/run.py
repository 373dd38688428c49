"""Runs of a batch: images and stacks mapped by any workers; results of an earlier run are kept."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from seq2seqlite.batch.jobs import Done, ImageJob, file_names, in_tiles, make_image
from seq2seqlite.batch.map_stack import map_stack
from seq2seqlite.batch.options import JobOptions
from seq2seqlite.batch.resume import Record, input_state
from seq2seqlite.errors import HaltError, InputError
from seq2seqlite.files import replace_when_done, sha256_of
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import OutputSet
from seq2seqlite.parallel import InProcess, Outcome, Workers
from seq2seqlite.protocols import PredictorSource
from seq2seqlite.provenance import provenance
from seq2seqlite.regions import (
    regions_file,
)
from seq2seqlite.results.map_outputs import IMAGE, check_format, check_map_folder

__all__ = ["map_files", "map_jobs"]

Progress = Callable[[int, int], None]
# Seconds between two updates of the manifest, which may have thousands of lines.
MANIFEST_EVERY_S = 1.0


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
                    more=file_names(job.options) if in_one else (),
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
