"""Options of the commands for the pixels of a camera."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["BadPixelsOption", "DarkOption", "FlatOption", "HotPixelsOption"]

DarkOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|COUNTS",
        help="Dark level of a camera: gate series or frame without light, or one level in counts per gate",
    ),
]
FlatOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Flat field of a camera: gate series or image of uniform light"),
]
BadPixelsOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="TIFF, PNG or npy file, nonzero at hot and dead pixels"),
]
HotPixelsOption = Annotated[
    float | None,
    typer.Option(
        metavar="SIGMAS",
        help="Hot pixels of --dark: this many robust standard deviations above the median; inf finds none. "
        "Default: 5",
    ),
]
