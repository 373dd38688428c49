"""``seq2seqlite image``: lifetime maps of measurements."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from seq2seqlite.batch.jobs import Done
from seq2seqlite.batch.tables import BATCH_TABLE
from seq2seqlite.cli.correction_options import BadPixelsOption, DarkOption, FlatOption, HotPixelsOption
from seq2seqlite.cli.irf_options import (
    DelayMapOption,
    GateLengthOption,
    IrfBinWidthOption,
    IrfOption,
    IrfPerPixelOption,
    IrfRangeOption,
    IrfShiftOption,
)
from seq2seqlite.cli.model_options import Backend, BackendOption, OptionalPredictorOption
from seq2seqlite.cli.output import JsonOption, with_option_names, write_json
from seq2seqlite.cli.panels import FIGURES, MAXIMUM_LIKELIHOOD, PHASORS, READING, TABLES, WORKERS
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.cli.read_options import BlockOption, GateWidthOption, PeriodOption
from seq2seqlite.errors import InputError
from seq2seqlite.figures.picture import PICTURE_FORMATS
from seq2seqlite.imaging.mask import MIN_PHOTONS
from seq2seqlite.maps import SUMMARY_MAPS
from seq2seqlite.predictors.shared_lifetimes import Sharing
from seq2seqlite.predictors.source import FIT
from seq2seqlite.results.map_outputs import FORMATS
from seq2seqlite.workflows.image import write_lifetime_maps

__all__ = ["image"]

PictureFormat = StrEnum("PictureFormat", {name.upper(): name for name in PICTURE_FORMATS})  # type: ignore[misc]
PNG = PictureFormat("png")
Format = StrEnum("Format", {name.upper().replace("-", "_"): name for name in FORMATS})  # type: ignore[misc]


def image(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="PTU, SDT, LIF, ICS, TIFF, HDF5, npz, zarr or text file, or folder of gate images; with "
            "--frames each, folder of PTU, SDT, ICS or npz files",
        ),
    ],
    *,
    model: OptionalPredictorOption = None,
    out: Annotated[
        Path, typer.Option(file_okay=False, help="Output folder; with several files, one subfolder per file")
    ],
    backend: BackendOption = Backend.AUTO,
    channel: Annotated[
        str | None,
        typer.Option(
            metavar="N|all",
            help="Detector channel, or all: maps of each channel in a subfolder of its own",
            rich_help_panel=READING,
        ),
    ] = None,
    block: BlockOption = None,
    frames: Annotated[
        str | None,
        typer.Option(
            metavar="sum|each|A:B",
            help="Frames of a PTU, SDT or TIFF file, or files of a folder: their sum, a map of each, with "
            "axes T and Z, or the sum of the frames A to B - 1. Default: sum, with a warning",
            rich_help_panel=READING,
        ),
    ] = None,
    frame_time_s: Annotated[
        float | None,
        typer.Option(
            help="Time between two frames in s, if the file does not contain it", rich_help_panel=READING
        ),
    ] = None,
    period_ns: PeriodOption = None,
    gate_width_ns: GateWidthOption = None,
    gate_length_ns: GateLengthOption = None,
    min_photons: Annotated[
        float,
        typer.Option(help="Photon threshold: smallest number of counts of an analysed pixel, after binning"),
    ] = MIN_PHOTONS,
    binning: Annotated[
        int, typer.Option(help="Sum (2n+1) x (2n+1) neighbouring pixels; the image size does not change")
    ] = 0,
    mask: Annotated[
        Path | None, typer.Option(help="TIFF, PNG or npy file, nonzero where pixels are analysed")
    ] = None,
    extrapolate: Annotated[
        bool, typer.Option("--extrapolate", help="Extend a short window by an exponential tail")
    ] = False,
    also: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Further maps, separated by commas: tau_intensity_ns (intensity-weighted mean lifetime), "
            "photon_fraction and bound_free_ratio (of the amplitudes), which need two lifetimes; "
            "fret_efficiency, with --donor-tau-ns",
        ),
    ] = None,
    donor_tau_ns: Annotated[
        float | None, typer.Option(help="Lifetime of the donor without acceptor in ns, for fret_efficiency")
    ] = None,
    cmap: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Colours of lifetime.png: even-lightness (default) or one of Matplotlib",
            rich_help_panel=FIGURES,
        ),
    ] = None,
    colour_range: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--range",
            metavar="LOW HIGH",
            help="Lifetimes of the first and the last colour in ns. Default: 2nd and 98th percentile; with "
            "several files, one range for all",
            rich_help_panel=FIGURES,
        ),
    ] = None,
    decay_figure: Annotated[
        bool,
        typer.Option(
            "--decay/--no-decay",
            help="Fit the summed decay and write its figure, decay.png",
            rich_help_panel=FIGURES,
        ),
    ] = True,
    gamma: Annotated[
        float | None,
        typer.Option(
            help="Exponent of the intensity in the brightness; default: 0.6", rich_help_panel=FIGURES
        ),
    ] = None,
    picture_format: Annotated[
        PictureFormat, typer.Option(help="Format of the figures", rich_help_panel=FIGURES)
    ] = PNG,
    dpi: Annotated[
        int | None,
        typer.Option(
            help="Resolution of the figures in dots per inch; default: 150", rich_help_panel=FIGURES
        ),
    ] = None,
    phasor: Annotated[
        bool,
        typer.Option(
            "--phasor/--no-phasor", help="Write phasor.png, and maps of G and S", rich_help_panel=PHASORS
        ),
    ] = True,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Measurement of a reference dye, which calibrates the phasors",
            rich_help_panel=PHASORS,
        ),
    ] = None,
    reference_tau_ns: Annotated[
        float | None,
        typer.Option(help="Lifetime of the reference dye in ns (e.g. 4.0)", rich_help_panel=PHASORS),
    ] = None,
    phasor_medians: Annotated[
        int,
        typer.Option(help="Passes of a median filter of 3 x 3 pixels over G and S", rich_help_panel=PHASORS),
    ] = 0,
    cursor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="G,S,RADIUS",
            help="Circle of phasor.png whose pixels are shown; may be repeated",
            rich_help_panel=PHASORS,
        ),
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option(
            metavar="LABELS",
            help="Label image (TIFF, PNG, npy), Fiji ROIs (.roi, .zip) or GeoJSON: write statistics by "
            "region to regions.csv. {stem} in the name stands for the file name without suffix",
            rich_help_panel=TABLES,
        ),
    ] = None,
    conditions: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help="Pattern of the file names, e.g. '{cell}_{dose}.ptu': columns of batch.csv",
            rich_help_panel=TABLES,
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(help="Gate of a series to exclude, e.g. B149; may be repeated", rich_help_panel=READING),
    ] = None,
    dark: DarkOption = None,
    flat: FlatOption = None,
    bad_pixels: BadPixelsOption = None,
    hot_pixels: HotPixelsOption = None,
    irf: IrfOption = None,
    irf_bin_width_ns: IrfBinWidthOption = None,
    irf_range_ns: IrfRangeOption = None,
    irf_shift: IrfShiftOption = FIT,
    irf_per_pixel: IrfPerPixelOption = False,
    delay_map: DelayMapOption = None,
    fixed_tau_ns: Annotated[
        list[float] | None,
        typer.Option(
            help="Fixed lifetime of mle-mono, mle-bi or mle-tri in ns; repeated for each component",
            rich_help_panel=MAXIMUM_LIKELIHOOD,
        ),
    ] = None,
    fit_range_ns: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="Part of the decay that maximum likelihood fits, in ns after the first bin",
            rich_help_panel=MAXIMUM_LIKELIHOOD,
        ),
    ] = None,
    exclude_ns: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LOW:HIGH",
            help="Part of the decay that maximum likelihood does not fit, in ns after the first bin; may be "
            "repeated",
            rich_help_panel=MAXIMUM_LIKELIHOOD,
        ),
    ] = None,
    scatter: Annotated[
        bool,
        typer.Option(
            "--scatter",
            help="Fit scattered excitation light, which has the shape of --irf, by maximum likelihood too",
            rich_help_panel=MAXIMUM_LIKELIHOOD,
        ),
    ] = False,
    shared_lifetimes: Annotated[
        Sharing | None,
        typer.Option(
            help="Fit the lifetimes of maximum likelihood once, to the summed decay of the analysed pixels "
            "of each image, or of all images of a batch together; each pixel is then fitted with these "
            "lifetimes",
            rich_help_panel=MAXIMUM_LIKELIHOOD,
        ),
    ] = None,
    quality: Annotated[
        bool,
        typer.Option("--quality", help="Also map chi-square and deviation, and flag unreliable pixels"),
    ] = False,
    pulses: Annotated[
        float | None,
        typer.Option(help="Excitation pulses in the exposure of a pixel; includes pile-up in --quality"),
    ] = None,
    file_format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="tiff: one file per map; ome-tiff, ome-zarr: one image with the maps as channels. Zarr "
            "input is written to ome-zarr tile by tile, so that it may exceed the memory. Default: tiff; for "
            "stacks of frames, ome-zarr",
            rich_help_panel=WORKERS,
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            help="Worker processes for files and tiles of stacks; more than 1 requires the extra cluster",
            rich_help_panel=WORKERS,
        ),
    ] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Dask scheduler of the workers, tcp://host:port; requires the extra cluster",
            rich_help_panel=WORKERS,
        ),
    ] = None,
    redo: Annotated[
        bool, typer.Option("--redo", help="Overwrite the results of an earlier run of the same command")
    ] = False,
    json_file: JsonOption = None,
) -> None:
    """Make lifetime maps of measurements.

    Zarr stacks (T, Z, Y, X, H) may be larger than memory. With several files or a stack, an interrupted run
    resumes when the same command is repeated. If a file fails, the error is reported, the other files are
    processed, and the exit code is 2.

    An estimator uses the bins of the measurement without re-binning; without --irf, it uses an IRF fitted to
    the summed decay. A direct network uses the IRF of --irf; without, it works with larger errors.
    """
    results = write_lifetime_maps(
        files,
        model,
        out,
        backend=backend.value,
        channel=channel,
        block=block,
        frames=frames,
        frame_time_s=frame_time_s,
        period_ns=period_ns,
        gate_width_ns=gate_width_ns,
        gate_length_ns=gate_length_ns,
        min_photons=min_photons,
        binning=binning,
        mask=mask,
        extrapolate=extrapolate,
        also=None if also is None else [name.strip() for name in also.split(",")],
        donor_tau_ns=donor_tau_ns,
        cmap=cmap,
        colour_range=colour_range,
        decay_figure=decay_figure,
        gamma=gamma,
        picture_format=picture_format.value,
        dpi=dpi,
        phasor=phasor,
        reference=reference,
        reference_tau_ns=reference_tau_ns,
        phasor_medians=phasor_medians,
        cursors=[_cursor(text) for text in cursor or ()],
        regions=regions,
        conditions=conditions,
        drop=drop or (),
        dark=dark,
        flat=flat,
        bad_pixels=bad_pixels,
        hot_pixels=hot_pixels,
        irf=irf,
        irf_bin_width_ns=irf_bin_width_ns,
        irf_range_ns=irf_range_ns,
        irf_shift=irf_shift,
        irf_per_pixel=irf_per_pixel,
        delay_map=delay_map,
        fixed_tau_ns=fixed_tau_ns or (),
        fit_range_ns=fit_range_ns,
        exclude_ns=[_part(text) for text in exclude_ns or ()],
        scatter=scatter,
        shared_lifetimes=None if shared_lifetimes is None else shared_lifetimes.value,
        quality=quality,
        pulses=pulses,
        file_format=None if file_format is None else file_format.value,
        workers=workers,
        scheduler=scheduler,
        redo=redo,
        progress=progress_bar,
        finished=_print_done,
    )
    table = out / BATCH_TABLE
    if len(results) > 1 and table.is_file():
        print(table)
    write_json(json_file, _result(results))
    if any(done.summary is None for done in results):
        raise typer.Exit(2)


def _part(text: str) -> tuple[float, float]:
    """Return start and end of a part of the decay."""
    try:
        low, high = (float(number) for number in text.split(":"))
    except ValueError:
        raise InputError(f"exclude_ns={text} must be two times in ns, LOW:HIGH (e.g. 6.5:7.2)") from None
    return low, high


def _cursor(text: str) -> tuple[float, float, float]:
    """Return G, S and radius of a cursor."""
    try:
        real, imag, radius = (float(number) for number in text.split(","))
    except ValueError:
        raise InputError(
            f"--cursor {text} must have three numbers: G,S,RADIUS (e.g. 0.4,0.45,0.05)"
        ) from None
    return real, imag, radius


def _print_done(done: Done) -> None:
    if done.summary is None:
        print(f"error: {with_option_names(done.reason or '')}", file=sys.stderr)
    elif done.state == "skipped":
        print(f"{done.path}: finished by an earlier run, {done.folder}")
    else:
        _show(done.path, done.summary)


def _result(results: list[Done]) -> dict[str, Any]:
    if len(results) == 1 and results[0].summary is not None:
        return results[0].summary
    summaries = [done.summary for done in results if done.summary is not None]
    return {"images": summaries, "inputs": [done.described() for done in results]}


def _show(file: Path, summary: dict[str, Any]) -> None:
    print(file)
    if "model_choice" in summary:
        print(summary["model_choice"])
    Console().print(_table(summary))
    for remark in _remarks(summary):
        print(remark)
    for warning in summary.get("warnings", ()):
        print(f"warning: {with_option_names(warning)}", file=sys.stderr)
    for path in summary["files"]:
        print(path)


def _table(summary: dict[str, Any]) -> Table:
    table = Table("", "median", "5 %", "95 %", "meaning")
    for name in SUMMARY_MAPS:
        if name not in summary:
            continue
        spread = [summary[name][key] for key in ("median", "p5", "p95")]
        table.add_row(
            name,
            *("-" if value is None else f"{value:.3f}" for value in spread),
            summary.get("quantities", {}).get(name, ""),
        )
    return table


def _remarks(summary: dict[str, Any]) -> list[str]:
    done = summary["rebinning"]
    folded = f", {done['folded']} periods folded" if done["folded"] > 1 else ""
    gates = "gate" if done["gates_filled"] == 1 else "gates"
    filled = f", {done['gates_filled']} {gates} {done['filled']}" if done["gates_filled"] else ""
    thresholds = f"counts >= {summary['min_photons']:g}, {summary['pixels_saturated']:,} saturated"
    axes = (
        f"{done['source_bins']} x {done['source_width_ns']:.4g} ns to "
        f"{done['target_gates']} x {done['target_width_ns']:.4g} ns"
    )
    analysed = f"{summary['pixels_analysed']:,} of {summary['pixels']:,} pixels analysed"
    known = summary.get("tau_range_ns")
    ranges = [] if known is None else ["lifetimes of {:.3g} to {:.3g} ns can be found".format(*known)]
    shared_line, flagged = [], []
    if "shared_lifetimes" in summary:
        shared = summary["shared_lifetimes"]
        taus = zip(shared["taus_ns"], shared["taus_std_ns"], strict=True)
        listed = ", ".join(f"{tau:.4g} ± {std:.2g} ns" for tau, std in taus)
        shared_line = [f"lifetimes shared by the {shared['of']}: {listed}"]
    camera = summary.get("corrections")
    corrected = [] if camera is None else [f"{camera['pixels_bad']:,} hot, dead or bad pixels left out"]
    if "quality" in summary:
        share = summary["pixels_flagged"] / max(summary["pixels_analysed"], 1)
        flagged = [
            f"{summary['pixels_flagged']:,} pixels flagged ({share:.1%}), IRF {summary['quality']['irf']}"
        ]
    return [
        f"{summary['photons_in_file']:,} photons in the file, {summary['photons']:,} in its bins",
        f"{analysed} ({thresholds}), {summary['pixels_per_second']:,.0f} a second",
        f"re-binned {axes}, shifted by {done['shift_ns']:+.3f} ns{folded}{filled}",
        *ranges,
        *shared_line,
        *corrected,
        *flagged,
    ]
