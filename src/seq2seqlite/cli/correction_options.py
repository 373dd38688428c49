"""Options of the commands for the pixels of a camera."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.panels import CAMERA

__all__ = ["BadPixelsOption", "DarkOption", "FlatOption", "HotPixelsOption"]

DarkOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|COUNTS",
        help="Dark level of a camera: gate series or frame without light, or one level in counts per gate",
        rich_help_panel=CAMERA,
    ),
]
FlatOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Flat field of a camera: gate series or image of uniform light",
        rich_help_panel=CAMERA,
    ),
]
BadPixelsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="TIFF, PNG or npy file, nonzero at hot and dead pixels", rich_help_panel=CAMERA
    ),
]
HotPixelsOption = Annotated[
    float | None,
    typer.Option(
        metavar="SIGMAS",
        help="Hot pixels of --dark: this many robust standard deviations above the median; inf finds none. "
        "Default: 5",
        rich_help_panel=CAMERA,
    ),
]
