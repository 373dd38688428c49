"""Lifetime maps during a measurement, from the name of a source and the name of a model."""

import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr

from seq2seqlite.decay import photons_of
from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.imaging.mask import MIN_PHOTONS
from seq2seqlite.imaging.options import MapOptions
from seq2seqlite.io.measurement import SUFFIXES, load, read
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import OutputSet
from seq2seqlite.predictors import CollectedGates, is_estimator
from seq2seqlite.predictors.boards import is_board
from seq2seqlite.predictors.compilation import compile_predictor
from seq2seqlite.predictors.source import FIT
from seq2seqlite.protocols import GateSequentialPredictor, Predictor, TrainedPredictor
from seq2seqlite.provenance import provenance
from seq2seqlite.simulation.camera import simulated_frames
from seq2seqlite.simulation.instrument import instrument_names, load_instrument
from seq2seqlite.streaming.growing_ptu import GrowingPtu
from seq2seqlite.streaming.observed import ObservedFrame, ObservedStage
from seq2seqlite.streaming.python_sources import IterableSource
from seq2seqlite.streaming.queue import Policy
from seq2seqlite.streaming.ready_maps import ReadyStage
from seq2seqlite.streaming.replay import ReplayedFrames, ReplayedGates
from seq2seqlite.streaming.run import StreamError, run_stream
from seq2seqlite.streaming.sinks import MapFolder, MapTable, Sink
from seq2seqlite.streaming.sources import Source
from seq2seqlite.streaming.spool_folder import SpoolFolder
from seq2seqlite.streaming.stages import FrameStage, GateStage
from seq2seqlite.streaming.statistics import StreamStatistics
from seq2seqlite.workflows.board_camera import BoardCamera
from seq2seqlite.workflows.stream_predictor import StreamPredictor

__all__ = ["stream"]

CAMERA = "camera"
# Number of different frames of a simulated camera, which are repeated.
CAMERA_FRAMES = 3
CAMERA_SHAPE = (500, 500)
RECORD = "stream.json"
# Keys by which the record of an earlier stream is recognised.
RECORD_KEYS = ("received", "delivered", "ended", "provenance")
WHOLE = "whole"


