"""Starting points of fits: the most likely decays of a grid."""

from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.estimators.fisher_scoring import Shapes
from seq2seqlite.estimators.model_curves import ChebyshevShapes, shapes_and_slopes

__all__ = ["StartGrid", "start_grid"]

BACKGROUNDS = (0.003, 0.01, 0.03, 0.06, 0.1, 0.2, 0.4, 0.7)
MONO_LIFETIMES = 64
SEVERAL_LIFETIMES = 10
# Candidate shares of the components in the photons of the decay, and of scattered light in all photons.
FRACTIONS = {
    1: ((1.0,),),
    2: ((0.15, 0.85), (0.5, 0.5), (0.85, 0.15)),
    3: ((0.34, 0.33, 0.33), (0.6, 0.2, 0.2), (0.2, 0.6, 0.2), (0.2, 0.2, 0.6)),
}
SCATTERED = (0.0, 0.1, 0.4)
SHIFTS = 9
SMALLEST = 1e-9
_evaluate = jax.jit(shapes_and_slopes)


@dataclass(frozen=True)
class StartGrid:
    """Grid of candidate starting points.

    Parameters
    ----------
    theta : ndarray, shape (n_candidates, p)
        Parameters (see :mod:`seq2seqlite.estimators.fisher_scoring`).
    log_shares : ndarray of float32, shape (n_gates, n_candidates)
        Logarithm of each gate's share of a decay's photons.
    """

    theta: NDArray[np.float64]
    log_shares: NDArray[np.float32]

    def best(self, counts: NDArray[Any], /) -> NDArray[np.float64]:
        """Return the most likely candidate of each decay, shape (n, p), of counts, shape (n, n_gates)."""
        best: NDArray[np.float64] = self.theta[
            np.argmax(np.asarray(counts, np.float32) @ self.log_shares, axis=1)
        ]
        return best


def start_grid(
    shapes: Shapes,
    /,
    *,
    tau_ns: tuple[float, ...],
    fixed: bool,
    components: int,
    background: bool,
    scatter: bool,
    max_shift_ns: float,
) -> StartGrid:
    """Return the grid of candidate starting points of a fit.

    Parameters
    ----------
    shapes : FourierShapes or ChebyshevShapes
        Forward model.
    tau_ns : tuple of float
        Range of lifetimes, or the fixed lifetimes, in ns.
    fixed : bool
        Whether the lifetimes are fixed.
    components : int
        Number of lifetimes of a decay.
    background : bool
        Whether to include candidates with background.
    scatter : bool
        Whether scattered light is a parameter.
    max_shift_ns : float
        Maximum delay, in ns; 0 if the delay is fixed.
    """
    taus = np.asarray(tau_ns) if fixed else np.geomspace(
        tau_ns[0] * 1.5, tau_ns[1] / 2, MONO_LIFETIMES if components == 1 else SEVERAL_LIFETIMES
    )  # fmt: skip
    shifts = np.linspace(-max_shift_ns, max_shift_ns, SHIFTS) * 0.95 if max_shift_ns else np.zeros(1)
    values = {
        (tau, shift): shape
        for shift in shifts
        for tau, shape in zip(
            taus, _shapes(shapes, taus, float(shift) if max_shift_ns else None), strict=True
        )
    }
    prompt = np.asarray(shapes.prompt, np.float64) if isinstance(shapes, ChebyshevShapes) else np.ones(1)
    prompt_within = prompt.sum()
    theta, log_shares = [], []
    for chosen, fraction, level, prompt_share, shift in product(
        combinations(taus, components),
        FRACTIONS[components],
        BACKGROUNDS if background else (0.0,),
        SCATTERED if scatter else (0.0,),
        shifts,
    ):
        decay = sum(share * values[tau, shift] for share, tau in zip(fraction, chosen, strict=True))
        of_decay, of_prompt = (1 - level) * (1 - prompt_share), (1 - level) * prompt_share / prompt_within
        within = decay.sum()
        expected = of_decay * decay / within + of_prompt * prompt + level / decay.size
        further = [of_prompt] if scatter else [shift] if max_shift_ns else []
        photons = [share * of_decay / within for share in fraction]
        theta.append([*np.log(chosen), *photons, level, *further])
        log_shares.append(np.log(np.maximum(expected, SMALLEST)))
    return StartGrid(np.array(theta), np.array(log_shares, np.float32).T.copy())


def _shapes(shapes: Shapes, taus_ns: NDArray[np.float64], shift_ns: float | None) -> NDArray[np.float64]:
    log_tau = jnp.log(jnp.asarray(taus_ns))
    shift = None if shift_ns is None else jnp.full_like(log_tau, shift_ns)
    return np.asarray(_evaluate(shapes, log_tau, shift)[0], np.float64).T
