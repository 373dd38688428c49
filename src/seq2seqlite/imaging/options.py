"""Options of the analysis of a measurement."""

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seq2seqlite.decay import DERIVED
from seq2seqlite.errors import InputError
from seq2seqlite.imaging.mask import MIN_PHOTONS
from seq2seqlite.imaging.quality import Quality

__all__ = ["MapOptions"]


@dataclass(frozen=True)
class MapOptions:
    """Options of :func:`lifetime_map`, as one object from the caller to the analysis.

    Parameters
    ----------
    min_photons : float
        Photon threshold: pixels with fewer counts, after binning, are below threshold and not analysed. At
        the default of 100 photons, the standard error of a lifetime is at least 10 %.
    binning : int
        Neighbours on each side whose counts are added to those of a pixel, so that (2 binning + 1)² pixels
        are summed; the image size does not change.
    mask : path-like or array_like, optional
        Mask, nonzero where pixels are analysed; other pixels are also excluded from the sums of neighbours.
    extrapolate : bool
        Extend a window that is shorter than the model's by an exponential tail.
    quality : Quality, optional
        Settings of the quality maps, which compare each reconvolved prediction with its counts and flag
        unreliable pixels.
    block_pixels : int
        Pixels held in memory at a time.
    also : tuple of str
        Further maps, computed from the lifetimes: names of :data:`~seq2seqlite.maps.DERIVED_MAPS`, described
        at :func:`~seq2seqlite.decay.derived_quantity`.
    donor_tau_ns : float, optional
        Lifetime of the donor without acceptor, in ns, for the map ``fret_efficiency``.

    Raises
    ------
    InputError
        If a number is out of its range.

    See Also
    --------
    seq2seqlite.batch.JobOptions : These options with those of reading and writing.

    Examples
    --------
    >>> MapOptions(min_photons=200).binning
    0
    """

    min_photons: float = MIN_PHOTONS
    binning: int = 0
    mask: str | os.PathLike[str] | ArrayLike | None = None
    extrapolate: bool = False
    quality: Quality | None = None
    block_pixels: int = 16384
    also: tuple[str, ...] = ()
    donor_tau_ns: float | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.min_photons) and self.min_photons > 0):
            raise InputError(f"min_photons={self.min_photons} must be finite and > 0 (e.g. 100)")
        if self.binning < 0:
            raise InputError(f"binning={self.binning} must be >= 0 (1 sums 3 x 3 pixels)")
        if self.block_pixels < 1:
            raise InputError(f"block_pixels={self.block_pixels} must be >= 1 (e.g. 16384)")
        unknown = [name for name in self.also if name not in DERIVED]
        if unknown or len(set(self.also)) < len(self.also):
            raise InputError(
                f"also={','.join(self.also)} must contain different names of {', '.join(DERIVED)}"
            )
        self._check_donor()

    def _check_donor(self) -> None:
        if ("fret_efficiency" in self.also) != (self.donor_tau_ns is not None):
            raise InputError(
                f"also={','.join(self.also)!r} and donor_tau_ns={self.donor_tau_ns} do not match: the map "
                "fret_efficiency requires the lifetime of the donor, and only this map uses it"
            )
        if self.donor_tau_ns is not None and not 0 < self.donor_tau_ns < np.inf:
            raise InputError(f"donor_tau_ns={self.donor_tau_ns} must be finite and > 0 (e.g. 2.5)")
