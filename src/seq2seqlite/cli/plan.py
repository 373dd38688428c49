"""``seq2seqlite plan``: planning of an acquisition."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.completion import InstrumentOption
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.errors import InputError

__all__ = ["plan"]


def plan(
    instrument: InstrumentOption,
    tau_ns: Annotated[
        list[float],
        typer.Option("--tau", metavar="NS...", help="Lifetimes; the precision is required for each."),
    ],
    precision: Annotated[
        str, typer.Option(help="Relative standard error of a pixel's mean lifetime, e.g. 5% or 0.05.")
    ] = "5%",
    components: Annotated[
        int, typer.Option(help="Lifetimes of a decay. With 2, --tau has the two lifetimes of one decay.")
    ] = 1,
    amplitude_fraction: Annotated[
        float, typer.Option(help="Share of the first of two lifetimes in the amplitude.")
    ] = 0.5,
    background: Annotated[
        float | None,
        typer.Option(help="Share of background in the photons. Default: middle of the instrument's range."),
    ] = None,
    gate_length_ns: Annotated[
        list[float] | None,
        typer.Option(
            metavar="NS...", help="Gate lengths to compare. Default: three of the instrument's range."
        ),
    ] = None,
    bits: Annotated[
        list[int] | None,
        typer.Option(
            metavar="BITS...",
            help="Bits of the counters to compare; a gate is the sum of 2^bits - 1 one-bit frames.",
        ),
    ] = None,
    binary_frames_per_second: Annotated[
        float | None,
        typer.Option(help="One-bit frames per second. Default: that of the camera of a shipped instrument."),
    ] = None,
    photons_per_second: Annotated[
        float | None,
        typer.Option(help="Photons that reach the pixel in a second. Default: as many as are needed."),
    ] = None,
    max_occupancy: Annotated[
        float, typer.Option(help="Largest share of one-bit frames with a count, in the brightest gate.")
    ] = 0.8,
    every: Annotated[bool, typer.Option("--all", help="List all designs, not only the best ones.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Plot to write, e.g. plan.png.")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Plan an acquisition: photons, gates, bits and speed that a precision requires.

    The precision is the Cramér-Rao bound for a known response and a free background >= 0. The first design of
    the table has all gates of the instrument. "photons" are those in all gates, "at the pixel" also those
    that arrive while no gate is open. "same photons" and "same time" are the precisions with as many photons,
    and with as much time and light, as the first design has.
    """
    from seq2seqlite.reports.plan_report import plan_table
    from seq2seqlite.workflows.plan import plan_acquisition

    found = plan_acquisition(
        instrument,
        tau_ns,
        precision=_share(precision),
        components=components,
        amplitude_fraction=amplitude_fraction,
        background=background,
        gate_length_ns=gate_length_ns or (),
        bits=bits or (),
        binary_frames_per_second=binary_frames_per_second,
        photons_per_second=photons_per_second,
        max_occupancy=max_occupancy,
        out=out,
    )
    reached = sum(planned.reached for planned in found.designs)
    typer.echo(plan_table(found, every=every))
    typer.echo(f"{reached} of {len(found.designs)} designs reach a precision of {found.precision:.3g}")
    if out is not None:
        typer.echo(str(out))
    write_json(json_file, found.rows())


def _share(text: str) -> float:
    """Return a number, or a percentage, as a share."""
    number = text.strip().removesuffix("%")
    try:
        return float(number) / (100 if number != text.strip() else 1)
    except ValueError:
        raise InputError(f"precision={text!r} is not a number or percentage (e.g. 5%)") from None
