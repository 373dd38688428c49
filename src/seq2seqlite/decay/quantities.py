"""Quantities of a decay: which lifetimes a predictor determines, and quantities derived from two of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay.sfd import Lifetimes
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
OF_THE_MIDDLE = ("tau_middle_ns", "amplitude_fraction_middle")
# These need the amplitudes of several lifetimes; the last one needs exactly two.
OF_SEVERAL_LIFETIMES = DERIVED[:3]
OF_TWO_LIFETIMES = DERIVED[2:3]


@dataclass(frozen=True)
class Quantities:
    """Quantities that a predictor determines.

    Parameters
    ----------
    components : {1, 2, 3}
        Number of lifetimes of a decay. With one, only ``tau_mean_ns`` of the result has a meaning.
    mean : str
        Meaning of ``tau_mean_ns``, in words, e.g. :data:`AMPLITUDE_WEIGHTED`.
    scatter : bool
        Whether the share of scattered light is determined too.

    See Also
    --------
    seq2seqlite.protocols.quantities : Quantities of a predictor.
    Lifetimes : Lifetimes of decays, as four arrays of equal shape.

    Examples
    --------
    >>> Quantities(1, INTENSITY_WEIGHTED).names
    ('tau_mean_ns',)
    >>> Quantities(3).names[4:]
    ('tau_middle_ns', 'amplitude_fraction_middle')
    """

    components: int = 2
    mean: str = AMPLITUDE_WEIGHTED
    scatter: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the attributes of the result that have a meaning, which are also those of maps."""
        every = ("tau_mean_ns", "tau_short_ns", "tau_long_ns", "amplitude_fraction", *OF_THE_MIDDLE)
        return (
            every[: 2 * self.components if self.components > 1 else 1] + ("scatter_fraction",) * self.scatter
        )

    def check(self, derived: tuple[str, ...], /, *, name: str) -> None:
        """Raise InputError if a derived quantity needs another number of lifetimes.

        Parameters
        ----------
        derived : tuple of str
            Names of :data:`DERIVED`.
        name : str
            Name of the predictor.
        """
        impossible = OF_SEVERAL_LIFETIMES if self.components < 2 else OF_TWO_LIFETIMES
        found = [one for one in derived if one in impossible]
        if found and self.components != 2:
            raise InputError(
                f"also={','.join(found)} needs two lifetimes, but model {name} determines "
                f"{'one' if self.components < 2 else 'three'}; choose a network or mle-bi, or omit it"
            )


def intensity_weighted_mean_ns(lifetimes: Lifetimes, /) -> NDArray[np.float64]:
    r"""Return the intensity-weighted mean lifetime of decays, in ns.

    Parameters
    ----------
    lifetimes : Lifetimes
        Arrays of shape (...). A component with a lifetime of NaN is absent.

    Returns
    -------
    ndarray, shape (...)
        :math:`\sum a_i τ_i^2 / \sum a_i τ_i`: the mean over the photons. NaN where ``tau_mean_ns`` is.

    See Also
    --------
    derived_quantity : Other quantities of two lifetimes.
    seq2seqlite.decay.intensity_fraction_from_amplitude : Photon fraction of the short component.

    Examples
    --------
    >>> one, three, half = np.array([1.0]), np.array([3.0]), np.array([0.5])
    >>> intensity_weighted_mean_ns(Lifetimes(2 * one, one, three, half)).tolist()
    [2.5]
    """
    amplitudes, taus = lifetimes.components()
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (amplitudes * taus**2).sum(axis=-1) / (amplitudes * taus).sum(axis=-1)
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
    amplitudes, taus = lifetimes.components()
    with np.errstate(divide="ignore", invalid="ignore"):
        if name == "photon_fraction":
            share = amplitudes[..., 0] * taus[..., 0] / (amplitudes * taus).sum(axis=-1)
            return np.asarray(np.where(np.isfinite(mean), share, np.nan))
        both = (amplitudes > 0).all(axis=-1)
        return np.asarray(np.where(both, amplitudes[..., 1] / amplitudes[..., 0], np.nan))
