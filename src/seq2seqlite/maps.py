"""Names and units of lifetime maps, and the dataset that holds them."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["ERROR_MAPS", "LIFETIME_MAPS", "MAP_UNITS", "QUALITY_MAPS", "map_dataset"]

LIFETIME_MAPS = {"tau_mean_ns": "ns", "tau_short_ns": "ns", "tau_long_ns": "ns", "amplitude_fraction": ""}
"""Maps of every predictor in the order of their files, with their units."""
ERROR_MAPS = {
    "tau_mean_std_ns": "ns",
    "tau_short_std_ns": "ns",
    "tau_long_std_ns": "ns",
    "amplitude_fraction_std": "",
}
"""Standard errors of these maps, of predictors that estimate them (``error_maps``), with their units."""
QUALITY_MAPS = {"chi_square": "", "deviation": "", "flagged": ""}
"""Further maps of the quality check, with their units."""
MAP_UNITS = LIFETIME_MAPS | ERROR_MAPS | QUALITY_MAPS | {"intensity": "photons"}
"""All maps, with their units."""


def map_dataset(maps: dict[str, NDArray[np.float32]], attrs: dict[str, Any], /) -> xr.Dataset:
    """Return maps as a dataset with dims ('Y', 'X'), each with its unit.

    See Also
    --------
    seq2seqlite.lifetime_map : Compute the lifetime maps of a measurement.
    """
    variables = {name: (("Y", "X"), image, {"units": MAP_UNITS[name]}) for name, image in maps.items()}
    return xr.Dataset(variables, attrs=attrs)
