"""Responses that differ from pixel to pixel, as a bank of few responses and an index for each pixel."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.vq import kmeans2

from seq2seqlite.decay.irf import Irf, MeasuredIrf
from seq2seqlite.errors import InputError

__all__ = ["MAX_BANK", "IrfBank"]

MAX_BANK = 64
# A response of the bank is the sum of those of its pixels; it needs enough counts.
COUNTS_OF_A_RESPONSE = 10_000.0
# Weight of the width of a response against its delay, when similar responses are grouped.
WIDTH_WEIGHT = 0.3


@dataclass(frozen=True, eq=False)
class IrfBank(Irf):
    """Bank of responses with an index for each pixel; as an :class:`Irf`, the mean response of all pixels.

    Parameters
    ----------
    irfs : tuple of Irf
        Responses; at most 64.
    index : ndarray of int, shape (Y, X)
        Response of each pixel.

    Raises
    ------
    InputError
        If there is no response, or more than 64, or an index is out of range.

    See Also
    --------
    IrfBank.from_cube : Bank of the responses measured in each pixel.
    IrfBank.from_delays : Bank of one response with the delay of each pixel.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> bank = IrfBank.from_delays(ParametricIrf(2.0, 0.3), [[0.0, 0.1], [0.2, 0.1]])
    >>> bank.shape, len(bank.irfs), round(bank.mean_ns, 2)
    ((2, 2), 3, 2.1)
    """

    irfs: tuple[Irf, ...]
    index: NDArray[np.intp]

    def __post_init__(self) -> None:
        if not 1 <= len(self.irfs) <= MAX_BANK:
            raise InputError(f"a bank of {len(self.irfs)} responses must have 1 to {MAX_BANK}")
        if self.index.ndim != 2 or self.index.dtype.kind not in "iu" or not self.index.size:
            raise InputError(f"the index of a bank has shape {self.index.shape}; it must be integers (Y, X)")
        if self.index.min() < 0 or self.index.max() >= len(self.irfs):
            raise InputError(
                f"the index of a bank has values from {self.index.min()} to {self.index.max()}, but the bank "
                f"has {len(self.irfs)} responses"
            )

    @classmethod
    def from_cube(cls, counts: ArrayLike, /, *, bin_width_ns: float) -> "IrfBank":
        """Return a bank of responses measured in each pixel, with similar ones added up.

        Parameters
        ----------
        counts : array_like, shape (Y, X, n_bins)
            Counts of a light pulse. Pixels without counts get the mean response.
        bin_width_ns : float
            Width of a bin, in ns.

        Raises
        ------
        InputError
            If the shape is another one, counts are negative or not finite, or all are zero.

        Notes
        -----
        Pixels are grouped by delay and width (k-means): by phase and modulus of the first harmonic of the
        histogram, whose phase does not depend on the background. A response has 10,000 counts on average.
        """
        cube = np.asarray(counts)
        if cube.ndim != 3 or cube.dtype.kind not in "uif":
            raise InputError(f"responses of shape {cube.shape} must be counts of shape (Y, X, n_bins)")
        pixels = cube.reshape(-1, cube.shape[-1]).astype(np.float64)
        if not np.isfinite(pixels).all() or (pixels < 0).any():
            raise InputError("the responses have negative or non-finite counts; export them again as counts")
        total = pixels.sum(axis=1)
        if not total.any():
            raise InputError("the responses have no counts; check the file and the channel")
        lit = total > 0
        turn = np.exp(-2j * np.pi * np.arange(pixels.shape[1]) / pixels.shape[1])
        mean_phase = np.angle(pixels.sum(axis=0) @ turn)
        harmonic = (pixels[lit] @ turn) / total[lit] * np.exp(-1j * mean_phase)
        features = np.stack([-np.angle(harmonic), WIDTH_WEIGHT * np.abs(harmonic)], axis=1)
        most = min(MAX_BANK, len(np.unique(features, axis=0)))
        n = int(np.clip(total.sum() / COUNTS_OF_A_RESPONSE, 1, most))
        label = np.full(len(pixels), -1)
        label[lit] = kmeans2(features, n, seed=0, minit="++")[1] if n > 1 else 0
        used = [group for group in np.unique(label) if group >= 0]
        sums = [pixels[label == group].sum(axis=0) for group in used]
        index = np.searchsorted(used, label)
        if not lit.all():
            if len(sums) == MAX_BANK:  # the smallest group is given up
                smallest = int(np.argmin([one.sum() for one in sums]))
                index = np.where(label == used[smallest], -1, index - (index > smallest))
                del sums[smallest]
            sums.append(pixels.sum(axis=0))
            index[(label < 0) | (index < 0)] = len(sums) - 1
        irfs = tuple(MeasuredIrf(one, bin_width_ns=bin_width_ns) for one in sums)
        return cls(irfs, index.reshape(cube.shape[:2]).astype(np.intp))

    @classmethod
    def from_delays(cls, irf: Irf, delays_ns: ArrayLike, /) -> "IrfBank":
        """Return a bank of one response with the delay of each pixel, in at most 64 equal steps.

        Parameters
        ----------
        irf : Irf
            Response.
        delays_ns : array_like, shape (Y, X)
            Delay of each pixel that is added to the response, in ns.

        Raises
        ------
        InputError
            If the shape is another one, or a delay is not finite.
        """
        delays = np.asarray(delays_ns, np.float64)
        if delays.ndim != 2 or not delays.size or not np.isfinite(delays).all():
            raise InputError(f"delays of shape {delays.shape} must be finite numbers of shape (Y, X), in ns")
        low, high = float(delays.min()), float(delays.max())
        levels = np.linspace(low, high, MAX_BANK) if high > low else np.array([low])
        nearest = np.rint((delays - low) / max(high - low, 1e-300) * (len(levels) - 1)).astype(np.intp)
        used, index = np.unique(nearest, return_inverse=True)
        return cls(tuple(irf.moved(float(levels[level])) for level in used), index.reshape(delays.shape))

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (Y, X) of the image."""
        return self.index.shape[0], self.index.shape[1]

    @property
    def weights(self) -> NDArray[np.float64]:
        """Share of the pixels of each response, shape (n_irfs,)."""
        return np.bincount(self.index.reshape(-1), minlength=len(self.irfs)) / self.index.size

    def groups(self, pixels: NDArray[np.intp], /) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Yield each response of some pixels, and the positions of its pixels among these.

        Parameters
        ----------
        pixels : ndarray of int, shape (n,)
            Flat indices of pixels in the image.
        """
        own = self.index.reshape(-1)[pixels]
        for number in np.unique(own):
            yield int(number), np.flatnonzero(own == number)

    def coefficients(self, n_harmonics: int, /, *, period_ns: float) -> NDArray[np.complex128]:
        """Return the Fourier coefficients of harmonics 0 to ``n_harmonics`` of the mean response."""
        each = [irf.coefficients(n_harmonics, period_ns=period_ns) for irf in self.irfs]
        return np.asarray(self.weights @ np.stack(each))

    def moved(self, by_ns: float, /) -> Self:
        """Return this bank with all delays longer by ``by_ns``."""
        return replace(self, irfs=tuple(irf.moved(by_ns) for irf in self.irfs))

    def sampled(self) -> Self:
        """Return this bank with measured responses as samples, as :meth:`MeasuredIrf.sampled`."""
        irfs = (irf.sampled() if isinstance(irf, MeasuredIrf) else irf for irf in self.irfs)
        return replace(self, irfs=tuple(irfs))

    @property
    def mean_ns(self) -> float:
        """Mean delay of all pixels, in ns."""
        return float(self.weights @ np.array([irf.mean_ns for irf in self.irfs]))

    @property
    def narrowest_sigma_ns(self) -> float:
        """Standard deviation of the sharpest feature of all responses, in ns."""
        return min(irf.narrowest_sigma_ns for irf in self.irfs)
