"""``seq2seqlite view``: lifetime maps in the browser."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from seq2seqlite.cli.completion import complete_predictor
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
from seq2seqlite.figures import PhasorOptions
from seq2seqlite.imaging.mask import MIN_PHOTONS
from seq2seqlite.io.read_options import EACH, ReadOptions
from seq2seqlite.predictors.source import FIT, predictor_source
from seq2seqlite.viewer import DEFAULT_MODEL, OpenedImages, ViewState
from seq2seqlite.viewer.folders import Folders, start_folder
from seq2seqlite.viewer.self_test import self_test as measure
from seq2seqlite.viewer.self_test import write_synthetic
from seq2seqlite.viewer.server import ViewServer, is_loopback

__all__ = ["view"]


def view(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE|FOLDER",
            help="Measurement, or folder of measurements. Without it, the page lists the folders of the user",
        ),
    ] = None,
    *,
    model: Annotated[
        str | None,
        typer.Option(
            help=f"Model or estimator at the start, as for image. Default: {DEFAULT_MODEL}, --irf fit",
            autocompletion=complete_predictor,
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
    frames: Annotated[
        str | None,
        typer.Option(metavar="sum|A:B", help="Sum of all frames, or of the frames A to B - 1, of a series"),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Measurement of a reference dye, which calibrates the phasors"),
    ] = None,
    reference_tau_ns: Annotated[
        float | None, typer.Option(help="Lifetime of the reference dye in ns (e.g. 4.0)")
    ] = None,
    port: PortOption = 0,
    host: HostOption = LOOPBACK,
    token: TokenOption = False,
    browser: BrowserOption = True,
    self_test: Annotated[
        bool,
        typer.Option(
            "--self-test",
            help="Measure the response times of the page, of a synthetic measurement without FILE, and exit",
        ),
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
    phasor = PhasorOptions(reference, reference_tau_ns)
    if frames == EACH:
        raise InputError(f"frames={frames} gives several maps, the page shows one; choose sum or A:B")
    read = ReadOptions(channel, block, gate_width_ns, period_ns, gate_length_ns=gate_length_ns, frames=frames)

    def opened(path: Path, address: dict[str, str]) -> OpenedImages:
        return OpenedImages(
            path,
            model=named,
            irf=response,
            read=read,
            irf_options=measured,
            backend=backend.value,
            phasor=phasor,
            address=address,
        )

    start = ViewState("", named, response, min_photons, binning)
    if self_test:
        with TemporaryDirectory() as folder:
            path = file or Path(folder) / "synthetic.npz"
            if file is None:
                write_synthetic(path)
            images = opened(path, {})
            result = measure(images, replace(start, file=next(iter(images.files()))))
        for name in ("first_map_s", "click_ms_median", "click_ms_p95"):
            print(f"{name} {result[name]:.3g}")
        write_json(json_file, result)
        return
    if file is None:
        if not is_loopback(host):
            raise InputError(f"--host {host} needs a FILE or FOLDER; add it")
        folders = Folders(*start_folder(), opened, start, ThreadPoolExecutor(1, "viewer"))
        _serve(ViewServer(application=folders, port=port, token=True), browser=browser)
        return
    images = opened(file, {})
    start = replace(start, file=next(iter(images.files())))
    _serve(ViewServer(images, start, host=host, port=port, token=token), browser=browser)


def _serve(server: ViewServer, *, browser: bool) -> None:
    """Serve the page until the program is interrupted."""
    with server:
        server.announce(browser=browser)
        server.wait()
