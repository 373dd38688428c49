"""Lifetime maps of measurement files."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from seq2seqlite.batch.jobs import Done, ImageJob, in_tiles, make_image
from seq2seqlite.batch.options import JobOptions
from seq2seqlite.batch.pictures import share_colours
from seq2seqlite.batch.run import map_jobs
from seq2seqlite.batch.tables import BATCH_TABLE, check_batch_table, write_batch_table
from seq2seqlite.errors import InputError
from seq2seqlite.figures import PhasorOptions, PictureOptions
from seq2seqlite.files import check_utf8, sha256_of
from seq2seqlite.imaging.mask import MIN_PHOTONS
from seq2seqlite.imaging.quality import Quality
from seq2seqlite.io.cameras.corrections import Corrections
from seq2seqlite.io.expand import distinct_names, expanded
from seq2seqlite.io.read_options import EACH, ReadOptions
from seq2seqlite.io.series import each_channel
from seq2seqlite.parallel import workers_for
from seq2seqlite.predictors import ChosenSource, FitOptions
from seq2seqlite.predictors.boards import is_board
from seq2seqlite.predictors.choice import unchosen_source
from seq2seqlite.predictors.shared_lifetimes import Sharing
from seq2seqlite.predictors.source import FIT, NamedSource, predictor_source
from seq2seqlite.protocols import PredictorSource
from seq2seqlite.regions import Conditions, regions_file
from seq2seqlite.workflows.shared_lifetimes import share_lifetimes

__all__ = ["write_lifetime_maps"]

Progress = Callable[[int, int], None]
ALL = "all"


def write_lifetime_maps(
    files: str | PathLike[str] | Sequence[str | PathLike[str]],
    model: str | Path | None,
    out: str | PathLike[str],
    /,
    *,
    backend: str = "auto",
    channel: int | str | None = None,
    block: int | None = None,
    frames: str | None = None,
    frame_time_s: float | None = None,
    period_ns: float | None = None,
    gate_width_ns: float | None = None,
    gate_length_ns: float | None = None,
    min_photons: float = MIN_PHOTONS,
    binning: int = 0,
    mask: Path | None = None,
    extrapolate: bool = False,
    also: Sequence[str] | None = None,
    donor_tau_ns: float | None = None,
    cmap: str | None = None,
    colour_range: tuple[float, float] | None = None,
    gamma: float | None = None,
    picture_format: str = "png",
    dpi: int | None = None,
    decay_figure: bool = True,
    phasor: bool = True,
    reference: str | PathLike[str] | None = None,
    reference_tau_ns: float | None = None,
    phasor_medians: int = 0,
    cursors: Sequence[tuple[float, float, float]] = (),
    regions: str | Path | None = None,
    conditions: str | None = None,
    drop: Sequence[str] = (),
    dark: str | PathLike[str] | float | None = None,
    flat: str | PathLike[str] | None = None,
    bad_pixels: str | PathLike[str] | None = None,
    hot_pixels: float | None = None,
    irf: str | Path | None = None,
    irf_bin_width_ns: float | None = None,
    irf_range_ns: tuple[float, float] | None = None,
    irf_shift: str | float = FIT,
    irf_per_pixel: bool = False,
    delay_map: str | Path | None = None,
    fixed_tau_ns: Sequence[float] = (),
    fit_range_ns: tuple[float, float] | None = None,
    exclude_ns: Sequence[tuple[float, float]] = (),
    scatter: bool = False,
    shared_lifetimes: str | None = None,
    quality: bool = False,
    pulses: float | None = None,
    file_format: str | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    redo: bool = False,
    progress: Callable[[str], AbstractContextManager[Progress | None]] = lambda _: nullcontext(),
    finished: Callable[[Done], None] | None = None,
) -> list[Done]:
    """Write the lifetime maps of one or more measurement files; the command ``image``.

    Parameters
    ----------
    files : path-like or sequence of path-like
        PTU, SDT, LIF, ICS, TIFF, HDF5, npz, zarr or text files, or folders of gate images. Zarr stacks with
        dims (T, Z, Y, X, H) may be larger than memory. A pattern such as ``"data/*.ptu"`` stands for the
        files that match it, and a folder of measurements for its files.
    model : str, path or None
        Shipped model, ``.npz`` or ``.program`` file, or estimator; None chooses one for each file, as
        :func:`~seq2seqlite.predictors.choice.choose_model` does.
    out : path-like
        Output folder; with several files, one subfolder per file, whose name starts with the folder of the
        file if several files have the same name.
    irf : path-like, optional
        Measured IRF, or ``"fit"``, as for :func:`~seq2seqlite.predictors.source.predictor_source`. With
        ``{stem}`` or ``{name}`` in the name, each measurement has its own IRF: they stand for the name of the
        measurement without and with its suffix.
    backend, irf_bin_width_ns, irf_range_ns, irf_shift, irf_per_pixel, delay_map
        As for :func:`~seq2seqlite.predictors.source.predictor_source`.
    channel : int or str, optional
        As for :func:`seq2seqlite.read`; or ``"all"``: maps of each channel with photons, each in a
        subfolder.
    frames : {"sum", "each"} or str, optional
        Frames of a series: ``"sum"`` sums them, ``"A:B"`` sums those from A to B - 1, and ``"each"``
        maps each of them, as axes T and Z of the maps; see :func:`~seq2seqlite.io.read_series`. By default,
        frames of a PTU file are summed, with a warning, and those of a zarr stack are mapped one by one.
    frame_time_s : float, optional
        Time between two frames, in s, if the file does not contain it.
    block, period_ns, gate_width_ns, gate_length_ns, drop
        As for :func:`seq2seqlite.read`.
    min_photons, binning, mask, extrapolate, also, donor_tau_ns
        As for :func:`seq2seqlite.lifetime_map`; a mask is a file.
    cmap : str, optional
        Colours of ``lifetime.png``, as for :func:`~seq2seqlite.figures.lifetime_colours`.
    colour_range : tuple of float, optional
        Lifetimes of the first and the last colour, in ns. Default: from the 2nd to the 98th percentile of
        the image; with several files, from the smallest to the largest of these percentiles.
    gamma : float, optional
        Exponent of the intensity in the brightness of ``lifetime.png``; default: 0.6.
    picture_format : {"png", "svg", "pdf"}
        Format of all figures.
    dpi : int, optional
        Resolution of all figures in dots per inch; default: 150.
    decay_figure : bool
        Fit the summed decay of each image, and write its figure, ``decay.png``.
    phasor : bool
        Write the maps ``phasor_g`` and ``phasor_s`` and their figure, ``phasor.png``.
    reference, reference_tau_ns, phasor_medians, cursors
        Calibration, filter and cursors of the phasor plot, as for
        :class:`~seq2seqlite.figures.PhasorOptions`.
    regions : path-like, optional
        Label image, Fiji ROIs or GeoJSON, as for :func:`~seq2seqlite.regions.read_regions`, whose statistics
        are written to ``regions.csv`` beside the maps. ``{stem}`` in the name stands for the name of the
        measurement without its suffix, ``{name}`` for its whole name. With several files, the default is one
        region, ``all``.
    conditions : str, optional
        Pattern of the file names, as for :class:`~seq2seqlite.regions.Conditions`, e.g.
        ``"{cell}_{dose}.ptu"``: its fields become columns of ``batch.csv``.
    dark, flat, bad_pixels, hot_pixels
        Dark level, flat field, and bad pixels of a camera, as for :class:`~seq2seqlite.io.Corrections`.
    fixed_tau_ns, fit_range_ns, exclude_ns, scatter, shared_lifetimes
        Options of a maximum-likelihood fit, as for :class:`~seq2seqlite.predictors.FitOptions`.
    quality : bool
        Also map chi-square and deviation, and flag unreliable pixels.
    pulses : float, optional
        Excitation pulses in the exposure of a pixel; includes pile-up in the quality maps.
    file_format : {"tiff", "ome-tiff", "ome-zarr"}, optional
        Format of the maps; default: TIFF, and OME-Zarr for stacks of frames.
    workers : int
        Worker processes for files and tiles of stacks; more than 1 requires the extra ``cluster``.
    scheduler : str, optional
        Address of a Dask scheduler whose workers are used, e.g. ``"tcp://host:port"``.
    redo : bool
        Overwrite the results of an earlier run with the same settings instead of skipping its files.
    progress : callable, optional
        Takes a label and returns a context manager of a function, which is called with the amounts of work
        done and in total. It is entered while the model is loaded, and for each file before it is read.
    finished : callable, optional
        Called with each result as soon as it is known.

    Returns
    -------
    list of Done
        Result of each file. With several files, the table ``batch.csv`` in the output folder has a row for
        each image and region. With several files or a stack, a file that fails has the state ``"failed"``,
        and the other files are processed; an interrupted run resumes when it is repeated.

    Raises
    ------
    InputError
        If a setting is invalid, a file does not exist, a single image cannot be mapped, the disk is full or
        all workers are lost.

    See Also
    --------
    seq2seqlite.lifetime_map : Maps of a measurement in memory, without files.
    seq2seqlite.batch.map_files : The same with own sources, options and workers.
    """
    given = [files] if isinstance(files, str | PathLike) else files
    # A folder is a series, whose files are its frames, where frames are mapped one by one.
    paths = expanded(given, folders=frames != EACH)
    folders = _folders(paths, Path(out))
    if pulses is not None and not quality:
        raise InputError(f"pulses={pulses:g} requires quality=True; add it")
    picture = _picture(cmap, colour_range, gamma, picture_format, dpi)
    phasor_options = _phasor(
        phasor,
        reference,
        reference_tau_ns,
        phasor_medians,
        [(real, imag, size) for real, imag, size in cursors],
        frames=frames,
    )
    fields = _fields(paths, conditions)
    several = len(paths) > 1
    _check_regions(paths, regions)
    if several or channel == ALL:
        check_batch_table(Path(out) / BATCH_TABLE)
    fit = FitOptions(
        tuple(fixed_tau_ns),
        fit_range_ns,
        tuple((low, high) for low, high in exclude_ns),
        scatter,
        # A batch of one file is an image.
        Sharing.IMAGE if shared_lifetimes == Sharing.BATCH and not several else shared_lifetimes,
    )
    alone = workers == 1 and scheduler is None
    if model is not None and is_board(str(model)) and not alone:
        raise InputError(
            f"model={str(model)!r} is a board, which one process uses; omit workers and scheduler"
        )
    source_of = unchosen_source if model is None else partial(predictor_source, model)
    with progress("loading the model"):
        named = source_of(
            backend=backend,
            irf=None if irf is None else _irf_file(irf, paths[0]),
            irf_bin_width_ns=irf_bin_width_ns,
            irf_range_ns=irf_range_ns,
            irf_shift=irf_shift,
            irf_per_pixel=irf_per_pixel,
            delay_map=delay_map,
            threads=None if alone else 1,
            fit=fit,
        )
    sources: list[PredictorSource] = [
        ChosenSource(one) if model is None else one for one in _with_own_irfs(named, irf, paths)
    ]
    options = JobOptions(
        read=ReadOptions(
            _channel(channel),
            block,
            gate_width_ns,
            period_ns,
            drop=tuple(drop),
            gate_length_ns=gate_length_ns,
            frames=frames,
            frame_time_s=frame_time_s,
            corrections=Corrections(dark, flat, bad_pixels, hot_pixels).absolute(),
        ),
        min_photons=min_photons,
        binning=binning,
        mask=None if mask is None else Path(mask).absolute(),
        extrapolate=extrapolate,
        quality=Quality(pulses=pulses) if quality else None,
        file_format=file_format,
        also=tuple(also or ()),
        donor_tau_ns=donor_tau_ns,
        picture=picture,
        decay_figure=decay_figure,
        phasor=phasor_options,
        table=several or channel == ALL or regions is not None,
        regions=None if regions is None else str(Path(regions).absolute()),
    )
    jobs = [
        ImageJob(path, folder, source, options)
        for path, folder, source in zip(paths, folders, sources, strict=True)
    ]
    if channel == ALL:
        jobs = [one for job in jobs for one in _channel_jobs(job, fit)]
    results: list[Done] = []

    def note(done: Done) -> None:
        results.append(done)
        if finished is not None:
            finished(done)

    if len(jobs) == 1 and not several and alone and not in_tiles(paths[0], options):
        with progress(paths[0].name) as show:
            summary = _one_image(jobs[0], show)
        note(Done(jobs[0].path, jobs[0].folder, "done", summary))
        return results
    with workers_for(workers, scheduler) as pool:
        jobs = share_lifetimes(jobs, Path(out), workers=pool, again=redo, progress=progress)
        for done in map_jobs(
            jobs, manifest=Path(out) / "manifest.json", workers=pool, again=redo, progress=progress
        ):
            note(done)
    if several or channel == ALL:
        results = share_colours(results, picture)
        write_batch_table(Path(out) / BATCH_TABLE, paths, results, fields)
    return results


def _one_image(job: ImageJob, progress: Progress | None) -> dict[str, Any]:
    """Write the maps of the only measurement; its name is in every error."""
    try:
        return make_image(job, progress=progress)
    except InputError as error:
        if job.path.name not in str(error):
            error.args = (f"{job.path}: {error}",)
        raise


def _irf_file(irf: str | Path, path: Path) -> str | Path:
    """Return the IRF of a measurement, or ``"fit"``."""
    return regions_file(irf, path) if "{" in str(irf) else irf


def _with_own_irfs(source: NamedSource, irf: str | Path | None, paths: Sequence[Path]) -> list[NamedSource]:
    """Return the source of each measurement, after reading the IRFs of a pattern once to check them."""
    if irf is None or "{" not in str(irf):
        return [source] * len(paths)
    found = []
    for path in paths:
        file = Path(_irf_file(irf, path)).absolute()
        if not file.is_file():
            raise InputError(f"irf={file} does not exist; it is needed for {path}")
        digests = (source.digests[0], sha256_of(file), source.digests[2])
        own = replace(source, irf_file=file, digests=digests)
        own.irf()
        found.append(own)
    return found


def _channel(channel: int | str | None) -> int | None:
    """Return the number of a channel; None for ``"all"``."""
    if channel is None or channel == ALL:
        return None
    try:
        return int(channel)
    except ValueError:
        raise InputError(f"channel={channel} must be the number of a channel, or all") from None


def _channel_jobs(job: ImageJob, fit: FitOptions) -> list[ImageJob]:
    """Return a job for each channel; the job itself if its file cannot be read, which is reported later."""
    if fit.shared_lifetimes == Sharing.BATCH:
        raise InputError("shared_lifetimes=batch cannot be combined with channel=all; use image")
    if job.options.read.block is not None:
        raise InputError(
            f"block={job.options.read.block} cannot be combined with channel=all, because the channels of an "
            "SDT file are its blocks; omit one of them"
        )
    try:
        channels = each_channel(job.path, job.options.read)
    except InputError:
        return [job]
    return [
        replace(
            job,
            folder=job.folder / name,
            options=replace(job.options, read=read, columns=((name.split("-")[0], name.split("-")[1]),)),
        )
        for name, read in channels
    ]


def _picture(
    cmap: str | None,
    limits: tuple[float, float] | None,
    gamma: float | None,
    file_format: str,
    dpi: int | None,
) -> PictureOptions:
    given = {"gamma": gamma, "dpi": dpi}
    return PictureOptions(
        cmap,
        None if limits is None else (limits[0], limits[1]),
        file_format=file_format,
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
    )


def _phasor(
    made: bool,  # noqa: FBT001
    reference: str | PathLike[str] | None,
    reference_tau_ns: float | None,
    medians: int,
    cursors: list[tuple[float, float, float]],
    *,
    frames: str | None,
) -> PhasorOptions | None:
    file = None if reference is None else Path(reference).absolute()
    options = PhasorOptions(file, reference_tau_ns, medians, tuple(cursors))
    if not made and options != PhasorOptions():
        raise InputError("phasor=False has no reference, filter or cursors; omit them")
    if frames == EACH and options != PhasorOptions():
        raise InputError(
            f"frames={frames!r} has no phasor plot, and therefore no reference, filter or cursors; omit them"
        )
    if file is not None and not file.exists():
        raise InputError(f"reference={reference} does not exist; check the path")
    return options if made else None


def _fields(paths: Sequence[Path], conditions: str | None) -> Conditions | None:
    """Return the conditions, after checking that all names match."""
    if conditions is None:
        return None
    if len(paths) == 1:
        raise InputError(f"conditions={conditions!r} is for the table of several files; pass more files")
    fields = Conditions(conditions)
    for path in paths:
        fields.of(path)
    return fields


def _check_regions(paths: Sequence[Path], regions: str | Path | None) -> None:
    """Raise InputError if the regions of a file do not exist."""
    for path in paths if regions is not None else ():
        file = regions_file(str(regions), path)
        if not file.is_file():
            raise InputError(f"regions={file} does not exist or is not a file; it is needed for {path}")


def _folders(files: Sequence[Path], out: Path) -> list[Path]:
    """Return the output folder of each file, after checking that all files exist."""
    if not files:
        raise InputError("files is empty; pass at least one measurement")
    for file in files:
        check_utf8(file)
        if not file.exists():
            raise InputError(f"{file} does not exist; check the path")
    if len(files) == 1:
        return [out]
    folders = [out / name for name in distinct_names(files)]
    for first, folder in enumerate(folders):
        if folder in folders[:first]:
            raise InputError(
                f"two files are named {folder.name}; process them in two calls with different output folders"
            )
    return folders
