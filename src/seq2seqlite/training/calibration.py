"""Held-out decays on which the errors that networks give are calibrated."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.simulation.ranges import ResponseRanges
from seq2seqlite.simulation.simulator import Decays, Simulator

__all__ = ["calibration_decays", "count_bins", "error_factor", "error_table_cells", "lifetime_bins"]

CALIBRATION_DECAYS = 32768
CALIBRATION_BINS = 5
LIFETIME_BINS = 7
CALIBRATION_COUNTS = 1e5
ONE_SIGMA, TWO_SIGMA = 0.6827, 0.9545
# With fewer decays a quantile is uncertain by 15 %.
MIN_DECAYS = 50

Bins = tuple[tuple[float, ...], NDArray[np.intp]]


def calibration_decays(simulator: Simulator, /) -> tuple[Simulator, Decays]:
    """Return the simulator of decays with responses of 100,000 counts, aligned well, and its decays.

    Error bars are those of photon noise and of a response measured well: a wrong response causes errors that
    are the same in all pixels.

    See Also
    --------
    error_factor : Calibration on these decays.
    """
    instrument = simulator.instrument
    well = replace(
        instrument.response or ResponseRanges(),
        counts=(CALIBRATION_COUNTS, CALIBRATION_COUNTS),
        misaligned=0.0,
        extra_fwhm_ns=(0.0, 0.0),
    )
    simulator = replace(simulator, instrument=replace(instrument, response=well))
    return simulator, simulator.decays(CALIBRATION_DECAYS)


def count_bins(counts: NDArray[np.floating], /) -> Bins:
    """Return the centres of bins of counts, and the bin of each decay.

    See Also
    --------
    lifetime_bins : The same for lifetimes.
    """
    return _bins(counts, CALIBRATION_BINS)


def lifetime_bins(tau_ns: NDArray[np.floating], /) -> Bins:
    """Return the centres of bins of lifetimes, in ns, and the bin of each decay.

    See Also
    --------
    count_bins : The same for counts.
    """
    return _bins(tau_ns, LIFETIME_BINS)


def _bins(values: NDArray[np.floating], n: int) -> Bins:
    low, high = np.quantile(values, [0.001, 0.999])
    edges = np.unique(np.geomspace(low, high, n + 1))
    centres = np.sqrt(edges[:-1] * edges[1:]) if edges.size > 1 else edges
    return tuple(float(value) for value in centres), np.digitize(values, edges[1:-1])


def error_factor(ratio: NDArray[np.floating], /) -> float:
    """Return the factor of predicted errors that serves intervals of one and of two standard errors.

    Parameters
    ----------
    ratio : ndarray, shape (n,)
        Absolute errors over predicted errors.

    Returns
    -------
    float
        Geometric mean of the factor with which one standard error contains 68.3 % of the decays and of that
        with which two contain 95.4 %. The two are equal for normal errors; tails make the second larger.

    See Also
    --------
    seq2seqlite.models.ErrorScale : Factors of all quantities and numbers of counts.
    """
    one, two = np.quantile(ratio, [ONE_SIGMA, TWO_SIGMA])
    return float(np.sqrt(one * two / 2))


def error_table_cells(
    errors: NDArray[np.floating],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    /,
    *,
    shape: tuple[int, int],
) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Return the standard errors of the cells of an :class:`~seq2seqlite.models.ErrorTable`.

    Parameters
    ----------
    errors : ndarray, shape (n, n_quantities)
        Absolute errors times the square root of the counts; NaN for a quantity without a meaning.
    rows, columns : ndarray of int, shape (n,)
        Bins of counts and lifetime of each decay.
    shape : tuple of int
        Number of bins of counts and of lifetimes.

    See Also
    --------
    error_factor : Standard error of a cell. A cell with few decays takes that of its lifetime, or of all.
    """
    found = np.empty((*shape, errors.shape[1]))
    for quantity, values in enumerate(errors.T):
        known = np.isfinite(values)
        for i, j in np.ndindex(*shape):
            same = known & (columns == j)
            for chosen in (same & (rows == i), same, known):
                if chosen.sum() >= MIN_DECAYS or chosen is known:
                    found[i, j, quantity] = error_factor(values[chosen]) if chosen.any() else 1.0
                    break
    found = np.maximum(found, np.finfo(np.float32).tiny)
    return tuple(tuple(tuple(float(value) for value in cell) for cell in row) for row in found)
