"""Quantities of a decay: which lifetimes a predictor determines, and quantities derived from two of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay.sfd import Lifetimes, intensity_fraction_from_amplitude
from seq2seqlite.errors import InputError

__all__ = [
    "AMPLITUDE_WEIGHTED",
    "DERIVED",
    "INTENSITY_WEIGHTED",
    "ONE_EXPONENTIAL",
    "Quantities",
    "derived_quantity",
    "intensity_weighted_mean_ns",
]

AMPLITUDE_WEIGHTED = "amplitude-weighted mean lifetime"
"""Mean lifetime of predictors of two lifetimes."""
INTENSITY_WEIGHTED = "intensity-weighted mean lifetime"
"""Mean lifetime from the mean arrival time of the photons."""
ONE_EXPONENTIAL = "lifetime of one exponential"
"""Lifetime of the exponential that a predictor assumes; for other decays not a defined mean."""

DERIVED = ("tau_intensity_ns", "photon_fraction", "bound_free_ratio", "fret_efficiency")
"""Quantities that are computed from the lifetimes on request."""
# These need both lifetimes and the amplitude fraction.
OF_TWO_LIFETIMES = DERIVED[:3]


@dataclass(frozen=True)
class Quantities:
    """Quantities that a predictor determines.

    Parameters
    ----------
    components : {1, 2}
        Number of lifetimes of a decay. With one, only ``tau_mean_ns`` of the result has a meaning.
    mean : str
        Meaning of ``tau_mean_ns``, in words, e.g. :data:`AMPLITUDE_WEIGHTED`.

    See Also
    --------
    seq2seqlite.protocols.quantities : Quantities of a predictor.
    Lifetimes : Lifetimes of decays, as four arrays of equal shape.

    Examples
    --------
    >>> Quantities(1, INTENSITY_WEIGHTED).names
    ('tau_mean_ns',)
    """

    components: int = 2
    mean: str = AMPLITUDE_WEIGHTED

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the attributes of :class:`Lifetimes` that have a meaning, which are also those of maps."""
        both = ("tau_mean_ns", "tau_short_ns", "tau_long_ns", "amplitude_fraction")
        return both if self.components == 2 else both[:1]

    def check(self, derived: tuple[str, ...], /, *, name: str) -> None:
        """Raise InputError if one of the derived quantities needs two lifetimes and there is only one.

        Parameters
        ----------
        derived : tuple of str
            Names of :data:`DERIVED`.
        name : str
            Name of the predictor.
        """
        impossible = [one for one in derived if one in OF_TWO_LIFETIMES and self.components < 2]
        if impossible:
            raise InputError(
                f"also={','.join(impossible)} needs two lifetimes, but model {name} determines one; choose a "
                "network or mle-bi, or omit it"
            )


def intensity_weighted_mean_ns(lifetimes: Lifetimes, /) -> NDArray[np.float64]:
    """Return the intensity-weighted mean lifetime of decays with two lifetimes, in ns.

    Parameters
    ----------
    lifetimes : Lifetimes
        Arrays of shape (...). A component with a lifetime of NaN is absent.

    Returns
    -------
    ndarray, shape (...)
        :math:`(a_1 τ_1^2 + a_2 τ_2^2) / (a_1 τ_1 + a_2 τ_2)`: the mean over the photons. NaN where
        ``tau_mean_ns`` is.

    See Also
    --------
    derived_quantity : Other quantities of two lifetimes.
    intensity_fraction_from_amplitude : Photon fraction of the short component.

    Examples
    --------
    >>> one, three, half = np.array([1.0]), np.array([3.0]), np.array([0.5])
    >>> intensity_weighted_mean_ns(Lifetimes(2 * one, one, three, half)).tolist()
    [2.5]
    """
    short, long = _present(lifetimes.tau_short_ns), _present(lifetimes.tau_long_ns)
    fraction = np.asarray(lifetimes.amplitude_fraction, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (fraction * short**2 + (1 - fraction) * long**2) / (fraction * short + (1 - fraction) * long)
    return np.asarray(np.where(np.isfinite(lifetimes.tau_mean_ns), mean, np.nan))


def derived_quantity(
    name: str, lifetimes: Lifetimes, /, *, donor_tau_ns: float | None = None
) -> NDArray[np.float64]:
    """Return a quantity that is derived from the lifetimes of decays.

    Parameters
    ----------
    name : str
        ``"tau_intensity_ns"``: see :func:`intensity_weighted_mean_ns`. ``"photon_fraction"``: share of the
        photons emitted by the short component. ``"bound_free_ratio"``: amplitude of the long component
        divided by that of the short one, the ratio of bound to free NAD(P)H; NaN where a component is absent.
        ``"fret_efficiency"``: :math:`1 - τ / τ_D` with the mean lifetime and that of the donor alone.
    lifetimes : Lifetimes
        Arrays of shape (...). A component with a lifetime of NaN is absent.
    donor_tau_ns : float, optional
        Lifetime of the donor without acceptor, in ns; required for ``"fret_efficiency"``.

    Returns
    -------
    ndarray, shape (...)

    See Also
    --------
    Quantities : Quantities that a predictor determines.
    seq2seqlite.imaging.MapOptions : Option ``also`` for maps of them.

    Examples
    --------
    >>> one, three, half = np.array([1.0]), np.array([3.0]), np.array([0.5])
    >>> found = Lifetimes(2 * one, one, three, half)
    >>> derived_quantity("fret_efficiency", found, donor_tau_ns=2.5).round(6).tolist()
    [0.2]
    >>> derived_quantity("photon_fraction", found).tolist()
    [0.25]
    """
    mean = np.asarray(lifetimes.tau_mean_ns, np.float64)
    if name == "fret_efficiency":
        assert donor_tau_ns is not None, "MapOptions requires it"
        return np.asarray(1 - mean / donor_tau_ns)
    if name == "tau_intensity_ns":
        return intensity_weighted_mean_ns(lifetimes)
    fraction = np.asarray(lifetimes.amplitude_fraction, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if name == "photon_fraction":
            share = intensity_fraction_from_amplitude(
                fraction,
                tau_short_ns=_present(lifetimes.tau_short_ns),
                tau_long_ns=_present(lifetimes.tau_long_ns),
            )
            return np.asarray(np.where(np.isfinite(mean), share, np.nan))
        both = np.isfinite(lifetimes.tau_short_ns) & np.isfinite(lifetimes.tau_long_ns) & (fraction > 0)
        return np.asarray(np.where(both, (1 - fraction) / fraction, np.nan))


def _present(tau_ns: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return lifetimes with zero for an absent component, which then has no photons."""
    return np.nan_to_num(np.asarray(tau_ns, np.float64))
