"""Model that is fitted to a decay."""

from dataclasses import dataclass

__all__ = ["FitModel"]


@dataclass(frozen=True)
class FitModel:
    """Model that is fitted to a decay: its components, and the gates that are compared.

    Parameters
    ----------
    components : {1, 2, 3}
        Number of lifetimes, or the largest number.
    scatter : bool
        Whether promptly scattered excitation light is a component: the response itself, of lifetime zero.
    fixed_tau_ns : tuple of float
        Fixed lifetimes, one for each component, in ns; empty: all are fitted.
    gates : tuple of int, optional
        Fitted gates; None: all.

    See Also
    --------
    seq2seqlite.protocols.fit_model : Model of a predictor, which is also fitted to summed decays.
    seq2seqlite.responses.fit_lifetimes : Fit of a summed decay.
    """

    components: int = 2
    scatter: bool = False
    fixed_tau_ns: tuple[float, ...] = ()
    gates: tuple[int, ...] | None = None
