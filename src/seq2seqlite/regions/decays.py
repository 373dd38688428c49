"""Summed decays of regions, and their lifetimes."""

from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import FitModel, Irf, TimeAxis
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
    decays: NDArray[np.float64], /, *, axis: TimeAxis, irf: Irf, model: FitModel
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
    model : FitModel
        Fitted model.

    Returns
    -------
    list of dict
        For several lifetimes ``decay_tau_mean_ns`` (amplitude-weighted), ``decay_tau_short_ns``,
        ``decay_tau_long_ns`` and ``decay_amplitude_fraction`` (of the short one), and for three also
        ``decay_tau_middle_ns`` and ``decay_amplitude_fraction_middle``; for one ``decay_tau_ns``; with
        scattered light ``decay_scatter_fraction``; and ``decay_chi_square`` (reduced). None for fewer than
        1,000 photons. Lifetimes that are not significant are missing; a single one is
        ``decay_tau_short_ns``.

    See Also
    --------
    region_decays : Summed decays of regions.
    seq2seqlite.responses.fit_lifetimes : Fit of one decay.
    """
    return [_columns(decay, axis=axis, irf=irf, model=model) for decay in decays]


def _columns(
    decay: NDArray[np.float64], *, axis: TimeAxis, irf: Irf, model: FitModel
) -> dict[str, float | None]:
    names = ["tau_mean_ns", "tau_short_ns", "tau_long_ns", "amplitude_fraction"]
    middle = ["tau_middle_ns", "amplitude_fraction_middle"] if model.components > 2 else []
    names = [*names, *middle] if model.components > 1 else ["tau_ns"]
    found: dict[str, float | None] = dict.fromkeys(
        [*names, *(["scatter_fraction"] if model.scatter else []), "chi_square"]
    )
    if decay.sum() >= MIN_PHOTONS:
        fit = fit_lifetimes(decay, axis=axis, irf=irf, **asdict(model))
        taus = sorted(model.fixed_tau_ns or fit.taus_ns)
        fractions = dict(zip(fit.taus_ns, fit.amplitude_fractions, strict=True))
        every: dict[str, float | None] = {
            "tau_ns": fit.tau_mean_ns,
            "tau_mean_ns": fit.tau_mean_ns,
            "tau_short_ns": taus[0] if taus else None,
            "tau_long_ns": taus[-1] if len(taus) > 1 else None,
            "amplitude_fraction": fractions.get(taus[0], 0.0) if taus else None,
            "tau_middle_ns": taus[1] if len(taus) > 2 else None,
            "amplitude_fraction_middle": fractions.get(taus[1], 0.0) if len(taus) > 2 else None,
            "scatter_fraction": fit.scatter_fraction,
            "chi_square": fit.chi_square,
        }
        found = {name: every[name] for name in found}
    return {f"decay_{name}": value for name, value in found.items()}
