"""Prediction with a trained network: normalisation of the counts, forward pass, lifetimes."""

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from seq2seqlite.decay import (
    Lifetimes,
    TimeAxis,
    counts_for,
    lifetimes_from_sfd,
    normalise_to_codes,
    normalise_tpsf,
)
from seq2seqlite.models.architecture import Architecture, Parameters
from seq2seqlite.models.model_file import ModelFile, read_model_file, write_model_file
from seq2seqlite.models.numpy_forward import predict_sfd
from seq2seqlite.models.quantisation import ActivationFormats
from seq2seqlite.training_range import training_range_ns

__all__ = ["FRACTION_OF_A_COUNT", "Network", "network_inputs"]

# Decays predicted together: the states of a batch of this size fit into the cache.
BATCH = 1024
# Re-binned counts are not integers. Fixed-point networks round them to this fraction of a count, far below
# the photon noise.
FRACTION_OF_A_COUNT = 64


class Network:
    """Trained network, float or quantised; implements :class:`~seq2seqlite.protocols.SfdPredictor`.

    Parameters
    ----------
    content : ModelFile
        Weights, metadata, and fixed-point formats if the network is quantised.

    See Also
    --------
    load_model : Return a shipped model by name, or the model in a file.
    seq2seqlite.load_predictor : Return a model, an integer program or an estimator as a predictor.

    Notes
    -----
    A network with fixed-point activations computes in a floating-point type in which every sum is exact, so
    its results equal those of integer arithmetic.
    """

    def __init__(self, content: ModelFile, /) -> None:
        self.content = content

    @classmethod
    def read(cls, path: str | Path, /) -> "Network":
        """Read a model file."""
        return cls(read_model_file(path))

    def write(self, path: str | Path, /) -> None:
        """Write a model file."""
        write_model_file(path, self.content)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.content.name

    @property
    def kind(self) -> str:
        """Kind of network: float, float with quantised weights, or fully quantised."""
        if self.content.quantisation is None:
            return "float network"
        return "float network, quantised weights" if self.formats is None else "quantised network"

    @property
    def formats(self) -> ActivationFormats | None:
        """Fixed-point formats of the activations; None for floating-point activations."""
        return None if self.content.quantisation is None else self.content.quantisation.activations

    @property
    def architecture(self) -> Architecture:
        """Layers and cell."""
        return self.content.architecture

    @property
    def axis(self) -> TimeAxis:
        """Time axis of the TPSFs that the model accepts."""
        return self.content.axis

    @property
    def rising_edge_ns(self) -> float:
        """Required position of the rising edge, relative to the first gate, in ns."""
        return self.content.rising_edge_ns

    @property
    def instrument(self) -> str:
        """Name of the instrument that the model was trained for."""
        return self.content.instrument

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes that the model was trained for, in ns; None if it is unknown."""
        return training_range_ns(self.instrument)

    @property
    def n_parameters(self) -> int:
        """Number of weights."""
        return self.architecture.n_parameters

    def sfd(self, tpsf: ArrayLike, /) -> NDArray[np.float32]:
        """Return the decays without IRF.

        Parameters
        ----------
        tpsf : array_like, shape (n, n_gates)
            Counts, background included.

        Returns
        -------
        ndarray of float32, shape (n, 3, n_gates)
            Channels total, short, long, relative to the first sample of the total.

        Raises
        ------
        InputError
            If the shape does not match the model's axis, or the counts are neither integers nor floats.
        """
        return self._predicted(tpsf)[0]

    def _predicted(self, tpsf: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the SFDs, and a mask of decays without counts above the baseline."""
        counts = counts_for(tpsf, axis=self.axis, name=self.name)
        kind, parameters = self._exact
        dark = np.empty(len(counts), np.bool_)
        result = np.empty((len(counts), 3, self.axis.n_gates), np.float32)
        with threadpool_limits(1, user_api="blas"):  # threads slow down products of small matrices
            for start in range(0, len(counts), BATCH):
                part = slice(start, start + BATCH)
                inputs = self.inputs(counts[part]).astype(kind)
                dark[part] = ~inputs.any(axis=1)
                result[part] = predict_sfd(self.architecture, parameters, inputs, formats=self.formats)
        return result, dark

    def inputs(self, tpsf: ArrayLike, /) -> NDArray[np.float32]:
        """Return TPSFs in the form of the network's input; see :func:`network_inputs`.

        Parameters
        ----------
        tpsf : array_like, shape (n, n_gates)
            Counts.
        """
        return network_inputs(tpsf, self.formats, n_baseline=self.content.n_baseline)

    @cached_property
    def _exact(self) -> tuple[type[np.floating], Parameters]:
        """Floating-point type in which this network computes, and the weights in this type."""
        quantisation, parameters = self.content.quantisation, self.content.parameters
        if self.formats is None or quantisation is None or quantisation.exact_in_float32(parameters):
            return np.float32, parameters
        return np.float64, {name: value.astype(np.float64) for name, value in parameters.items()}

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return the lifetimes of decays, arrays of shape (n,); see :meth:`sfd` for parameters and errors."""
        sfd, dark = self._predicted(tpsf)
        return lifetimes_from_sfd(sfd, axis=self.axis).without(dark)


def network_inputs(
    tpsf: ArrayLike, formats: ActivationFormats | None, /, *, n_baseline: int
) -> NDArray[np.float32]:
    """Return TPSFs in the form of a network's input.

    Parameters
    ----------
    tpsf : array_like, shape (n, n_gates)
        Counts.
    formats : ActivationFormats or None
        Activation formats of the network.
    n_baseline : int
        Number of leading gates whose mean is the baseline.

    Returns
    -------
    ndarray of float32, shape (n, n_gates)
        For float networks, the result of :func:`~seq2seqlite.decay.normalise_tpsf`. For fixed-point networks,
        the result of :func:`~seq2seqlite.decay.normalise_to_codes` times the step of the input format, so
        that the peak is the highest code. Non-integer counts (re-binned data) are first rounded to 1/64.

    See Also
    --------
    Network.inputs : Inputs of one network.
    """
    if formats is None:
        return normalise_tpsf(tpsf, n_baseline=n_baseline)
    counts = np.asarray(tpsf)
    if not np.issubdtype(counts.dtype, np.integer):
        counts = np.rint(counts.astype(np.float64) * FRACTION_OF_A_COUNT).astype(np.int64)
    codes = normalise_to_codes(counts, bits=formats.input.bits, n_baseline=n_baseline)
    return codes.astype(np.float32) * np.float32(formats.input.step)
