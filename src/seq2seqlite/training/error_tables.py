"""Standard errors of networks with a decoder that get the response, measured on held-out decays."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import TimeAxis, lifetimes_from_sfd
from seq2seqlite.models import ErrorTable
from seq2seqlite.models.architecture import DIRECT_OUTPUTS
from seq2seqlite.simulation.simulator import Decays, Simulator
from seq2seqlite.training.calibration import (
    calibration_decays,
    count_bins,
    error_table_cells,
    lifetime_bins,
)
from seq2seqlite.training.loss import true_lifetimes

__all__ = ["BATCH", "error_table"]

# Decays evaluated together: their activations take some tens of megabytes.
BATCH = 1024

Floats = NDArray[np.float32]


def error_table(
    simulator: Simulator,
    sfd: Callable[[Floats], Floats],
    /,
    *,
    inputs: Callable[[Simulator, Decays], Floats],
) -> ErrorTable:
    """Return the standard errors of a network that gets the response, from held-out decays.

    Parameters
    ----------
    simulator : Simulator
        Simulator of validation decays, with responses.
    sfd : callable
        Returns the SFDs, shape (n_gates, n, 3), of inputs, shape (n, n_gates, n_inputs).
    inputs : callable
        Returns the inputs of simulated decays.

    See Also
    --------
    seq2seqlite.training.calibration.calibration_decays : Decays on which the errors are measured.
    """
    simulator, decays = calibration_decays(simulator)
    columns, truth = inputs(simulator, decays), true_lifetimes(decays)
    total = decays.tpsf.sum(axis=1).astype(np.float64)
    counts, rows = count_bins(total)
    tau_ns, _ = lifetime_bins(truth[:, 0])
    # The fraction of a decay with one lifetime has no meaning.
    truth[decays.tau_short_ns == decays.tau_long_ns, 3] = np.nan
    known = columns[..., 1:].any(axis=(1, 2))
    cells = []
    for response in (columns[..., 1:], np.zeros_like(columns[..., 1:])):
        chosen = known if response.any() else np.ones_like(known)  # all, without a response
        used = np.concatenate([columns[..., :1], response], axis=-1)[chosen]
        parts = [sfd(used[start : start + BATCH]) for start in range(0, len(used), BATCH)]
        found = np.concatenate([_quantities(part, simulator.instrument.axis) for part in parts])
        errors = np.abs(found - truth[chosen]) * np.sqrt(total[chosen])[:, None]
        place = np.digitize(found[:, 0], np.sqrt(np.multiply(tau_ns[:-1], tau_ns[1:])))
        cells.append(error_table_cells(errors, rows[chosen], place, shape=(len(counts), len(tau_ns))))
    return ErrorTable(counts, tau_ns, *cells)


def _quantities(sfd: Floats, axis: TimeAxis) -> NDArray[np.float64]:
    """Return mean, short and long lifetime, in ns, and amplitude fraction of SFDs, shape (n, 4)."""
    found = lifetimes_from_sfd(sfd.transpose(1, 2, 0), axis=axis)
    return np.stack([getattr(found, name) for name in DIRECT_OUTPUTS], axis=1).astype(np.float64)
