"""Files of figures: PNG, SVG or PDF."""

import warnings
from pathlib import Path
from typing import Any, BinaryIO

from matplotlib import rc_context
from matplotlib.figure import Figure

from seq2seqlite.figures.picture import PictureOptions

__all__ = ["write_figure"]

# Text stays text, and the same figure gives the same file.
STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "seq2seqlite", "pdf.fonttype": 42}
DATES = {"svg": "Date", "pdf": "CreationDate"}


def write_figure(figure: Figure, file: Path | BinaryIO, options: PictureOptions, /) -> None:
    """Write a figure in the format and resolution of the options."""
    kind = options.file_format
    metadata = {DATES[kind]: None} if kind in DATES else None
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # of file names that the font lacks
        _place(figure, options.dpi)
        figure.savefig(file, dpi=options.dpi, format=kind, metadata=metadata)


def _place(figure: Figure, dpi: float) -> None:
    """Place the axes once; ``savefig`` would do so twice, and draw the figure once more for it."""
    engine = figure.get_layout_engine()
    if engine is not None:
        figure.set_dpi(dpi)
        engine.execute(figure)
        figure.set_layout_engine("none")
