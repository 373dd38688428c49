"""``seq2seqlite image``: lifetime maps of measurements."""

from pathlib import Path
from typing import Annotated, Any

import typer
import xarray as xr
from rich.console import Console
from rich.table import Table

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.datasets import read_irf
from seq2seqlite.decay import Irf
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import ESTIMATORS, aligned_irf, estimator_named, fit_irf
from seq2seqlite.imaging import (
    LIFETIME_MAPS,
    MIN_PHOTONS,
    InPlace,
    Predictor,
    Quality,
    estimator_axis,
    lifetime_map,
    load,
    write_maps,
)

__all__ = ["image", "predictor_named"]


def image(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="PTU, SDT, LIF, ICS, TIFF, npz, zarr, text or gate folder"),
    ],
    *,
    model: Annotated[
        str,
        typer.Option(help=f"Shipped model, .npz or .program file, or an estimator: {', '.join(ESTIMATORS)}"),
    ],
    out: Annotated[
        Path, typer.Option(file_okay=False, help="Folder to write to; several files get a sub-folder each")
    ],
    channel: Annotated[int | None, typer.Option(help="Detector channel")] = None,
    block: Annotated[int | None, typer.Option(help="Data set of an SDT or LIF file")] = None,
    period_ns: Annotated[
        float | None, typer.Option(help="Laser period in ns, where the file does not say it")
    ] = None,
    gate_width_ns: Annotated[
        float | None, typer.Option(help="Bin width in ns, where the file does not say it")
    ] = None,
    min_photons: Annotated[
        float, typer.Option(help="Fewest counts of a pixel that is analysed, after binning")
    ] = MIN_PHOTONS,
    binning: Annotated[
        int, typer.Option(help="Sum (2n+1) x (2n+1) neighbours; the image keeps its size")
    ] = 0,
    mask: Annotated[
        Path | None, typer.Option(help="TIFF, PNG or npy, nonzero where pixels are analysed")
    ] = None,
    extrapolate: Annotated[
        bool, typer.Option("--extrapolate", help="Fill a short window with an exponential tail")
    ] = False,
    drop: Annotated[
        list[str] | None, typer.Option(help="Gate to leave out of a series, e.g. B149; may be repeated")
    ] = None,
    irf: Annotated[
        Path | None, typer.Option(help="Measured IRF (SDT or text), for estimators and --quality")
    ] = None,
    irf_bin_width_ns: Annotated[
        float | None, typer.Option(help="Bin width of the IRF in ns, where its file does not say it")
    ] = None,
    irf_range_ns: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Part of the IRF that counts, in ns: leaves out late pulses"),
    ] = None,
    quality: Annotated[
        bool,
        typer.Option("--quality", help="Also map chi-square and deviation, and flag pixels not to believe"),
    ] = False,
    pulses: Annotated[
        float | None, typer.Option(help="Laser pulses in a pixel's exposure, for --quality to see pile-up")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Make lifetime maps of measurements.

    An estimator works on the measurement's own bins; without --irf one is fitted to the summed decay.
    """
    folders = _folders(files, out)
    if pulses is not None and not quality:
        raise InputError(f"--pulses {pulses:g} is for --quality; add it")
    given = None if irf is None else read_irf(irf, bin_width_ns=irf_bin_width_ns)
    if given is not None and irf_range_ns is not None:
        given = given.within(*irf_range_ns)
    trained = None if model in ESTIMATORS else predictor_named(model)
    console, summaries = Console(), []
    for file, folder in zip(files, folders, strict=True):
        data = load(
            file,
            channel=channel,
            block=block,
            gate_width_ns=gate_width_ns,
            period_ns=period_ns,
            drop=tuple(drop or ()),
        )
        with progress_bar(file.name) as progress:
            maps = lifetime_map(
                data,
                _estimator(model, data, given) if trained is None else trained,
                min_photons=min_photons,
                binning=binning,
                mask=mask,
                extrapolate=extrapolate,
                quality=Quality(given, pulses) if quality else None,
                progress=progress,
            )
        summary = write_maps(maps, folder)
        summaries.append(summary)
        print(file)
        console.print(_table(summary))
        for remark in _remarks(summary):
            print(remark)
        for path in summary["files"]:
            print(path)
    write_json(json_file, summaries[0] if len(summaries) == 1 else {"images": summaries})


def predictor_named(name: str, /) -> Predictor:
    """Return a shipped model, or that of a .npz or .program file, as a predictor."""
    from seq2seqlite.integer import SUFFIX, ProgramPredictor, read_program
    from seq2seqlite.models import load_model

    return ProgramPredictor(read_program(name)) if Path(name).suffix == SUFFIX else load_model(name)


def _estimator(name: str, data: xr.DataArray, irf: Irf | None) -> InPlace:
    """Return an estimator for a measurement's own bins, with the IRF in its place."""
    axis, decay, edge_ns = estimator_axis(data)
    placed = fit_irf(decay, axis=axis) if irf is None else aligned_irf(irf, decay, axis=axis)
    return InPlace(estimator_named(name, axis=axis, irf=placed), edge_ns)


def _folders(files: list[Path], out: Path) -> list[Path]:
    for file in files:  # before the first is worked on
        if not file.exists():
            raise InputError(f"{file} does not exist; check the path")
    if len(files) == 1:
        return [out]
    folders = [out / file.name for file in files]
    for first, folder in enumerate(folders):
        if folder in folders[:first]:
            raise InputError(
                f"two files are named {folder.name}; give them to two runs with two --out folders"
            )
    return folders


def _table(summary: dict[str, Any]) -> Table:
    table = Table("", "median", "5 %", "95 %")
    for name, unit in LIFETIME_MAPS.items():
        spread = [summary[name][key] for key in ("median", "p5", "p95")]
        table.add_row(
            f"{name}{'' if unit else ' (share)'}",
            *("-" if value is None else f"{value:.3f}" for value in spread),
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
    flagged = []
    if "quality" in summary:
        share = summary["pixels_flagged"] / max(summary["pixels_analysed"], 1)
        flagged = [
            f"{summary['pixels_flagged']:,} pixels flagged ({share:.1%}), IRF {summary['quality']['irf']}"
        ]
    return [
        f"{summary['photons_in_file']:,} photons in the file, {summary['photons']:,} in its bins",
        f"{analysed} ({thresholds}), {summary['pixels_per_second']:,.0f} a second",
        f"re-binned {axes}, shifted by {done['shift_ns']:+.3f} ns{folded}{filled}",
        *flagged,
    ]
