"""Statistics of maps by region, as a table."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.regions.regions import Regions

__all__ = ["STATISTICS", "region_table", "table_text"]

PERCENTS = {"p05": 5, "p25": 25, "p75": 75, "p95": 95}
STATISTICS = ("median", "mean", "sd", "sem", *PERCENTS)
"""Columns of each map: median, mean, standard deviation, standard error of the mean, and percentiles."""


def region_table(maps: xr.Dataset, regions: Regions, /) -> list[dict[str, Any]]:
    """Return the statistics of maps by region.

    Parameters
    ----------
    maps : xarray.Dataset
        Result of :func:`~seq2seqlite.lifetime_map`.
    regions : Regions
        Regions of the image.

    Returns
    -------
    list of dict
        A row for each region: ``region`` (name), ``pixels`` (of the region within the image), ``photons``
        (of these pixels, from the map ``intensity``), ``pixels_analysed``, and for each map
        ``<map>_median``, ``_mean``, ``_sd``, ``_sem``, ``_p05``, ``_p25``, ``_p75`` and ``_p95``. The
        statistics are those of the analysed pixels with a finite value; None without such a pixel.

    See Also
    --------
    read_regions : Read regions from a file.
    table_text : The table as CSV.

    Notes
    -----
    The standard deviation is that of a sample (n - 1). The standard error, the standard deviation divided by
    the square root of the number of pixels, assumes independent pixels: with ``binning``, neighbouring pixels
    share photons, and it is too small.
    """
    analysed = np.isfinite(maps["tau_mean_ns"].values).ravel()
    values = {str(name): maps[name].values.ravel() for name in maps.data_vars}
    return [
        {
            "region": name,
            "pixels": int(index.size),
            "photons": _whole(float(values["intensity"][index].sum(dtype=np.float64))),
            "pixels_analysed": int(analysed[index].sum()),
        }
        | {
            f"{one}_{key}": value
            for one, image in values.items()
            for key, value in _statistics(image[index][analysed[index]]).items()
        }
        for name, index in zip(regions.names, regions.pixels, strict=True)
    ]


def table_text(rows: Sequence[Mapping[str, Any]], /) -> str:
    """Return rows as CSV, with the columns of all rows in their order, and empty cells for missing values.

    See Also
    --------
    region_table : Rows of regions.

    Examples
    --------
    >>> print(table_text([{"a": 1, "b": 0.123456789}, {"a": 2, "c": None}]), end="")
    a,b,c
    1,0.123457,
    2,,
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return text.getvalue()


def _statistics(values: NDArray[Any]) -> dict[str, float | None]:
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return dict.fromkeys(STATISTICS)
    deviation = float(finite.std(ddof=1)) if finite.size > 1 else None
    percentiles = np.percentile(finite, [50, *PERCENTS.values()])
    return {
        "median": float(percentiles[0]),
        "mean": float(finite.mean()),
        "sd": deviation,
        "sem": None if deviation is None else deviation / finite.size**0.5,
    } | {key: float(value) for key, value in zip(PERCENTS, percentiles[1:], strict=True)}


def _whole(photons: float) -> float | int:
    return int(photons) if photons.is_integer() else photons


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
