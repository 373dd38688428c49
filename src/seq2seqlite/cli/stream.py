"""``seq2seqlite stream``: lifetime maps during a measurement."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from seq2seqlite.cli.completion import complete_predictor, complete_source
from seq2seqlite.cli.irf_options import (
    DelayMapOption,
    GateLengthOption,
    IrfBinWidthOption,
    IrfOption,
    IrfPerPixelOption,
    IrfRangeOption,
    IrfShiftOption,
)
from seq2seqlite.cli.live import StreamPage
from seq2seqlite.cli.model_options import Backend, BackendOption
from seq2seqlite.cli.output import JsonOption, with_option_names, write_json
from seq2seqlite.cli.page_options import LOOPBACK, BrowserOption, HostOption, PortOption, TokenOption
from seq2seqlite.cli.progress import live_line
from seq2seqlite.cli.read_options import ChannelOption, GateWidthOption, PeriodOption, image_size
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import ESTIMATORS
from seq2seqlite.imaging.mask import MIN_PHOTONS
from seq2seqlite.predictors.source import FIT
from seq2seqlite.streaming.queue import Policy
from seq2seqlite.streaming.run import StreamError
from seq2seqlite.streaming.statistics import StreamStatistics
from seq2seqlite.workflows.stream import stream as stream_maps

__all__ = ["stream"]


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
            "instrument or its TOML file (simulated camera), a board with a camera (board:udp://…), or, with "
            "--follow, a .ptu file during its recording",
            autocompletion=complete_source,
        ),
    ],
    *,
    model: Annotated[
        str | None,
        typer.Option(
            help="Shipped model, .npz or .program file, board:ADDRESS, or estimator: "
            f"{', '.join(ESTIMATORS)}. Default: a model of the named instrument, or one that fits the first "
            "frame",
            autocompletion=complete_predictor,
        ),
    ] = None,
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
    channel: ChannelOption = None,
    period_ns: PeriodOption = None,
    gate_width_ns: GateWidthOption = None,
    gate_length_ns: GateLengthOption = None,
    irf: IrfOption = None,
    irf_bin_width_ns: IrfBinWidthOption = None,
    irf_range_ns: IrfRangeOption = None,
    irf_shift: IrfShiftOption = FIT,
    irf_per_pixel: IrfPerPixelOption = False,
    delay_map: DelayMapOption = None,
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
    view: Annotated[
        bool, typer.Option("--view", help="Show the stream in the browser; requires the extra 'viewer'")
    ] = False,
    port: PortOption = 0,
    host: HostOption = LOOPBACK,
    token: TokenOption = False,
    browser: BrowserOption = True,
    close_page: Annotated[
        bool, typer.Option("--close-page", help="End the page with the stream; default: Ctrl-C ends it")
    ] = False,
    json_file: JsonOption = None,
) -> None:
    """Make lifetime maps during a measurement.

    Ctrl-C ends the stream after the current frame. The statistics are printed, and all results are kept. The
    page of --view stays open; another Ctrl-C ends it.
    """
    page = StreamPage(
        source,
        model or "default model",
        view=view,
        browser=browser,
        stay=not close_page,
        host=host,
        port=port,
        token=token,
    )
    try:
        with page, _interrupt() as stop, live_line() as (show, say):
            result = stream_maps(
                source,
                model,
                backend=backend.value,
                fps=fps,
                policy=policy,
                queue=queue,
                frames=frames,
                duration_s=duration,
                timeout_s=timeout,
                out=out,
                gates=gates,
                normalisation=None if normalisation is None else normalisation.value,
                follow=follow,
                repeat=repeat,
                shape=image_size(frame, option="--frame"),
                photons=photons,
                channel=channel,
                period_ns=period_ns,
                gate_width_ns=gate_width_ns,
                gate_length_ns=gate_length_ns,
                irf=irf,
                irf_bin_width_ns=irf_bin_width_ns,
                irf_range_ns=irf_range_ns,
                irf_shift=irf_shift,
                irf_per_pixel=irf_per_pixel,
                delay_map=delay_map,
                min_photons=min_photons,
                binning=binning,
                mask=mask,
                extrapolate=extrapolate,
                stop=stop,
                preparing=show,
                **page.hooks(
                    progress=lambda done, depth: show(_line(done, depth)),
                    simulating=lambda done, parts: show(f"simulating the camera, {done / parts:.0%}"),
                    report=lambda line: say(with_option_names(line)),
                ),
            )
    except InputError as error:
        if isinstance(error, StreamError) and error.result is not None:
            _print_result(error.result, json_file)
        page.finish()
        raise
    _print_result(result, json_file)
    page.finish(result)


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


def _print_result(result: dict[str, Any], json_file: Path | None) -> None:
    megabytes = {name: value / 1e6 for name, value in result["memory"].items()}
    print(
        f"{result['frames']:,} frames analysed, {result['frames_per_second']:.3g} frames/s sustained; "
        f"{result['ended']}"
    )
    print(
        f"latency {result['latency_median_s']:.3f} s median, {result['latency_p99_s']:.3f} s 99th percentile"
    )
    if result["backlog"]:
        print(f"rate and latency are those after an initial backlog of {result['backlog']:,} frames")
    print(
        f"{result['received']:,} received: {result['dropped']:,} dropped, {result['rejected']:,} rejected, "
        f"{result['unfinished']:,} unfinished; {result['missed']:,} lost by the source"
    )
    print(
        f"at most {result['queue_depth_max']:,} {'gates' if result['gates'] else 'frames'} in the queue; "
        f"memory {megabytes['start_bytes']:,.0f} MB after the first map, {megabytes['end_bytes']:,.0f} MB "
        f"after the last, {megabytes['peak_bytes']:,.0f} MB at most"
    )
    write_json(json_file, result)
