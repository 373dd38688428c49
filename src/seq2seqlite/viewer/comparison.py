"""Comparison of two maps with one scale: common range of colours, and difference of the medians."""

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.figures.picture import display_limits
from seq2seqlite.viewer.state import ViewState

__all__ = ["Comparison", "comparison_table", "shared_limits"]


@dataclass(frozen=True)
class Comparison:
    """Two maps, A and B, of one quantity.

    Parameters
    ----------
    names : tuple of str
        Meanings of A and B, e.g. two kinds of mean lifetime.
    units : str
        Unit of both.
    first, second : ndarray of float32, shape (Y, X)
        Maps A and B; their shapes may differ.
    """

    names: tuple[str, str]
    units: str
    first: NDArray[np.float32]
    second: NDArray[np.float32]

    @classmethod
    def of(cls, maps: xr.Dataset, other: xr.Dataset, name: str, /) -> "Comparison":
        """Return the comparison of a map of two data sets.

        Raises
        ------
        InputError
            If the other data set does not have the map.
        """
        if name not in other:
            raise InputError(f"map={name!r} does not exist for {other.attrs['model']}; choose another map")
        first, second = maps[name], other[name]
        names = (str(first.attrs["long_name"]), str(second.attrs["long_name"]))
        return cls(names, first.attrs["units"], first.values, second.values)

    @property
    def medians(self) -> tuple[float, float]:
        """Medians of A and B, over their own pixels."""
        return float(np.nanmedian(self.first)), float(np.nanmedian(self.second))

    @property
    def paired(self) -> tuple[int, float, float] | None:
        """Number of pixels with both values, and median and standard deviation of B - A over them.

        None if the shapes differ, or no pixel has both values.
        """
        if self.first.shape != self.second.shape:
            return None
        difference = self.second.astype(np.float64) - self.first
        known = difference[np.isfinite(difference)]
        return (known.size, float(np.median(known)), float(known.std())) if known.size else None


def shared_limits(state: ViewState, *maps: xr.Dataset) -> tuple[float, float]:
    """Return the range of colours of maps: that of the state, or from the lowest to the highest limit.

    The pictures of a batch have the same range.
    """
    if state.limits is not None:
        return state.limits
    limits = [display_limits(each[state.shown].values) for each in maps]
    return min(low for low, _ in limits), max(high for _, high in limits)


def comparison_table(found: Comparison, names: tuple[str, str], pixel: tuple[int, int] | None, /) -> str:
    """Return medians, their difference and the values of a pixel as an HTML table."""
    sides = (found.first, found.second)
    sizes = [f"{int(np.isfinite(values).sum()):,}" for values in sides]
    medians = found.medians
    rows = [
        _row("pixels", "pixels", sizes),
        _row("median", "median", [f"{value:.4f}" for value in medians], f"{medians[1] - medians[0]:+.4f}"),
    ]
    if found.paired is not None:
        size, median, deviation = found.paired
        rows.append(
            _row(
                "paired", f"pixel by pixel ({size:,})", ["", ""], f"median {median:+.4f}, SD {deviation:.4f}"
            )
        )
    if pixel is not None:
        values = [_at(side, pixel) for side in sides]
        shown = ["-" if np.isnan(value) else f"{value:.3f}" for value in values]
        difference = values[1] - values[0]
        label = f"pixel ({pixel[0]}, {pixel[1]})"
        rows.append(_row("pixel", label, shown, "-" if np.isnan(difference) else f"{difference:+.3f}"))
    unit = f" / {found.units}" if found.units else ""
    same = found.names[0] == found.names[1]
    meaning = found.names[0] if same else f"A: {found.names[0]}, B: {found.names[1]}"
    return (
        f"<table class='comparison'><caption>{escape(meaning + unit)}</caption>"
        f"<tr><td></td><th class='fit'>A: {escape(names[0])}</th><th class='network'>B: {escape(names[1])}"
        f"</th><th>B - A</th></tr>{''.join(rows)}</table>"
    )


def _at(values: NDArray[Any], pixel: tuple[int, int]) -> float:
    x, y = pixel
    inside = 0 <= x < values.shape[1] and 0 <= y < values.shape[0]
    return float(values[y, x]) if inside else np.nan


def _row(key: str, label: str, values: list[str], difference: str = "") -> str:
    return (
        f"<tr><th>{label}</th><td data-q='a-{key}'>{values[0]}</td><td data-q='b-{key}'>{values[1]}</td>"
        f"<td data-q='difference-{key}'>{difference}</td></tr>"
    )
