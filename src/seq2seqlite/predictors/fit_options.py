"""Options of maximum-likelihood fits: components, fixed and shared lifetimes, and the fitted part."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.registry import estimator_named
from seq2seqlite.predictors.shared_lifetimes import SharedLifetimes, Sharing
from seq2seqlite.protocols import Predictor

__all__ = ["FitOptions"]

COMPONENTS = {"mle-mono": 1, "mle-bi": 2, "mle-tri": 3}


@dataclass(frozen=True)
class FitOptions:
    """Options of the estimators ``mle-mono``, ``mle-bi`` and ``mle-tri``.

    Parameters
    ----------
    fixed_tau_ns : tuple of float
        Fixed lifetimes, one for each component, in ns; empty: all lifetimes are fitted.
    fit_range_ns : tuple of float, optional
        Start and end of the fitted part, in ns after the first bin of the measurement; default: all bins.
    exclude_ns : tuple of (float, float)
        Parts that are excluded from the fit, e.g. a reflection, in ns after the first bin.
    scatter : bool
        Whether scattered excitation light is a further component. It has the shape of the response, so a
        measured IRF is required.
    shared_lifetimes : {"image", "batch"}, optional
        Fit the lifetimes once, and only photons and background in each pixel. ``"image"``: to the summed
        decay of the analysed pixels of each image (of all frames of a series or stack). ``"batch"``: to these
        decays of all images together, each with its own amplitudes, background and response. Default: fit
        them in each pixel.
    shared : SharedLifetimes, optional
        Lifetimes shared by a batch, after their fit.

    Raises
    ------
    InputError
        If a number is out of its range.

    See Also
    --------
    seq2seqlite.estimators.maximum_likelihood.MaximumLikelihood : The estimator.

    Notes
    -----
    The summed decay of pixels with the same lifetimes has these lifetimes too, with the mean of their
    amplitudes. The fit of one summed decay is therefore unbiased, but ignores that pixels differ in their
    amplitudes. Decays of different images contribute these differences, which is the gain of global analysis
    [1]_ [2]_. :func:`~seq2seqlite.estimators.shared_lifetimes.fit_shared_lifetimes` uses those of all pixels.

    References
    ----------
    .. [1] J. R. Knutson et al., Chem. Phys. Lett. 102, 501 (1983).
    .. [2] P. J. Verveer et al., Biophys. J. 78, 2127 (2000).
    """

    fixed_tau_ns: tuple[float, ...] = ()
    fit_range_ns: tuple[float, float] | None = None
    exclude_ns: tuple[tuple[float, float], ...] = ()
    scatter: bool = False
    shared_lifetimes: str | None = None
    shared: SharedLifetimes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not all(0 < tau < np.inf for tau in self.fixed_tau_ns):
            raise InputError(f"fixed_tau_ns={_listed(self.fixed_tau_ns)} must be finite and > 0 (e.g. 2.5)")
        if self.shared_lifetimes not in (None, *Sharing):
            raise InputError(f"shared_lifetimes={self.shared_lifetimes} must be one of {', '.join(Sharing)}")
        if self.shared_lifetimes and self.fixed_tau_ns:
            raise InputError(
                f"shared_lifetimes={self.shared_lifetimes} fits the lifetimes that "
                f"fixed_tau_ns={_listed(self.fixed_tau_ns)} fixes; omit one of them"
            )
        for name, ranges in (
            ("fit_range_ns", () if self.fit_range_ns is None else (self.fit_range_ns,)),
            ("exclude_ns", self.exclude_ns),
        ):
            for low, high in ranges:
                if not -np.inf < low < high < np.inf:
                    raise InputError(
                        f"{name}={low:g} {high:g} must be two increasing times in ns (e.g. 2 10)"
                    )

    def __bool__(self) -> bool:
        return self != FitOptions()

    def check(self, model: str, /) -> None:
        """Raise InputError if the options are not those of an estimator."""
        given = {name: value for name, value in asdict(self).items() if value}
        if given and model not in COMPONENTS:
            name, value = next(iter(given.items()))
            text = value if isinstance(value, str | bool) else _listed(np.ravel(value).tolist())
            raise InputError(
                f"{name}={text} is an option of the estimators {', '.join(COMPONENTS)}, not of {model}; "
                "omit it, or choose one of them as model"
            )
        if self.fixed_tau_ns and len(self.fixed_tau_ns) != COMPONENTS[model]:
            raise InputError(
                f"fixed_tau_ns={_listed(self.fixed_tau_ns)} must be {COMPONENTS[model]} lifetimes, those of "
                f"all components of {model}"
            )

    def estimator(self, model: str, axis: TimeAxis, irf: Irf, /, *, start_ns: float) -> Predictor:
        """Return the estimator with these options.

        Parameters
        ----------
        model : str
            ``"mle-mono"``, ``"mle-bi"`` or ``"mle-tri"``.
        axis, irf
            As for :func:`~seq2seqlite.load_predictor`.
        start_ns : float
            Start of the axis after the first bin of the measurement, in ns.
        """
        found: Predictor = estimator_named(
            model,
            axis=axis,
            irf=irf,
            fixed_tau_ns=self.fixed_tau_ns or (None if self.shared is None else self.shared.taus_ns),
            scatter=self.scatter,
            gates=self.gates(axis, start_ns=start_ns),
        )
        return found

    def gates(self, axis: TimeAxis, /, *, start_ns: float) -> NDArray[np.intp]:
        """Return the indices of the gates that lie in the fitted part as a whole, and in no excluded part."""
        first = start_ns + np.arange(axis.n_gates) * axis.gate_width_ns
        last = first + axis.gate_width_ns
        rounding = 1e-6 * axis.gate_width_ns
        chosen = np.ones(axis.n_gates, np.bool_)
        if self.fit_range_ns is not None:
            low, high = self.fit_range_ns
            chosen = (first >= low - rounding) & (last <= high + rounding)
        for low, high in self.exclude_ns:
            chosen &= (last <= low + rounding) | (first >= high - rounding)
        return np.flatnonzero(chosen)

    def described(self) -> dict[str, Any]:
        """Return the options that are not the defaults, ready for JSON."""
        return {name: value for name, value in asdict(self).items() if value}


def _listed(values: Any) -> str:
    return " ".join(f"{value:g}" for value in values)
