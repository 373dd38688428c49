"""``seq2seqlite image``: lifetime maps of measurements."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.errors import InputError
from seq2seqlite.imaging import LIFETIME_MAPS, MIN_PHOTONS, lifetime_map, load, write_maps

__all__ = ["image"]


def image(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="PTU, SDT, LIF, ICS, TIFF, npz, zarr, text or gate folder"),
    ],
    *,
    model: Annotated[str, typer.Option(help="Name of a shipped model, or path of one")],
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
    json_file: JsonOption = None,
) -> None:
    """Make lifetime maps of measurements."""
    from seq2seqlite.models import load_model

    folders = _folders(files, out)
    predictor = load_model(model)
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
                predictor,
                min_photons=min_photons,
                binning=binning,
                mask=mask,
                extrapolate=extrapolate,
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
    return [
        f"{summary['photons_in_file']:,} photons in the file, {summary['photons']:,} in its bins",
        f"{analysed} ({thresholds}), {summary['pixels_per_second']:,.0f} a second",
        f"re-binned {axes}, shifted by {done['shift_ns']:+.3f} ns{folded}{filled}",
    ]
