"""Synthetic counts for the simulation of a design without a measurement."""

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import ParametricIrf, expected_tpsf
from seq2seqlite.integer import COUNT_BITS, EncoderProgram

__all__ = ["made_up_counts"]

FWHM_NS = 0.2


def made_up_counts(program: EncoderProgram, n: int, /, *, seed: int = 0) -> NDArray[np.int64]:
    """Return synthetic Poisson counts of bi-exponential decays, including exceptional pixels.

    Parameters
    ----------
    program : EncoderProgram
        Program whose time axis and rising edge are used.
    n : int
        Number of pixels.
    seed : int
        Seed of the random generator.

    Returns
    -------
    ndarray of int64, shape (n, n_gates)
        Pixels with 30 to 100,000 photons and up to 5 % background. Every 16th pixel is exceptional: empty,
        saturated in all gates, with counts in a single gate, or noise.

    See Also
    --------
    seq2seqlite.hardware.cosim.design.compile_project : Compile the Verilog of a project with Verilator.
    seq2seqlite.hardware.hls.simulate_hls :
        Compile an HLS project, simulate raw counts, and compare the SFD codes with its program.
    """
    rng, axis = np.random.default_rng(seed), program.axis
    irf = ParametricIrf(program.rising_edge_ns, FWHM_NS)
    amplitude = rng.uniform(0, 1, n)
    lifetimes = np.sort(np.exp(rng.uniform(np.log(0.1), np.log(6.0), (n, 2))), axis=1)
    shares = np.stack([amplitude, 1 - amplitude], axis=1)
    decays = expected_tpsf(shares, lifetimes, axis=axis, irf=irf)
    photons = np.exp(rng.uniform(np.log(30), np.log(1e5), (n, 1)))
    background = rng.uniform(0, 0.05, (n, 1)) * photons / axis.n_gates
    counts = rng.poisson(decays / decays.sum(axis=1, keepdims=True) * photons + background)
    top = 2**COUNT_BITS - 1
    odd = np.arange(n) % 16 == 15
    kinds = np.arange(n) // 16 % 4
    counts[odd & (kinds == 0)] = 0
    counts[odd & (kinds == 1)] = top
    alone = np.flatnonzero(odd & (kinds == 2))
    counts[alone] = 0
    counts[alone, rng.integers(0, axis.n_gates, alone.size)] = rng.integers(1, top, alone.size)
    noise = np.flatnonzero(odd & (kinds == 3))
    counts[noise] = rng.integers(0, top + 1, (noise.size, axis.n_gates))
    return np.asarray(np.minimum(counts, top), np.int64)
