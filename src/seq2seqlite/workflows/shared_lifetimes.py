"""Lifetimes shared by all images of a batch."""

import json
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.batch.jobs import ImageJob, in_tiles
from seq2seqlite.batch.resume import input_state
from seq2seqlite.errors import HaltError, InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.imaging.sampling import analysed_decay
from seq2seqlite.io.measurement import read_measurement
from seq2seqlite.io.read_options import EACH
from seq2seqlite.io.series import open_series
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import OutputSet
from seq2seqlite.parallel import Workers
from seq2seqlite.predictors.native_axis import NativeAxisPredictor
from seq2seqlite.predictors.shared_lifetimes import SharedLifetimes, Sharing, fit_shared
from seq2seqlite.predictors.source import NamedSource
from seq2seqlite.protocols import PredictorSource
from seq2seqlite.provenance import provenance

__all__ = ["share_lifetimes"]

# Record of the fit in the output folder.
RECORD = "shared_lifetimes.json"


def share_lifetimes(
    jobs: Sequence[ImageJob],
    out: Path,
    /,
    *,
    workers: Workers,
    again: bool,
    progress: Callable[[str], AbstractContextManager[Callable[[int, int], None] | None]],
) -> list[ImageJob]:
    """Return the jobs of a batch, with lifetimes fitted to the decays of all its images if they share them.

    Parameters
    ----------
    jobs : sequence of ImageJob
        Jobs. Without the fit option ``shared_lifetimes="batch"`` of their sources, they are returned as they
        are.
    out : pathlib.Path
        Output folder. The lifetimes are written to ``shared_lifetimes.json``, from which a repeated run of
        the same jobs reads them.
    workers : Workers
        Workers that read the files.
    again : bool
        Fit the lifetimes also if an earlier run of the same jobs did.
    progress : callable
        As for :func:`~seq2seqlite.write_lifetime_maps`.

    Raises
    ------
    InputError
        If an input is a stack, no file can be read, or the lifetimes cannot be fitted. Single files that
        cannot be read are left to their jobs.

    See Also
    --------
    seq2seqlite.predictors.FitOptions : The option.
    seq2seqlite.estimators.shared_lifetimes.fit_shared_lifetimes : The fit.
    """
    if not any(_shares(job.source) for job in jobs):
        return list(jobs)
    for job in jobs:
        if in_tiles(job.path, job.options):
            raise InputError(
                f"{job.path} is a stack; shared_lifetimes={Sharing.BATCH} is for files that fit into memory: "
                f"use {Sharing.IMAGE}"
            )
    path = out / RECORD
    OutputSet(out, {RECORD: ("shared", "made_by")}).check([RECORD])
    made_by = json.loads(json_text(_made_by(jobs)))
    shared = None if again else _earlier(path, made_by)
    if shared is None:
        shared, files = _fitted(jobs, workers, progress)
        content = {"shared": shared.described(), "files": files, "made_by": made_by}
        with replace_when_done(path) as temporary:
            temporary.write_text(json_text(content), encoding="utf-8")
    return [replace(job, source=_with(job.source, shared)) for job in jobs]


def _shares(source: PredictorSource) -> TypeGuard[NamedSource]:
    return isinstance(source, NamedSource) and source.fit.shared_lifetimes == Sharing.BATCH


def _with(source: PredictorSource, shared: SharedLifetimes) -> PredictorSource:
    assert _shares(source), "all jobs of a batch have the same fit options"
    return replace(source, fit=replace(source.fit, shared=shared))


def _made_by(jobs: Sequence[ImageJob]) -> dict[str, Any]:
    """Return everything that determines the lifetimes."""
    origin = provenance()
    return {
        "inputs": [input_state(job.path) for job in jobs],
        "models": [job.source.described() for job in jobs],
        "options": [job.options.described() for job in jobs[:1]],
        "version": origin["versions"]["seq2seqlite"],
        "commit": origin["commit"],
    }


def _earlier(path: Path, made_by: dict[str, Any]) -> SharedLifetimes | None:
    """Return the lifetimes of an earlier run of the same jobs, or None; also if its record is damaged."""
    try:
        found = json.loads(path.read_text("utf-8"))
        if found["made_by"] != made_by:
            return None
        names = ("taus_ns", "taus_std_ns", "chi_squares")
        shared = SharedLifetimes(Sharing.BATCH, *(tuple(map(float, found["shared"][name])) for name in names))
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    valid = all(0 < tau < math.inf for tau in shared.taus_ns)
    return shared if valid and len(shared.taus_ns) == len(shared.taus_std_ns) else None


def _fitted(
    jobs: Sequence[ImageJob],
    workers: Workers,
    progress: Callable[[str], AbstractContextManager[Callable[[int, int], None] | None]],
) -> tuple[SharedLifetimes, list[dict[str, Any]]]:
    """Return the lifetimes, and the reduced chi-square of each file."""
    sent = [replace(job, path=job.path.absolute()) for job in jobs]
    found: dict[Path, tuple[Any, NDArray[np.float64]]] = {}
    errors: list[Exception] = []
    with progress("shared lifetimes") as show:
        for done, (job, outcome) in enumerate(workers.run(_decay, sent)):
            if outcome.result is not None:
                found[job.path] = outcome.result
            elif outcome.error is not None:
                errors.append(outcome.error)
                if isinstance(outcome.error, HaltError) or not isinstance(outcome.error, InputError):
                    raise outcome.error
            if show is not None:
                show(done + 1, len(sent))
    if not found:
        raise errors[0]
    paths = [job.path for job in sent if job.path in found]  # in an order that does not depend on the workers
    fits, decays = zip(*(found[path] for path in paths), strict=True)
    shared = fit_shared(fits, decays, of=Sharing.BATCH)
    rows = zip(paths, decays, shared.chi_squares, strict=True)
    return shared, [
        {"file": str(path), "photons": float(decay.sum()), "chi_square": chi_square}
        for path, decay, chi_square in rows
    ]


def _decay(job: ImageJob) -> tuple[Any, NDArray[np.float64]]:
    """Return the estimator of a file, and the summed decay of the analysed pixels."""
    options = replace(job.options, quality=None)
    whole = options.read.frames == EACH
    data = open_series(job.path, options.read).summed if whole else read_measurement(job.path, options.read)
    predictor = job.source.predictor(data)
    assert isinstance(predictor, NativeAxisPredictor), "fit options are those of estimators"
    return predictor.estimator, analysed_decay(data, predictor, options)
