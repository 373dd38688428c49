"""Plot of a design space exploration."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done

__all__ = ["check_front", "write_front"]

# PNG text chunk that identifies a plot written by this module.
SOFTWARE = "seq2seqlite hardware explore"
MAX_TEXT_BYTES = 1024


def write_front(rows: Sequence[Mapping[str, Any]], frames_per_second: float, path: Path, /) -> Path:
    """Write a plot of frame rate against LUTs for every student and schedule, and return its path.

    Parameters
    ----------
    rows : sequence of mapping
        Designs of :func:`seq2seqlite.hardware.explore.explore`.
    frames_per_second : float
        Required frame rate.
    path : pathlib.Path
        PNG file to write.
    """
    check_front(path)
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    styles = ("-", "--", ":")
    models = list(dict.fromkeys(row["model"] for row in rows))
    for index, model in enumerate(models):
        own = [row for row in rows if row["model"] == model]
        for style, levels in zip(styles, sorted({row["levels_per_stage"] for row in own}), strict=False):
            line = [row for row in own if row["levels_per_stage"] == levels]
            axes.plot(
                [row["lut"] for row in line],
                [row["frames_per_second"] for row in line],
                style,
                marker=".",
                color=f"C{index}",
                linewidth=1,
                label=f"{model}, {levels:g} levels a stage",
            )
    best = [row for row in rows if row.get("best")]
    axes.plot(
        [row["lut"] for row in best],
        [row["frames_per_second"] for row in best],
        "*",
        color="k",
        markersize=12,
    )
    axes.axhline(frames_per_second, color="0.6", linewidth=0.8)
    axes.set(xlabel="look-up tables (estimate)", ylabel="frames a second (at the stated clock)")
    axes.legend(fontsize=7)
    with replace_when_done(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": SOFTWARE})
    return path


def check_front(path: Path, /) -> None:
    """Raise InputError if a file exists and was not written by :func:`write_front`.

    Raises
    ------
    InputError
        If the file exists and is something else.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        if SOFTWARE.encode() not in file.read(MAX_TEXT_BYTES):
            raise InputError(f"{path} was not written by hardware explore; move it or choose another folder")
