"""Table of the regions of one measurement: statistics of its maps, and lifetimes of the summed decays."""

from typing import Any

import numpy as np
import xarray as xr

from seq2seqlite.decay import FitModel
from seq2seqlite.figures import DecayRecord
from seq2seqlite.regions.decays import decay_columns, region_decays
from seq2seqlite.regions.regions import Regions
from seq2seqlite.regions.table import region_table

__all__ = ["region_rows"]


def region_rows(
    data: xr.DataArray, maps: xr.Dataset, regions: Regions, record: DecayRecord | None, model: FitModel, /
) -> list[dict[str, Any]]:
    """Return statistics of regions and, with a known response, the lifetimes of their decays.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement.
    maps : xarray.Dataset
        Its maps.
    regions : Regions
        Regions of the image.
    record : DecayRecord or None
        Summed decay of the measurement, whose response is used.
    model : FitModel
        Model that is fitted to the decays.

    Returns
    -------
    list of dict
        Rows of ``regions.csv``.

    See Also
    --------
    region_table : Statistics of the maps.
    decay_columns : Lifetimes of the decays.
    table_text : Rows as CSV.
    """
    rows = region_table(maps, regions)
    if record is None or record.response is None:
        return rows
    decays = record.window(region_decays(data, regions, np.isfinite(maps["tau_mean_ns"].values)))
    columns = decay_columns(decays, axis=record.axis, irf=record.response.irf, model=model)
    return [row | more for row, more in zip(rows, columns, strict=True)]
