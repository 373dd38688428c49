"""Synthetic counts and responses for the simulation of a design without a measurement."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, ParametricIrf, expected_response, expected_tpsf
from seq2seqlite.integer import COUNT_BITS, AnyProgram, EncoderProgram, response_codes

__all__ = ["made_up_bank", "made_up_counts", "response_bank"]

FWHM_NS = 0.2
FWHM_STEP_NS, DELAY_STEP_NS = 0.05, 0.03
RESPONSE_COUNTS = 1e9
"""Counts of a response without noise. Its codes are normalised."""


def made_up_counts(
    program: EncoderProgram, n: int, /, *, seed: int = 0, count_bits: int = COUNT_BITS
) -> NDArray[np.int64]:
    """Return synthetic Poisson counts of bi-exponential decays, including exceptional pixels.

    Parameters
    ----------
    program : EncoderProgram
        Program whose time axis and rising edge are used.
    n : int
        Number of pixels.
    seed : int
        Seed of the random generator.
    count_bits : int
        Width of a count: 8 or 16.

    Returns
    -------
    ndarray of int64, shape (n, n_gates)
        Pixels with 30 to 100,000 photons (10,000 with counts of 8 bits) and up to 5 % background. Every 16th
        pixel is exceptional: empty, saturated in all gates, with counts in a single gate, or noise.

    See Also
    --------
    made_up_bank : Responses for direct programs.
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
    photons = np.exp(rng.uniform(np.log(30), np.log(1e5 if count_bits == COUNT_BITS else 1e4), (n, 1)))
    background = rng.uniform(0, 0.05, (n, 1)) * photons / axis.n_gates
    counts = rng.poisson(decays / decays.sum(axis=1, keepdims=True) * photons + background)
    top = (1 << count_bits) - 1
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


def response_bank(program: AnyProgram, irfs: Sequence[Irf], /) -> NDArray[np.int64]:
    """Return a bank of responses for a program that gets the response.

    Parameters
    ----------
    program : Program or DirectProgram
        Program.
    irfs : sequence of Irf
        One response each, with the delay of the decays.

    Returns
    -------
    ndarray of int64, shape (n, n_gates, n_columns)

    See Also
    --------
    made_up_bank : A bank without measured responses.
    seq2seqlite.integer.response_codes : Codes of a response on the axis of the program.
    """
    expected = (expected_response(irf, axis=program.axis) for irf in irfs)
    return np.stack([response_codes(program, RESPONSE_COUNTS * each / each.sum()) for each in expected])


def made_up_bank(program: AnyProgram, n: int, /) -> NDArray[np.int64]:
    """Return a bank of synthetic responses for a program.

    Parameters
    ----------
    program : Program or DirectProgram
        Program.
    n : int
        Number of responses.

    Returns
    -------
    ndarray of int64, shape (n, n_gates, n_columns)
        The first is unknown (zeros); the others differ in width and delay. Only the first of a program that
        does not use the response.

    See Also
    --------
    made_up_counts : Counts.
    response_bank : A bank of measured responses.
    """
    unknown = response_codes(program, None)[None]
    if n == 1 or not program.n_columns:
        return unknown
    irfs = [
        ParametricIrf(program.rising_edge_ns + DELAY_STEP_NS * step, FWHM_NS + FWHM_STEP_NS * step)
        for step in range(n - 1)
    ]
    return np.concatenate([unknown, response_bank(program, irfs)])
