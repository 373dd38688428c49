"""Frames of a simulated camera: one scene with spatially varying lifetimes, and new noise in each frame."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from seq2seqlite.errors import InputError
from seq2seqlite.simulation.instrument import Instrument
from seq2seqlite.simulation.simulator import CHUNK, Simulator

__all__ = ["simulated_frames"]

# The scene: blurred discs on a dim background, so that a frame covers a wide range of intensities.
N_BODIES = 12
GROUND = 0.2


def simulated_frames(
    instrument: Instrument,
    /,
    *,
    shape: tuple[int, int],
    n: int,
    photons: float,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[NDArray[Any]]:
    """Return simulated camera frames of one scene, with independent noise in each frame.

    Parameters
    ----------
    instrument : Instrument
        Time axis, IRFs (one is drawn for each pixel), detector and range of lifetimes.
    shape : tuple of int
        Shape (Y, X).
    n : int
        Number of frames.
    photons : float
        Mean counts per pixel.
    seed : int
        Seed of all random numbers.
    progress : callable, optional
        Called with the number of finished parts and the number of all parts.

    Returns
    -------
    list of ndarray, shape (Y, X, n_gates)
        Counts in the narrowest unsigned type whose maximum exceeds all counts.

    Raises
    ------
    InputError
        If shape, number or photons are not positive.

    See Also
    --------
    Simulator : Simulated decays without spatial structure.

    Examples
    --------
    >>> from seq2seqlite.simulation import load_instrument
    >>> frames = simulated_frames(load_instrument("narrow-gate"), shape=(3, 4), n=2, photons=300.0)
    >>> len(frames), frames[0].shape, frames[0].dtype.name
    (2, (3, 4, 135), 'uint8')
    """
    if min(shape) < 1 or n < 1:
        raise InputError(f"n={n} and shape={tuple(shape)} must be >= 1 (e.g. shape=(500, 500))")
    if not (np.isfinite(photons) and photons > 0):
        raise InputError(f"photons={photons} must be finite and > 0 (e.g. 1000)")
    simulator, rng = Simulator(instrument, seed=seed, split="reference"), np.random.default_rng(seed)
    fraction, tau_ns, brightness = _scene(instrument, shape, rng)
    irf_index = rng.integers(len(simulator.irfs), size=fraction.size)
    background = np.full(fraction.size, float(np.mean(instrument.decays.background)))
    frames = [np.zeros((fraction.size, instrument.axis.n_gates), np.uint32) for _ in range(n)]

    def fill(first: int) -> None:
        part, noise = slice(first, first + CHUNK), np.random.default_rng([seed, first])
        expected = simulator.expected(
            fraction[part],
            tau_ns[part],
            irf_index[part],
            photons=photons * brightness[part],
            background=background[part],
        )
        for frame in frames:
            frame[part] = instrument.detector.sample(expected, noise)

    with ThreadPoolExecutor(os.cpu_count()) as pool, threadpool_limits(1, user_api="blas"):
        fill(0)  # compute cached properties before threads use them
        starts = range(0, fraction.size, CHUNK)
        for done, _ in enumerate(pool.map(fill, starts), start=1):
            if progress is not None:
                progress(done, len(starts))
    top = max(int(frame.max()) for frame in frames)
    kind = next(kind for kind in (np.uint8, np.uint16, np.uint32) if top < np.iinfo(kind).max)
    return [frame.astype(kind).reshape(*shape, -1) for frame in frames]


def _scene(
    instrument: Instrument, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return amplitude fraction (n,), lifetimes (n, 2) and intensity (n,) with mean 1, in row-major order."""
    y, x = np.meshgrid(np.linspace(0, 1, shape[0]), np.linspace(0, 1, shape[1]), indexing="ij")
    low, high = instrument.decays.tau_ns
    first, last = instrument.decays.amplitude_fraction
    short_ns = low + (high - low) * (0.15 + 0.15 * y)
    long_ns = low + (high - low) * (0.6 + 0.35 * x)
    fraction = first + (last - first) * (0.2 + 0.6 * y)
    brightness = np.full(shape, GROUND)
    for at_y, at_x, radius in zip(
        *rng.uniform(size=(2, N_BODIES)), rng.uniform(0.05, 0.2, N_BODIES), strict=True
    ):
        brightness += np.exp(-0.5 * ((y - at_y) ** 2 + (x - at_x) ** 2) / radius**2)
    tau_ns = np.stack([short_ns.reshape(-1), long_ns.reshape(-1)], axis=1)
    return fraction.reshape(-1), tau_ns, (brightness / brightness.mean()).reshape(-1)
