"""Options of a measured IRF and of the gates of a camera, which several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.panels import READING, RESPONSE

__all__ = [
    "DelayMapOption",
    "GateLengthOption",
    "IrfBinWidthOption",
    "IrfOption",
    "IrfPerPixelOption",
    "IrfRangeOption",
    "IrfShiftOption",
]

GateLengthOption = Annotated[
    float | None,
    typer.Option(
        help="Length of the gates of a camera in ns, if it differs from the step between them",
        rich_help_panel=READING,
    ),
]
IrfOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE|fit",
        help="Measured IRF (SDT or text), for estimators, direct networks and --quality; or fit: one fitted "
        "to the summed decay. {stem} in the name (of image) stands for the name of each measurement without "
        "suffix",
        rich_help_panel=RESPONSE,
    ),
]
IrfBinWidthOption = Annotated[
    float | None,
    typer.Option(
        help="Bin width of the IRF in ns, if its file does not contain it", rich_help_panel=RESPONSE
    ),
]
IrfRangeOption = Annotated[
    tuple[float, float] | None,
    typer.Option(help="Part of the IRF to use, in ns, e.g. to exclude late pulses", rich_help_panel=RESPONSE),
]
IrfShiftOption = Annotated[
    str,
    typer.Option(
        metavar="fit|fixed|NS",
        help="Delay of the measurement against the measured IRF: fitted to the summed decay, fixed at 0, or "
        "a number in ns",
        rich_help_panel=RESPONSE,
    ),
]
IrfPerPixelOption = Annotated[
    bool,
    typer.Option(
        "--irf-per-pixel",
        help="The IRF file has a response for each pixel of the image",
        rich_help_panel=RESPONSE,
    ),
]
DelayMapOption = Annotated[
    Path | None,
    typer.Option(
        help="TIFF, PNG or npy file with the delay of each pixel in ns, which is added to the IRF",
        rich_help_panel=RESPONSE,
    ),
]
