"""Summed decays of regions, and their lifetimes."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, TimeAxis
from seq2seqlite.io.signal import strips
from seq2seqlite.regions.regions import Regions
from seq2seqlite.responses import fit_lifetimes

__all__ = ["decay_columns", "region_decays"]

# With fewer photons, two lifetimes are not determined at all.
MIN_PHOTONS = 1000


def region_decays(
    data: xr.DataArray, regions: Regions, chosen: NDArray[np.bool_], /, *, block_pixels: int = 16384
) -> NDArray[np.float64]:
    """Return the summed decays of regions.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement; it is read once.
    regions : Regions
        Regions of the image.
    chosen : ndarray of bool, shape (Y, X)
        Pixels that are added up.
    block_pixels : int
        Pixels held in memory at a time.

    Returns
    -------
    ndarray, shape (n_regions, H)

    See Also
    --------
    decay_columns : Lifetimes of the decays.
    region_table : Statistics of the maps.
    """
    width = data.sizes["X"]
    kept = [np.sort(index[chosen.reshape(-1)[index]]) for index in regions.pixels]
    total = np.zeros((len(regions), data.sizes["H"]))
    for rows, _, counts in strips(data, block_pixels=block_pixels):
        pixels = counts.reshape(-1, counts.shape[-1])
        for number, index in enumerate(kept):
            first, last = np.searchsorted(index, [rows.start * width, rows.stop * width])
            if last > first:
                total[number] += pixels[index[first:last] - rows.start * width].sum(axis=0, dtype=np.float64)
    return total


def decay_columns(
    decays: NDArray[np.float64], /, *, axis: TimeAxis, irf: Irf, components: int
) -> list[dict[str, Any]]:
    """Return columns with the lifetimes of summed decays, fitted by maximum likelihood.

    Parameters
    ----------
    decays : ndarray, shape (n, n_gates)
        Summed decays of regions.
    axis : TimeAxis
        Gates of the decays.
    irf : Irf
        Response with the delay of the decays.
    components : {1, 2}
        Number of lifetimes.

    Returns
    -------
    list of dict
        For two lifetimes ``decay_tau_mean_ns`` (amplitude-weighted), ``decay_tau_short_ns``,
        ``decay_tau_long_ns`` and ``decay_amplitude_fraction``; for one ``decay_tau_ns``; and
        ``decay_chi_square`` (reduced). None for fewer than 1,000 photons.
        Where a second lifetime is not significant, ``decay_tau_short_ns`` is the only one.

    See Also
    --------
    region_decays : Summed decays of regions.
    seq2seqlite.responses.fit_lifetimes : Fit of one decay.
    """
    return [_columns(decay, axis=axis, irf=irf, components=components) for decay in decays]


def _columns(
    decay: NDArray[np.float64], *, axis: TimeAxis, irf: Irf, components: int
) -> dict[str, float | None]:
    names = ["decay_tau_mean_ns", "decay_tau_short_ns", "decay_tau_long_ns", "decay_amplitude_fraction"]
    names = [*(names if components == 2 else ["decay_tau_ns"]), "decay_chi_square"]
    if decay.sum() < MIN_PHOTONS:
        return dict.fromkeys(names)
    found = fit_lifetimes(decay, axis=axis, irf=irf, components=components)
    if components == 1:
        return dict(zip(names, (found.tau_mean_ns, found.chi_square), strict=True))
    long = found.taus_ns[1] if len(found.taus_ns) > 1 else None
    fraction = found.amplitude_fractions[0] if found.taus_ns else None
    short = found.taus_ns[0] if found.taus_ns else None
    return dict(zip(names, (found.tau_mean_ns, short, long, fraction, found.chi_square), strict=True))
