"""``seq2seqlite stream``: lifetime maps during a measurement."""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from seq2seqlite.cli.model_options import Backend, BackendOption, check_trained
from seq2seqlite.cli.output import COMMAND, JsonOption, check_json_file, with_option_names, write_json
from seq2seqlite.cli.progress import live_line, progress_bar
from seq2seqlite.errors import InputError
from seq2seqlite.imaging.mask import MIN_PHOTONS
from seq2seqlite.imaging.options import MapOptions
from seq2seqlite.io.measurement import SUFFIXES, read_measurement
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.io.signal import signal_from_counts, survey
from seq2seqlite.predictors import CollectedGates, load_predictor
from seq2seqlite.protocols import GateSequentialPredictor, Predictor, TrainedPredictor
from seq2seqlite.provenance import provenance
from seq2seqlite.simulation.camera import simulated_frames
from seq2seqlite.simulation.instrument import instrument_names, load_instrument
from seq2seqlite.streaming.growing_ptu import GrowingPtu
from seq2seqlite.streaming.queue import Policy
from seq2seqlite.streaming.replay import ReplayedFrames, ReplayedGates
from seq2seqlite.streaming.run import StreamError, run_stream
from seq2seqlite.streaming.sinks import MapFolder, MapTable, Sink
from seq2seqlite.streaming.spool_folder import SpoolFolder
from seq2seqlite.streaming.stages import FrameStage, GateStage
from seq2seqlite.streaming.statistics import StreamStatistics

__all__ = ["stream"]

# Number of different frames of a simulated camera, which are repeated.
CAMERA_FRAMES = 3


class Normalisation(StrEnum):
    """Divisor of counts that arrive gate by gate: a peak that is known early, or that of the whole decay."""

    AFTER_EDGE = "after-edge"
    PREVIOUS_FRAME = "previous-frame"
    RUNNING = "running"
    WHOLE = "whole"


def stream(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="File to replay, folder to which a camera writes one file per frame, 'camera' or an "
            "instrument or its TOML file (simulated camera), or, with --follow, a .ptu file during its "
            "recording",
        ),
    ],
    *,
    model: Annotated[str, typer.Option(help="Shipped model, .npz or .program file")],
    backend: BackendOption = Backend.AUTO,
    fps: Annotated[
        float | None,
        typer.Option(
            help="Frame rate of a replay or simulated camera in frames/s; default: as fast as possible"
        ),
    ] = None,
    policy: Annotated[
        Policy, typer.Option(help="Action of a full queue: block the source, or drop the oldest frame")
    ] = Policy.BLOCK,
    queue: Annotated[int, typer.Option(help="Largest number of waiting frames, which limits the memory")] = 4,
    frames: Annotated[
        int | None, typer.Option(help="Number of analysed frames after which the stream ends")
    ] = None,
    duration: Annotated[float | None, typer.Option(help="Time after which the stream ends, in s")] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Time without data after which the stream fails, in s")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, help="Output folder for one TIFF of maps per frame, frames.csv and stream.json"
        ),
    ] = None,
    gates: Annotated[
        bool, typer.Option("--gates", help="Deliver frames gate by gate, like a time-gated camera")
    ] = False,
    normalisation: Annotated[
        Normalisation | None,
        typer.Option(
            help="Peak by which --gates divides counts: that of the gates up to 1 ns after the rising edge, "
            "of the previous frame, of all gates so far, or of the whole decay, which is exact but has a "
            "longer latency. Default: after-edge for integer programs, whole for other models"
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Read the .ptu file SOURCE during its recording")
    ] = False,
    repeat: Annotated[int, typer.Option(help="Number of replays of a file; 0: endless")] = 1,
    frame: Annotated[str, typer.Option(help="Rows x columns of the simulated camera")] = "500x500",
    photons: Annotated[float, typer.Option(help="Mean counts of a pixel of the simulated camera")] = 1000.0,
    channel: Annotated[int | None, typer.Option(help="Detector channel")] = None,
    period_ns: Annotated[
        float | None, typer.Option(help="Laser period in ns, if the file does not contain it")
    ] = None,
    gate_width_ns: Annotated[
        float | None, typer.Option(help="Bin width in ns, if the file does not contain it")
    ] = None,
    min_photons: Annotated[
        float,
        typer.Option(help="Photon threshold: smallest number of counts of an analysed pixel, after binning"),
    ] = MIN_PHOTONS,
    binning: Annotated[int, typer.Option(help="Sum (2n+1) x (2n+1) neighbouring pixels")] = 0,
    mask: Annotated[
        Path | None, typer.Option(help="TIFF, PNG or npy file, nonzero where pixels are analysed")
    ] = None,
    extrapolate: Annotated[
        bool, typer.Option("--extrapolate", help="Extend a short window by an exponential tail")
    ] = False,
    json_file: JsonOption = None,
) -> None:
    """Make lifetime maps during a measurement.

    Ctrl-C ends the stream after the current frame. The statistics are printed, and all results are kept.
    """
    if normalisation is not None and not gates:
        raise InputError(f"--normalisation {normalisation} requires --gates; add it")
    check_trained(model, "stream")
    if out is not None:
        check_json_file(out / "stream.json", COMMAND.get())
    predictor = load_predictor(model, backend=backend.value)
    options = ReadOptions(channel=channel, gate_width_ns=gate_width_ns, period_ns=period_ns)
    if gates and (binning or mask is not None or extrapolate or follow or Path(source).is_dir()):
        raise InputError(
            "--gates requires a file or camera as SOURCE; omit --binning, --mask, --extrapolate and --follow"
        )
    if follow:
        origin: Any = GrowingPtu(Path(source), options)
    elif Path(source).is_dir() and Path(source).suffix.lower() != ".zarr":
        origin = SpoolFolder(Path(source), lambda file: read_measurement(file, options), suffixes=SUFFIXES)
    else:
        simulated = _is_camera(source)
        taken = _camera(source, predictor, frame, photons) if simulated else [_file(source, options)]
        replayed = ReplayedGates if gates else ReplayedFrames
        origin = replayed(taken, fps=fps, repeat=None if simulated or repeat == 0 else repeat)
    stage: Any
    if gates:
        one_by_one, normalisation = _gate_sequential(predictor, normalisation)
        stage = GateStage(one_by_one, min_photons=min_photons, name=origin.name)
    else:
        stage = FrameStage(predictor, MapOptions(min_photons, binning, mask, extrapolate))
    sinks: list[Sink] = [] if out is None else [MapFolder(out), MapTable(out / "frames.csv")]
    settings = {"source": source, "model": predictor.name, "fps": fps, "policy": str(policy)}
    settings |= {"predictor": stage.predictor.kind, "queue": queue, "gates": gates}
    settings |= {"normalisation": normalisation}
    statistics = StreamStatistics()
    try:
        with _interrupt() as stop, live_line() as (show, say):
            statistics = run_stream(
                origin,
                stage,
                sinks=sinks,
                policy=policy,
                queue=queue * predictor.axis.n_gates if gates else queue,
                frames=frames,
                duration_s=duration,
                timeout_s=timeout,
                stop=stop,
                progress=lambda done, depth: show(_line(done, depth)),
                report=lambda line: say(with_option_names(line)),
            )
    except StreamError as error:
        statistics = error.statistics
        raise
    finally:
        if statistics.ended:
            _print_result(statistics, settings, out, json_file)


