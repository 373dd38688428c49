"""A predictor and measurements small enough to know every number of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, Lifetimes, TimeAxis
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.protocols import Predictor

AXIS = TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)


@dataclass(frozen=True)
class CentreOfMass:
    """Mean arrival time after the edge, from counts as they are: no training, exact for a delta IRF."""

    axis: TimeAxis = AXIS
    rising_edge_ns: float = 1.5
    name: str = "centre-of-mass"
    kind: str = "closed form"

    def lifetimes(self, tpsf: NDArray[np.floating], /) -> Lifetimes:
        assert tpsf.shape[1] == self.axis.n_gates
        signal = np.clip(tpsf - tpsf[:, :5].mean(axis=1, keepdims=True), 0, None)
        tau = signal @ self.axis.starts_ns / signal.sum(axis=1) - self.rising_edge_ns
        return Lifetimes(tau, 0.5 * tau, 2 * tau, np.full_like(tau, 0.25))


@pytest.fixture
def predictor() -> CentreOfMass:
    return CentreOfMass()


def _decay_image(
    tau_ns: NDArray[np.floating], *, photons: float = 2000.0, width_ns: float = 0.05, **more: float
) -> xr.DataArray:
    """Noise-free decays, 12.5 ns period, Gaussian IRF at 2 ns (sigma 0.1 ns), shape (Y, X, 250)."""
    fine = np.arange(5000) * 0.0025 + 0.00125
    irf = np.exp(-0.5 * ((fine - 2) / 0.1) ** 2)
    decay = np.exp(-fine / np.asarray(tau_ns)[..., None])
    tpsf = np.fft.irfft(np.fft.rfft(decay) * np.fft.rfft(irf), n=5000)
    binned = np.clip(tpsf, 0, None).reshape(*np.shape(tau_ns), -1, round(width_ns / 0.0025)).sum(axis=-1)
    counts = binned / binned.sum(axis=-1, keepdims=True) * photons
    return signal_from_counts(
        counts,
        source="image.npz",
        file_format="npz",
        gate_width_ns=width_ns,
        period_ns=more.get("period_ns", 12.5),
        pixel_size_um=more.get("pixel_size_um"),
    )


@pytest.fixture
def decay_image() -> Callable[..., xr.DataArray]:
    return _decay_image


class Source:
    """The stand-in predictor as batches take it, which counts how often it is asked for."""

    def __init__(self, predictor: Predictor, name: str = "centre-of-mass") -> None:
        self.held, self.name, self.asked = predictor, name, 0

    def predictor(self, _: xr.DataArray, /) -> Predictor:
        self.asked += 1
        return self.held

    def irf(self) -> Irf | None:
        return None

    def described(self) -> dict[str, Any]:
        return {"model": self.name}


@pytest.fixture
def source(predictor: CentreOfMass) -> Source:
    return Source(predictor)


@pytest.fixture
def another_source(predictor: CentreOfMass) -> Source:
    return Source(predictor, "another")
