"""Fisher information of the gates of an instrument, for Poisson noise and for one-bit frames."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from seq2seqlite.decay import (
    MAX_HARMONICS,
    Decay,
    ForwardModel,
    TimeAxis,
    harmonics_needed,
)
from seq2seqlite.errors import InputError
from seq2seqlite.simulation.instrument import Instrument
from seq2seqlite.simulation.ranges import middle

__all__ = ["GateInformation", "MeanError", "gate_information", "n_parameters"]

# Relative step of the central differences in the lifetimes; their error is below 1e-6 of the slope.
LIFETIME_STEP = 1e-4
# Condition number above which gates do not determine the parameters.
MAX_CONDITION = 1e12


def n_parameters(sample: Decay, /) -> int:
    """Return the number of unknown parameters: lifetimes, amplitude fraction, photons and background.

    See Also
    --------
    gate_information : Return the information of an instrument's gates about a decay.

    Examples
    --------
    >>> n_parameters(Decay(2.5, 2.5)), n_parameters(Decay(0.5, 2.5))
    (3, 5)
    """
    return 3 if sample.mono else 5


@dataclass(frozen=True)
class MeanError:
    """Error of the mean lifetime from one exposure of each gate, and its dependence on the background.

    Parameters
    ----------
    relative : ndarray, shape (n,)
        Cramér-Rao bound of the standard error, relative to the mean lifetime; infinite if the gates do not
        determine the parameters.
    correlation : ndarray, shape (n,)
        Correlation of mean lifetime and background.
    background : ndarray, shape (n,)
        Background divided by its standard error.

    See Also
    --------
    GateInformation : Computes it.
    """

    relative: NDArray[np.float64]
    correlation: NDArray[np.float64]
    background: NDArray[np.float64]

    def after(self, n_exposures: float, /) -> NDArray[np.float64]:
        """Return the relative root mean square error after a number of exposures.

        Notes
        -----
        A fit constrains the background to be >= 0. Where the unconstrained estimate z (in standard errors
        from the truth) would be below, at ``z < -b``, the fit sets the background to zero, and of the error
        of the lifetime that is correlated with it only the part of ``max(z, -b)`` remains. Its mean square
        is ``Phi(b) - b phi(b) + b**2 Phi(-b)``, 1 for a well-known background and 1/2 for none.

        Examples
        --------
        >>> error = MeanError(np.array([0.2]), np.array([1.0]), np.array([100.0]))
        >>> error.after(4).round(6).tolist()
        [0.1]
        """
        root = np.sqrt(n_exposures)
        b = self.background * root
        density = np.exp(-0.5 * b**2) / np.sqrt(2 * np.pi)
        remaining = ndtr(b) - b * density + b**2 * ndtr(-b)
        squared = self.correlation**2
        return np.asarray(self.relative / root * np.sqrt(1 - squared + squared * remaining))


@dataclass(frozen=True)
class GateInformation:
    """Expected counts of all gates for one photon at the pixel, and their derivatives.

    Parameters
    ----------
    sample : Decay
        Decay.
    counts : ndarray, shape (n_gates,)
        Probability that a photon that reaches the pixel during the exposure of a gate is within this gate.
    slopes : ndarray, shape (n_parameters, n_gates)
        Derivatives of these counts with respect to the parameters; those of the lifetimes are the first.
    mean_slope : ndarray, shape (n_parameters,)
        Derivatives of the mean lifetime, in ns, with respect to the parameters.
    background : float
        Share of background in the photons.

    See Also
    --------
    gate_information : Compute it for an instrument.
    """

    sample: Decay
    counts: NDArray[np.float64]
    slopes: NDArray[np.float64]
    mean_slope: NDArray[np.float64]
    background: float

    def mean_error(self, photons: NDArray[np.float64], /, *, gates: slice, one_bit: bool) -> MeanError:
        """Return the error of the mean lifetime from one exposure of each gate.

        Parameters
        ----------
        photons : ndarray, shape (n,)
            Photons that reach the pixel during the exposure of one gate.
        gates : slice
            Gates that are measured.
        one_bit : bool
            Whether an exposure records one bit: at least one photon or none. Otherwise counts are Poisson.

        Returns
        -------
        MeanError
            Arrays of shape (n,).

        Notes
        -----
        A gate with m expected photons in an exposure contributes ``(dm/dp)(dm/dq) w`` to the information
        about p and q, with ``w = 1 / m`` for Poisson counts, and ``w = 1 / (exp(m) - 1)`` for one bit, whose
        probability is ``1 - exp(-m)``.
        """
        counts, slopes = self.counts[gates], self.slopes[:, gates]
        expected = np.outer(photons, counts)
        with np.errstate(divide="ignore", over="ignore"):
            weight = 1 / np.expm1(expected) if one_bit else 1 / expected
        weight[~np.isfinite(weight)] = 0
        information = np.einsum("pg,ng,qg->npq", slopes, weight, slopes) * (photons**2)[:, None, None]
        scale = np.sqrt(np.diagonal(information, axis1=1, axis2=2))
        known = (scale > 0).all(axis=1) & np.isfinite(scale).all(axis=1)
        scaled = information[known] / scale[known][:, :, None] / scale[known][:, None, :]
        determined = np.linalg.cond(scaled) < MAX_CONDITION
        known[known] = determined
        covariance = np.linalg.inv(scaled[determined]) / scale[known][:, :, None] / scale[known][:, None, :]
        found = np.full((3, len(photons)), [[np.inf], [0.0], [0.0]])
        variance = np.einsum("p,npq,q->n", self.mean_slope, covariance, self.mean_slope)
        with_background = covariance[:, -1] @ self.mean_slope
        background_error = np.sqrt(covariance[:, -1, -1])
        found[0, known] = np.sqrt(variance) / self.sample.tau_mean_ns
        found[1, known] = with_background / np.sqrt(variance) / background_error
        found[2, known] = self.background / background_error
        return MeanError(*found)


def gate_information(
    instrument: Instrument,
    sample: Decay,
    /,
    *,
    background: float,
    gate_length_ns: float | None = None,
) -> GateInformation:
    """Return the information of an instrument's gates about a decay.

    Parameters
    ----------
    instrument : Instrument
        Time axis and response; the response is that of :meth:`Instrument.middle_irf`.
    sample : Decay
        Decay.
    background : float
        Share of the photons that reach the pixel at any time of the laser period.
    gate_length_ns : float, optional
        Length of the gates, in ns; default: that of the instrument.

    Returns
    -------
    GateInformation

    Raises
    ------
    InputError
        If the response is too narrow for its Fourier series, or the gates are longer than the period.

    See Also
    --------
    seq2seqlite.estimators.crlb.cramer_rao_bound : The bound of a whole decay under Poisson noise.
    """
    axis, open_ns = _axis_and_gate(instrument, gate_length_ns)
    irf = instrument.middle_irf(gate_length_ns=open_ns)
    n_harmonics = harmonics_needed(irf.narrowest_sigma_ns, period_ns=axis.period_ns)
    if n_harmonics >= MAX_HARMONICS:
        raise InputError(
            f"instrument {instrument.name}: an IRF with a standard deviation of {irf.narrowest_sigma_ns:g} ns"
            f" is too narrow for a period of {axis.period_ns:g} ns; use a wider IRF"
        )
    forward = ForwardModel(axis, n_harmonics)
    coefficients = irf.coefficients(n_harmonics, period_ns=axis.period_ns)
    share = open_ns / axis.weight_ns  # a sampled gate has the weight of one step

    def shape(short: float, long: float, fraction: float) -> NDArray[np.float64]:
        found = forward.tpsf([[fraction, 1 - fraction]], [[short, long]], coefficients)[0]
        return np.asarray(share * found)

    short, long, fraction = sample.tau_short_ns, sample.tau_long_ns, sample.amplitude_fraction
    signal = shape(short, long, fraction)
    flat = np.full(axis.n_gates, open_ns / axis.period_ns)
    if sample.mono:
        up, down = short * (1 + LIFETIME_STEP), short * (1 - LIFETIME_STEP)
        slopes = [(shape(up, up, fraction) - shape(down, down, fraction)) / (up - down)]
        mean_slope = [1.0]
    else:
        slopes = []
        for index, value in enumerate((short, long, fraction)):
            step = LIFETIME_STEP * (value if index < 2 else min(fraction, 1 - fraction))
            ends = []
            for sign in (1, -1):
                moved = [short, long, fraction]
                moved[index] += sign * step
                ends.append(shape(*moved))
            slopes.append((ends[0] - ends[1]) / (2 * step))
        mean_slope = [fraction, 1 - fraction, short - long]
    return GateInformation(
        sample,
        (1 - background) * signal + background * flat,
        np.stack([*((1 - background) * slope for slope in slopes), signal, flat]),
        np.array([*mean_slope, 0.0, 0.0]),
        background,
    )


def _axis_and_gate(instrument: Instrument, gate_length_ns: float | None) -> tuple[TimeAxis, float]:
    """Return the axis of the forward model and the gate length in ns."""
    if instrument.gate is not None:
        length = middle(instrument.gate.length_ns) if gate_length_ns is None else gate_length_ns
        return instrument.axis.sampled(), length
    if gate_length_ns is None:
        return instrument.axis, instrument.axis.integration_ns
    return replace(instrument.axis, gate_length_ns=gate_length_ns), gate_length_ns