def _is_camera(source: str) -> bool:
    return source == "camera" or source in instrument_names() or Path(source).suffix.lower() == ".toml"


def _camera(source: str, predictor: Predictor, frame: str, photons: float) -> list[Any]:
    """Return frames of a simulated camera with the named instrument, or with that of the model."""
    size = re.fullmatch(r"(\d+)x(\d+)", frame)
    if size is None:
        raise InputError(f"--frame {frame} must be rows x columns (e.g. 500x500)")
    name = source
    if source == "camera":
        name = predictor.instrument if isinstance(predictor, TrainedPredictor) else ""
        if name not in instrument_names():
            raise InputError(
                f"model {predictor.name} was trained for instrument {name!r}, which is not a shipped "
                "instrument; pass its TOML file instead of 'camera'"
            )
    instrument = load_instrument(name)
    with progress_bar("simulating the camera") as progress:
        counts = simulated_frames(
            instrument,
            shape=(int(size[1]), int(size[2])),
            n=CAMERA_FRAMES,
            photons=photons,
            progress=progress,
        )
    axis = instrument.axis
    return [
        signal_from_counts(
            each,
            source=f"camera {instrument.name}",
            file_format="simulated camera",
            gate_width_ns=axis.gate_width_ns,
            period_ns=axis.period_ns,
        )
        for each in counts
    ]


def _file(source: str, options: ReadOptions) -> Any:
    data = read_measurement(source, options)
    survey(data).check()
    return data


def _gate_sequential(
    predictor: Predictor, normalisation: Normalisation | None
) -> tuple[GateSequentialPredictor, Normalisation]:
    """Return what takes gates one by one, and what it divides counts by."""
    from seq2seqlite.cpu.gate_sequential import GateSequential
    from seq2seqlite.cpu.predictors import ProgramEngine

    engine = predictor if isinstance(predictor, ProgramEngine) else None
    chosen = normalisation or (Normalisation.WHOLE if engine is None else Normalisation.AFTER_EDGE)
    if chosen is Normalisation.WHOLE:
        return CollectedGates(predictor), chosen
    if engine is None:
        raise InputError(
            f"--normalisation {chosen} requires an integer program on the CPU back end, not {predictor.name} "
            f"({predictor.kind}); use --normalisation whole or a quantised model"
        )
    return GateSequential(engine.program, normalisation=chosen.value), chosen


@contextmanager
def _interrupt() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C sets; a second Ctrl-C interrupts immediately."""
    stop = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def first(*_: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, first)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _line(done: StreamStatistics, depth: int) -> str:
    return (
        f"{done.frames:,} frames, {done.frames_per_second:.2f} frames/s, latency {done.latency_s(50):.3f} s, "
        f"{depth} waiting, {done.dropped:,} dropped, {done.rejected:,} rejected"
    )


def _print_result(
    done: StreamStatistics, settings: dict[str, Any], out: Path | None, json_file: Path | None
) -> None:
    result = done.to_dict() | settings | {"provenance": provenance()}
    megabytes = {name: value / 1e6 for name, value in result["memory"].items()}
    print(f"{done.frames:,} frames analysed, {done.frames_per_second:.3g} frames/s sustained; {done.ended}")
    print(f"latency {done.latency_s(50):.3f} s median, {done.latency_s(99):.3f} s 99th percentile")
    print(
        f"{done.received:,} received: {done.dropped:,} dropped, {done.rejected:,} rejected, "
        f"{done.unfinished:,} unfinished; {done.missed:,} lost by the source"
    )
    print(
        f"at most {done.queue_depth_max:,} {'gates' if settings['gates'] else 'frames'} in the queue; memory "
        f"{megabytes['start_bytes']:,.0f} MB after the first map, {megabytes['end_bytes']:,.0f} MB after the "
        f"last, {megabytes['peak_bytes']:,.0f} MB at most"
    )
    write_json(json_file, result)
    if out is not None and done.delivered:
        write_json(out / "stream.json", result)
