"""``seq2seqlite view``: lifetime maps in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.irf_options import (
    GateLengthOption,
    IrfBinWidthOption,
    IrfOption,
    IrfRangeOption,
    IrfShiftOption,
)
from seq2seqlite.cli.model_options import Backend, BackendOption
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.page_options import LOOPBACK, BrowserOption, HostOption, PortOption, TokenOption
from seq2seqlite.cli.read_options import BlockOption, ChannelOption, GateWidthOption, PeriodOption
from seq2seqlite.errors import InputError
from seq2seqlite.imaging.mask import MIN_PHOTONS
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.predictors.source import FIT, predictor_source
from seq2seqlite.viewer import DEFAULT_MODEL, OpenedImages, ViewState
from seq2seqlite.viewer.self_test import self_test as measure
from seq2seqlite.viewer.server import ViewServer

__all__ = ["view"]


def view(
    file: Annotated[
        Path, typer.Argument(metavar="FILE|FOLDER", help="Measurement, or folder of measurements")
    ],
    *,
    model: Annotated[
        str | None,
        typer.Option(
            help=f"Model or estimator at the start, as for image. Default: {DEFAULT_MODEL}, --irf fit"
        ),
    ] = None,
    backend: BackendOption = Backend.AUTO,
    irf: IrfOption = None,
    irf_bin_width_ns: IrfBinWidthOption = None,
    irf_range_ns: IrfRangeOption = None,
    irf_shift: IrfShiftOption = FIT,
    min_photons: Annotated[
        float,
        typer.Option(
            "--threshold",
            "--min-photons",
            help="Photon threshold: smallest number of counts of an analysed pixel, after binning",
        ),
    ] = MIN_PHOTONS,
    binning: Annotated[int, typer.Option(help="Sum (2n+1) x (2n+1) neighbouring pixels")] = 0,
    channel: ChannelOption = None,
    block: BlockOption = None,
    period_ns: PeriodOption = None,
    gate_width_ns: GateWidthOption = None,
    gate_length_ns: GateLengthOption = None,
    port: PortOption = 0,
    host: HostOption = LOOPBACK,
    token: TokenOption = False,
    browser: BrowserOption = True,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Measure the response times of the page, and exit")
    ] = False,
    json_file: JsonOption = None,
) -> None:
    """Show lifetime maps, and the decay of a clicked pixel, in the browser.

    The page runs on this computer and is reachable from this computer only, unless --host is given. Ctrl-C
    ends it.
    """
    if json_file is not None and not self_test:
        raise InputError("--json writes the result of --self-test; add it")
    if model is None and irf is None:
        irf = Path(FIT)
    named, response = model or DEFAULT_MODEL, "" if irf is None else str(irf)
    measured = {"irf_bin_width_ns": irf_bin_width_ns, "irf_range_ns": irf_range_ns, "irf_shift": irf_shift}
    predictor_source(named, backend=backend.value, irf=irf, **measured)  # type: ignore[arg-type]
    images = OpenedImages(
        file,
        model=named,
        irf=response,
        read=ReadOptions(channel, block, gate_width_ns, period_ns, gate_length_ns=gate_length_ns),
        irf_options=measured,
        backend=backend.value,
    )
    start = ViewState(next(iter(images.files())), named, response, min_photons, binning)
    if self_test:
        result = measure(images, start)
        for name in ("first_map_s", "click_ms_median", "click_ms_p95"):
            print(f"{name} {result[name]:.3g}")
        write_json(json_file, result)
        return
    with ViewServer(images, start, host=host, port=port, token=token) as server:
        server.announce(browser=browser)
        server.wait()
