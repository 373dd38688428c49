"""Names, units and meanings of lifetime maps, and the dataset that holds them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Quantities

__all__ = [
    "DERIVED_MAPS",
    "ERROR_MAPS",
    "FIT_MAPS",
    "LIFETIME_MAPS",
    "MAP_UNITS",
    "PHASOR_MAPS",
    "QUALITY_MAPS",
    "STD_OF",
    "SUMMARY_MAPS",
    "long_names",
    "map_dataset",
    "with_maps",
]

LIFETIME_MAPS = {"tau_mean_ns": "ns", "tau_short_ns": "ns", "tau_long_ns": "ns", "amplitude_fraction": ""}
"""Maps of a predictor of two lifetimes in the order of their files, with their units. The first is the map of
every predictor."""
FIT_MAPS = {"tau_middle_ns": "ns", "amplitude_fraction_middle": "", "scatter_fraction": ""}
"""Further maps of fits of three lifetimes and of scattered light, with their units."""
ERROR_MAPS = {
    "tau_mean_std_ns": "ns",
    "tau_short_std_ns": "ns",
    "tau_long_std_ns": "ns",
    "amplitude_fraction_std": "",
}
"""Standard errors of these maps, of predictors that estimate them (``error_maps``), with their units."""
STD_OF = dict(zip(LIFETIME_MAPS, ERROR_MAPS, strict=True))
"""Name of the standard error of each quantity."""
DERIVED_MAPS = {
    "tau_intensity_ns": "ns",
    "photon_fraction": "",
    "bound_free_ratio": "",
    "fret_efficiency": "",
}
"""Maps that are computed from the lifetimes on request, with their units."""
QUALITY_MAPS = {"chi_square": "", "deviation": "", "flagged": ""}
"""Further maps of the quality check, with their units."""
PHASOR_MAPS = {"phasor_g": "", "phasor_s": "", "phasor_cursor": ""}
"""Maps of the phasor plot, with their units."""
SUMMARY_MAPS = LIFETIME_MAPS | FIT_MAPS | DERIVED_MAPS
"""Maps with percentiles in the summary, with their units."""
MAP_UNITS = (
    SUMMARY_MAPS
    | ERROR_MAPS
    | {"tau_middle_std_ns": "ns"}
    | QUALITY_MAPS
    | PHASOR_MAPS
    | {"intensity": "photons"}
)
"""All maps, with their units."""

_LONG_NAMES = {
    "tau_short_ns": "lifetime of the short component",
    "tau_long_ns": "lifetime of the long component",
    "amplitude_fraction": "amplitude fraction of the short component",
    "tau_middle_ns": "lifetime of the middle component",
    "amplitude_fraction_middle": "amplitude fraction of the middle component",
    "scatter_fraction": "share of scattered light in the photons above the background",
    "tau_middle_std_ns": "standard error of the middle lifetime",
    "tau_mean_std_ns": "standard error of the mean lifetime",
    "tau_short_std_ns": "standard error of the short lifetime",
    "tau_long_std_ns": "standard error of the long lifetime",
    "amplitude_fraction_std": "standard error of the amplitude fraction",
    "tau_intensity_ns": "intensity-weighted mean lifetime",
    "photon_fraction": "photon fraction of the short component",
    "bound_free_ratio": "amplitude of the long component divided by that of the short one",
    "fret_efficiency": "FRET efficiency",
    "chi_square": "reduced chi-square",
    "deviation": "deviation of the lifetimes in standard errors",
    "flagged": "flag of unreliable pixels",
    "phasor_g": "phasor coordinate G",
    "phasor_s": "phasor coordinate S",
    "phasor_cursor": "number of the phasor cursor, 0 outside",
    "intensity": "photons of the pixel",
}


def long_names(names: Iterable[str], /, *, quantities: Quantities) -> dict[str, str]:
    """Return the meaning of maps in words, by name.

    Parameters
    ----------
    names : iterable of str
        Names of :data:`MAP_UNITS`.
    quantities : Quantities
        Quantities of the predictor, which define the meaning of ``tau_mean_ns``.

    See Also
    --------
    map_dataset : Maps as a dataset.

    Examples
    --------
    >>> long_names(["tau_mean_ns"], quantities=Quantities())
    {'tau_mean_ns': 'amplitude-weighted mean lifetime'}
    """
    known = _LONG_NAMES | {"tau_mean_ns": quantities.mean}
    known["fret_efficiency"] += f", from the {quantities.mean}"
    return {name: known[name] for name in names}


def with_maps(maps: xr.Dataset, more: dict[str, NDArray[np.float32]], /) -> xr.Dataset:
    """Return maps with further ones of :data:`MAP_UNITS`, and their meanings in the attribute ``quantities``.

    See Also
    --------
    map_dataset : Maps as a dataset.
    """
    variables = {
        name: (("Y", "X"), image, {"units": MAP_UNITS[name], "long_name": _LONG_NAMES[name]})
        for name, image in more.items()
    }
    meanings = maps.attrs.get("quantities", {}) | {name: _LONG_NAMES[name] for name in more}
    return maps.assign(variables).assign_attrs(quantities=meanings)


def map_dataset(
    maps: dict[str, NDArray[np.float32]],
    attrs: dict[str, Any],
    /,
    *,
    quantities: Quantities = Quantities(),  # noqa: B008 - frozen
) -> xr.Dataset:
    """Return maps as a dataset with dims ('Y', 'X'), each with the attributes ``units`` and ``long_name``.

    See Also
    --------
    seq2seqlite.lifetime_map : Compute the lifetime maps of a measurement.
    long_names : Meaning of the maps.
    """
    meanings = long_names(maps, quantities=quantities)
    variables = {
        name: (("Y", "X"), image, {"units": MAP_UNITS[name], "long_name": meanings[name]})
        for name, image in maps.items()
    }
    return xr.Dataset(variables, attrs=attrs)