def stream(
    source: str | PathLike[str] | Source[Any] | Iterable[Any],
    model: str | Path | Predictor | None = None,
    /,
    *,
    backend: str = "auto",
    fps: float | None = None,
    policy: Policy | str = Policy.BLOCK,
    queue: int = 4,
    frames: int | None = None,
    duration_s: float | None = None,
    timeout_s: float | None = None,
    out: str | PathLike[str] | None = None,
    sinks: Sequence[Sink] = (),
    gates: bool = False,
    normalisation: str | None = None,
    follow: bool = False,
    repeat: int | None = 1,
    shape: tuple[int, int] = CAMERA_SHAPE,
    photons: float = 1000.0,
    channel: int | None = None,
    period_ns: float | None = None,
    gate_width_ns: float | None = None,
    gate_length_ns: float | None = None,
    irf: str | Path | None = None,
    irf_bin_width_ns: float | None = None,
    irf_range_ns: tuple[float, float] | None = None,
    irf_shift: str | float = FIT,
    irf_per_pixel: bool = False,
    delay_map: str | Path | None = None,
    min_photons: float = MIN_PHOTONS,
    binning: int = 0,
    mask: Any = None,
    extrapolate: bool = False,
    stop: threading.Event | None = None,
    progress: Callable[[StreamStatistics, int], None] | None = None,
    simulating: Callable[[int, int], None] | None = None,
    preparing: Callable[[str], None] | None = None,
    observe: Callable[[ObservedFrame], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Compute lifetime maps during a measurement; the command ``stream``.

    Parameters
    ----------
    source : str, path-like, Source or iterable
        File to replay, folder to which a camera writes one file per frame, ``"camera"``, an instrument or its
        TOML file (simulated camera), ``"board:udp://host:port"`` (camera at a board, which has its own model:
        :class:`~seq2seqlite.workflows.board_camera.BoardCamera`), with ``follow`` a ``.ptu`` file during its
        recording, an object that delivers frames, or gates if ``gates`` is True; or an iterable of counts,
        measurements or frames, as for :class:`~seq2seqlite.streaming.IterableSource`.
    model : str, path or Predictor, optional
        Shipped model, ``.npz`` or ``.program`` file, estimator, or predictor. Default: a model of the named
        instrument, or one that fits the first frame; see :func:`~seq2seqlite.predictors.choice.choose_model`.
        Default models and estimators require ``gates=False``.
    backend : {"auto", "numpy", "cpu", "jax"}
        Implementation of a model that is given by its name or file.
    fps : float, optional
        Frame rate of a replay or simulated camera in frames/s; default: as fast as possible.
    policy : {"block", "drop-oldest"}
        Action of a full queue: block the source, or drop the oldest frame.
    queue : int
        Largest number of waiting frames, which limits the memory.
    frames : int, optional
        Number of analysed frames after which the stream ends.
    duration_s : float, optional
        Time after which the stream ends, in s.
    timeout_s : float, optional
        Time without data after which the stream fails, in s.
    out : path-like, optional
        Output folder for one TIFF of maps per frame, ``frames.csv`` and ``stream.json``.
    sinks : sequence of Sink
        Further receivers of the maps.
    gates : bool
        Deliver frames gate by gate, like a time-gated camera.
    normalisation : {"after-edge", "previous-frame", "running", "whole"}, optional
        Peak by which counts are divided if ``gates`` is True; default: ``"after-edge"`` for integer programs
        on the CPU back end, ``"whole"`` for other models.
    follow : bool
        Read the ``.ptu`` file ``source`` during its recording.
    repeat : int, optional
        Number of replays of a file; 0 or None: endless. A simulated camera is endless.
    shape : tuple of int
        Rows and columns of the simulated camera.
    photons : float
        Mean counts of a pixel of the simulated camera.
    channel, period_ns, gate_width_ns, gate_length_ns
        As for :func:`seq2seqlite.read`.
    irf, irf_bin_width_ns, irf_range_ns, irf_shift, irf_per_pixel, delay_map
        As for :func:`~seq2seqlite.predictors.source.predictor_source`, for a model by name that uses the
        response of the instrument. A fitted delay is that of the first frame.
    min_photons, binning, mask, extrapolate
        As for :func:`seq2seqlite.lifetime_map`.
    stop : threading.Event, optional
        Event that ends the stream after the current frame.
    progress : callable, optional
        Called with the statistics and the current depth of the queue.
    simulating : callable, optional
        Called with the finished and all parts of the simulation of the camera, before the stream starts.
    preparing : callable, optional
        Called with a line before a model is loaded or compiled, which may take half a minute if its compiled
        code is not in the cache. A model that is known is compiled before the source opens; one that is
        chosen with the first frame of the source, while that frame waits.
    observe : callable, optional
        Called with each analysed frame and its counts, in the thread of the analysis; must return at once.
    report : callable, optional
        Called with one line for each of the first five rejected frames, for warnings, and for the default
        model with the reason.

    Returns
    -------
    dict
        Statistics (:meth:`StreamStatistics.to_dict`), settings and provenance; also written to
        ``stream.json``. ``model_choice`` is the reason for a default model.

    Raises
    ------
    InputError
        If the source, the model or an option is invalid, or ``out`` contains files of another origin.
    StreamError
        If the running stream fails; its ``result`` covers the frames until then.

    See Also
    --------
    seq2seqlite.streaming.run_stream : The same for own sources, stages and sinks.
    seq2seqlite.imaging.lifetime_map : Maps of one measurement.

    Examples
    --------
    >>> result = stream("camera", "seq2seqlite-tcspc-80mhz-tiny", shape=(4, 5), frames=2)
    >>> result["frames"], result["ended"]
    (2, '2 frames')
    """
    if normalisation is not None and not gates:
        raise InputError(f"normalisation={normalisation!r} requires gates=True; add it")
    if out is not None:
        OutputSet(Path(out), {RECORD: RECORD_KEYS}).check([RECORD])
    of_irf: dict[str, Any] = {
        "irf": irf,
        "irf_bin_width_ns": irf_bin_width_ns,
        "irf_range_ns": irf_range_ns,
        "irf_shift": irf_shift,
        "irf_per_pixel": irf_per_pixel,
        "delay_map": delay_map,
    }
    if gates:
        whole_frames = {"binning": binning, "mask": mask, "extrapolate": extrapolate}
        _check_gates(source, model, whole_frames | {"follow": follow, "irf": irf})
    chosen = StreamPredictor(
        model, backend=backend, gate_length_ns=gate_length_ns, preparing=preparing, report=report, **of_irf
    )
    options = ReadOptions(
        channel=channel, gate_width_ns=gate_width_ns, period_ns=period_ns, gate_length_ns=gate_length_ns
    )
    origin: Any = source
    at_board = isinstance(source, str) and is_board(source)
    if at_board:
        others: dict[str, Any] = {
            "model": model, "gates": gates, "follow": follow, "fps": fps, "binning": binning or None,
            "extrapolate": extrapolate, "observe": observe is not None,
        }  # fmt: skip
        # Defaults count as omitted.
        defaults = {**vars(ReadOptions()), "backend": "auto", "repeat": 1, "irf_shift": FIT}
        others |= {
            name: value
            for name, value in {**vars(options), **of_irf, "backend": backend, "repeat": repeat}.items()
            if value != defaults.get(name)
        }
        origin = _board_camera(str(source), shape, MapOptions(min_photons, mask=mask), others)
        chosen.predictor = origin.predictor
    elif isinstance(source, str | PathLike) and _is_replay(source, follow=follow):
        simulated = _is_camera(source)
        camera = partial(_camera, str(source), chosen, shape, photons, simulating)
        taken = camera() if simulated else [_read(load, options, source)]
        replayed = ReplayedGates if gates else ReplayedFrames
        origin = replayed(taken, fps=fps, repeat=None if simulated or repeat == 0 else repeat)
        chosen.choose(taken[0])
    else:
        origin = _arriving(source, options, follow=follow)
    stage: FrameStage | GateStage | ReadyStage
    if at_board:
        stage = ReadyStage()
    elif gates:
        stage, normalisation = _gate_stage(chosen, normalisation, min_photons, origin.name)
    else:
        chosen.compile()
        predictor = chosen.for_frame if chosen.predictor is None else chosen.predictor
        stage = FrameStage(predictor, MapOptions(min_photons, binning, mask, extrapolate))
    written: list[Sink] = []
    if out is not None:
        written = [MapFolder(Path(out)), MapTable(Path(out) / "frames.csv")]
    settings = {
        "source": str(source) if isinstance(source, str | PathLike) else origin.name,
        "fps": fps,
        "policy": str(policy),
        "queue": queue,
        "gates": gates,
        "normalisation": normalisation,
    }
    try:
        statistics = run_stream(
            origin,
            stage if observe is None else ObservedStage(stage, observe),
            sinks=[*written, *sinks],
            policy=policy,
            queue=queue * stage.predictor.n_gates if isinstance(stage, GateStage) else queue,
            frames=frames,
            duration_s=duration_s,
            timeout_s=timeout_s,
            stop=stop,
            progress=progress,
            report=report,
        )
    except StreamError as error:
        result = _result(error.statistics, stage, chosen, settings)
        _write_record(out, result)
        raise StreamError(str(error), error.statistics, result=result) from error
    result = _result(statistics, stage, chosen, settings)
    _write_record(out, result)
    return result


def _board_camera(
    source: str, shape: tuple[int, int], options: MapOptions, others: dict[str, Any]
) -> BoardCamera:
    """Return a camera at a board; reject the options of computations that the board does not perform."""
    for name, value in others.items():
        if value is not None and value is not False:
            shown = f"{name}={value}" if isinstance(value, str | bool | int | float) else name
            raise InputError(f"{shown} cannot be combined with a camera at a board; omit it")
    return BoardCamera(
        source,
        shape=None if shape == CAMERA_SHAPE else shape,
        min_photons=options.min_photons,
        mask=options.mask,
    )


def _check_gates(source: Any, model: str | Path | Predictor | None, whole_frames: dict[str, Any]) -> None:
    """Reject sources, models and options that need whole frames."""
    if model is None or (isinstance(model, str | Path) and is_estimator(model)):
        raise InputError(
            f"gates=True requires a trained model, not model={None if model is None else str(model)!r}; pass "
            "a shipped model, or a .npz or .program file"
        )
    if isinstance(source, str | PathLike) and Path(source).is_dir():
        raise InputError(
            f"gates=True requires a file or a simulated camera as source, not the folder {source}; omit gates"
        )
    for name, value in whole_frames.items():
        if value is not None and value is not False and (name != "binning" or value):
            raise InputError(f"gates=True cannot be combined with {name}={value}; omit one of them")


def _is_replay(source: str | PathLike[str], *, follow: bool) -> bool:
    """Return whether a source is in memory before the stream starts."""
    is_spool = Path(source).is_dir() and Path(source).suffix.lower() != ".zarr"
    return not (follow or is_spool)


def _arriving(source: Any, options: ReadOptions, *, follow: bool) -> Source[Any]:
    """Return a source whose frames arrive during the stream."""
    if isinstance(source, str | PathLike):
        if follow:
            return GrowingPtu(Path(source), options)
        return SpoolFolder(Path(source), partial(_read, read, options), suffixes=SUFFIXES)
    if hasattr(source, "stop"):
        own: Source[Any] = source
        return own
    return IterableSource(
        source,
        gate_width_ns=options.gate_width_ns,
        period_ns=options.period_ns,
        gate_length_ns=options.gate_length_ns,
    )


def _is_camera(source: str | PathLike[str]) -> bool:
    name = str(source)
    return name == CAMERA or name in instrument_names() or Path(source).suffix.lower() == ".toml"


def _camera(
    source: str,
    chosen: StreamPredictor,
    shape: tuple[int, int],
    photons: float,
    progress: Callable[[int, int], None] | None,
) -> list[xr.DataArray]:
    """Return frames of a simulated camera with the named instrument, or with that of the model."""
    instrument = load_instrument(_model_instrument(chosen.predictor) if source == CAMERA else source)
    chosen.choose_instrument(instrument.name)
    counts = simulated_frames(instrument, shape=shape, n=CAMERA_FRAMES, photons=photons, progress=progress)
    axis = instrument.axis
    return [
        signal_from_counts(
            photons_of(instrument.detector, each),
            source=f"camera {instrument.name}",
            file_format="simulated camera",
            gate_width_ns=axis.gate_width_ns,
            period_ns=axis.period_ns,
        )
        for each in counts
    ]


def _model_instrument(predictor: Predictor | None) -> str:
    """Return the name of the instrument of a model."""
    if predictor is None:
        raise InputError(
            f"source={CAMERA!r} is the camera of a trained model; pass one as model, or an "
            "instrument as source"
        )
    name = predictor.instrument if isinstance(predictor, TrainedPredictor) else ""
    if name not in instrument_names():
        raise InputError(
            f"model {predictor.name} was trained for instrument {name!r}, which is not a shipped "
            f"instrument; pass its TOML file instead of {CAMERA!r}"
        )
    return name


def _read(
    function: Callable[..., xr.DataArray], options: ReadOptions, source: str | PathLike[str], /
) -> xr.DataArray:
    """Return the measurement in a file, with :func:`read` or :func:`load`."""
    return function(
        source,
        channel=options.channel,
        gate_width_ns=options.gate_width_ns,
        period_ns=options.period_ns,
        gate_length_ns=options.gate_length_ns,
    )


def _gate_stage(
    chosen: StreamPredictor, normalisation: str | None, min_photons: float, name: str
) -> tuple[GateStage, str]:
    """Return the analysis gate by gate, whose code is compiled, and its normalisation."""
    assert chosen.predictor is not None
    predictor, used = _gate_sequential(chosen.predictor, normalisation)
    stage = GateStage(predictor, min_photons=min_photons, name=name)
    chosen.prepare(f"compiling {predictor.name}")
    compile_predictor(_gate_sequential(chosen.predictor, normalisation)[0])
    return stage, used


def _gate_sequential(predictor: Predictor, normalisation: str | None) -> tuple[GateSequentialPredictor, str]:
    """Return the predictor of single gates, and its normalisation."""
    from seq2seqlite.cpu.gate_sequential import NORMALISATIONS, GateSequential, unfit_gate_after_gate
    from seq2seqlite.cpu.predictors import ProgramEngine

    engine = predictor if isinstance(predictor, ProgramEngine) else None
    unfit = engine is None or unfit_gate_after_gate(engine.program)
    chosen = normalisation or (WHOLE if unfit else NORMALISATIONS[0])
    if chosen not in (*NORMALISATIONS, WHOLE):
        names = ", ".join((*NORMALISATIONS, WHOLE))
        raise InputError(f"normalisation={chosen!r} is unknown; choose one of {names}")
    if chosen == WHOLE:
        return CollectedGates(predictor), chosen
    if engine is None:
        raise InputError(
            f"normalisation={chosen!r} requires an integer program on the CPU back end, not {predictor.name} "
            f"({predictor.kind}); use {WHOLE!r} or a quantised model"
        )
    return GateSequential(engine.program, normalisation=chosen), chosen


def _result(
    statistics: StreamStatistics,
    stage: FrameStage | GateStage | ReadyStage,
    chosen: StreamPredictor,
    settings: dict[str, Any],
) -> dict[str, Any]:
    used = stage.predictor if isinstance(stage, GateStage) else chosen.predictor
    model: dict[str, Any] = {"model": None, "predictor": None}
    if used is not None:
        model = {"model": used.name, "predictor": used.kind}
    if chosen.choice is not None:
        model["model_choice"] = chosen.choice
    return statistics.to_dict() | model | settings | {"provenance": provenance()}


def _write_record(out: str | PathLike[str] | None, result: dict[str, Any]) -> None:
    """Write ``stream.json`` if maps were written."""
    if out is None or not result["delivered"]:
        return
    with replace_when_done(Path(out) / RECORD) as temporary:
        temporary.write_text(json_text(result | {"written_by": "seq2seqlite stream"}), encoding="utf-8")
