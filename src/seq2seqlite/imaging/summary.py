"""Summary statistics of lifetime maps."""

from typing import Any

import numpy as np
import xarray as xr

from seq2seqlite.maps import LIFETIME_MAPS
from seq2seqlite.provenance import provenance

__all__ = ["spread", "summarise"]


def summarise(maps: xr.Dataset, /) -> dict[str, Any]:
    """Summarise lifetime maps in a form that can be written as JSON.

    Parameters
    ----------
    maps : xarray.Dataset
        Result of :func:`lifetime_map`.

    Returns
    -------
    dict
        ``photons_in_file``, ``photons``, ``pixels``, ``pixels_analysed``, ``pixels_saturated``, for each map
        its ``median``, ``p5`` and ``p95`` over the analysed pixels (None if there is none), ``model``,
        ``predictor``, ``pixels_per_second``, ``rebinning``, ``warnings``, thresholds, input and
        provenance; with a quality check ``pixels_flagged``, ``chi_square`` and ``quality``.

    See Also
    --------
    write_maps : Write float32 maps, the figure ``lifetime.png`` and ``summary.json`` to a folder.
    """
    attrs = maps.attrs
    result = {
        name: attrs[name]
        for name in ("source", "format", "sha256", "photons_in_file", "photons")
        if name in attrs
    }
    result |= {name: attrs[name] for name in ("pixels", "pixels_analysed", "pixels_saturated")}
    result |= {name: spread(maps[name].values) for name in LIFETIME_MAPS}
    analysed = np.isfinite(maps["tau_mean_ns"].values)
    result["intensity"] = spread(np.where(analysed, maps["intensity"].values, np.nan))
    result |= {name: attrs[name] for name in ("model", "predictor", "min_photons", "binning")}
    if "quality" in attrs:
        flagged = maps["flagged"].values
        result["pixels_flagged"] = int(np.nansum(flagged))
        result["chi_square"] = spread(maps["chi_square"].values)
        result["quality"] = attrs["quality"]
    result["seconds"] = round(attrs["seconds"], 3)
    result["pixels_per_second"] = round(attrs["pixels_analysed"] / max(attrs["seconds"], 1e-9), 1)
    result["pixel_size_um"] = attrs.get("pixel_size_um")
    result["rebinning"] = attrs["rebinning"].to_dict()
    result["warnings"] = list(attrs.get("warnings", ()))
    result["provenance"] = provenance()
    return result


def spread(values: np.ndarray, /) -> dict[str, float | None]:
    """Return the median and the 5th and 95th percentile of finite values, None without such values."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return {"median": None, "p5": None, "p95": None}
    low, middle, high = np.percentile(finite.astype(np.float64), [5, 50, 95])
    return {"median": float(middle), "p5": float(low), "p95": float(high)}
