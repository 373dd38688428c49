"""Options of the readers that several commands have."""

from typing import Annotated

import typer

from seq2seqlite.cli.panels import READING

__all__ = ["BlockOption", "ChannelOption", "GateWidthOption", "PeriodOption"]

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
