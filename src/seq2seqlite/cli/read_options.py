"""Options of the readers, and dimensions of an image, that several commands have."""

import re
from typing import Annotated

import typer

from seq2seqlite.cli.panels import READING
from seq2seqlite.errors import InputError

__all__ = ["BlockOption", "ChannelOption", "GateWidthOption", "PeriodOption", "image_size"]

ChannelOption = Annotated[int | None, typer.Option(help="Detector channel", rich_help_panel=READING)]
BlockOption = Annotated[
    int | None,
    typer.Option(
        help="Data block of an SDT file, image of a LIF file, or kind of gates of an HDF5 file",
        rich_help_panel=READING,
    ),
]
PeriodOption = Annotated[
    float | None,
    typer.Option(help="Laser period in ns, if the file does not contain it", rich_help_panel=READING),
]
GateWidthOption = Annotated[
    float | None,
    typer.Option(help="Bin width in ns, if the file does not contain it", rich_help_panel=READING),
]


def image_size(text: str, /, *, option: str) -> tuple[int, int]:
    """Return the rows and columns of an option such as ``64x64``.

    Raises
    ------
    InputError
        If the text has another form, or a number is 0.
    """
    size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if size is None or 0 in (found := (int(size[1]), int(size[2]))):
        raise InputError(f"{option} {text} must be rows x columns (e.g. 64x64)")
    return found
