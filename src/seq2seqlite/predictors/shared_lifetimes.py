"""Lifetimes that the pixels of an image, or the images of a batch, share."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.estimators.registry import shared_fit
from seq2seqlite.predictors.native_axis import NativeAxisPredictor

__all__ = ["SharedLifetimes", "Sharing", "SharingEstimator", "fit_shared"]

# Relative standard error above which a shared lifetime causes a warning.
MOST_RELATIVE_STD = 0.2


class Sharing(StrEnum):
    """Pixels that share their lifetimes.

    See Also
    --------
    FitOptions : Options of a maximum-likelihood fit.
    """

    IMAGE = "image"
    """Those of an image, a series or a stack."""
    BATCH = "batch"
    """Those of all files of a batch."""


@dataclass(frozen=True)
class SharedLifetimes:
    """Lifetimes shared by pixels, fitted to summed decays.

    Parameters
    ----------
    of : Sharing
        Pixels that share them.
    taus_ns, taus_std_ns : tuple of float
        Lifetimes in increasing order and their standard errors from photon noise, in ns.
    chi_squares : tuple of float
        Reduced chi-square of each summed decay.

    See Also
    --------
    fit_shared : Fit of summed decays.
    """

    of: Sharing
    taus_ns: tuple[float, ...]
    taus_std_ns: tuple[float, ...]
    chi_squares: tuple[float, ...]

    def described(self) -> dict[str, Any]:
        """Return the lifetimes, ready for JSON."""
        return asdict(self)

    @property
    def warnings(self) -> list[str]:
        """Warnings about lifetimes that the decays hardly determine."""
        return [
            f"the shared lifetime of {tau:.3g} ns has a standard error of {std:.2g} ns; use fewer "
            "components, or more photons"
            for tau, std in zip(self.taus_ns, self.taus_std_ns, strict=True)
            if not std <= MOST_RELATIVE_STD * tau
        ]


def fit_shared(fits: Sequence[Any], decays: Sequence[NDArray[Any]], /, *, of: Sharing) -> SharedLifetimes:
    """Return the lifetimes that summed decays share.

    Parameters
    ----------
    fits : sequence of MaximumLikelihood
        Estimator of each decay.
    decays : sequence of ndarray, shape (n_gates,)
        Summed decays.
    of : Sharing
        Pixels that share them.

    Raises
    ------
    InputError
        If the fit does not converge.

    See Also
    --------
    seq2seqlite.estimators.shared_lifetimes.fit_shared_lifetimes : The method, also for all pixels.
    """
    found = shared_fit(fits, decays)
    if not found.converged:
        raise InputError(f"the fit of shared_lifetimes={of} did not converge; use fewer components")
    return SharedLifetimes(of, found.tau_ns, found.tau_std_ns, tuple(found.pixels.chi_square.tolist()))


class SharingEstimator(NativeAxisPredictor):
    """Estimator that fits the lifetimes once, to the summed decay of the analysed pixels of an image.

    See Also
    --------
    seq2seqlite.protocols.SharingPredictor : Protocol.
    """

    def with_shared_lifetimes(self, decay: NDArray[Any], /) -> NativeAxisPredictor:
        """Return the estimator with the lifetimes of a summed decay, shape (n_gates,)."""
        fit: Any = self.estimator
        found = fit_shared([fit], [decay], of=Sharing.IMAGE)
        return NativeAxisPredictor(
            fit.with_fixed(found.taus_ns),
            self.rising_edge_ns,
            self.response,
            found.described(),
            tuple(found.warnings),
        )
