"""Prediction with a trained network: normalisation of the counts, forward pass, lifetimes."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from seq2seqlite.decay import (
    Lifetimes,
    LifetimesWithErrors,
    TimeAxis,
    counts_for,
    lifetimes_from_sfd,
    normalise_to_codes,
    normalise_tpsf,
)
from seq2seqlite.errors import InputError
from seq2seqlite.maps import ERROR_MAPS
from seq2seqlite.models.architecture import DIRECT_OUTPUTS, Architecture, Parameters
from seq2seqlite.models.inputs import response_columns
from seq2seqlite.models.model_file import ModelFile, read_model_file, write_model_file
from seq2seqlite.models.numpy_forward import predict_direct, predict_sfd
from seq2seqlite.models.quantisation import ActivationFormats, Format, quantise
from seq2seqlite.training_range import training_range_ns

__all__ = ["FRACTION_OF_A_COUNT", "Network", "direct_lifetimes", "network_inputs", "tau_limits_ns"]

# Decays predicted together: the states of a batch of this size fit into the cache.
BATCH = 1024
# Re-binned counts are not integers. Fixed-point networks round them to this fraction of a count, far below
# the photon noise.
FRACTION_OF_A_COUNT = 64
# Format of the amplitude fraction in a fixed-point network: 1 is a code of 2**15.
FRACTION = Format(signed=False, integer_bits=1, fraction_bits=15)
# Logarithms of errors that a direct network can predict: far beyond what occurs, and finite.
MAX_LOG = 20.0


class Network:
    """Trained network, float or quantised; implements :class:`~seq2seqlite.protocols.SfdPredictor`.

    Parameters
    ----------
    content : ModelFile
        Weights, metadata, and fixed-point formats if the network is quantised.
    response : ndarray, shape (n_gates,) or (n, n_gates), optional
        Response of the instrument on the axis of the model, with the delay of the decays, for a network that
        uses it: of all decays, or of each of the n decays that it is called with. Without a response such a
        network works too, with larger errors.

    See Also
    --------
    load_model : Return a shipped model by name, or the model in a file.
    seq2seqlite.load_predictor : Return a model, an integer program or an estimator as a predictor.

    Notes
    -----
    A network with fixed-point activations computes in a floating-point type in which every sum is exact, so
    its results equal those of integer arithmetic.
    """

    def __init__(self, content: ModelFile, /, *, response: ArrayLike | None = None) -> None:
        if response is not None and not content.response_lifetimes_ns:
            raise InputError(f"model {content.name} does not use a response; omit it or choose another model")
        self.content = content
        self.response = None if response is None else np.asarray(response, np.float64)
        self._columns = (
            response_columns(
                np.zeros(content.axis.n_gates) if self.response is None else self.response,
                content.response_lifetimes_ns,
                axis=content.axis,
            )
            if content.response_lifetimes_ns
            else None
        )

    @classmethod
    def read(cls, path: str | Path, /) -> "Network":
        """Read a model file."""
        return cls(read_model_file(path))

    def write(self, path: str | Path, /) -> None:
        """Write a model file."""
        write_model_file(path, self.content)

    def with_response(self, response: ArrayLike | None, /) -> "Network":
        """Return this network for decays of another response.

        Parameters
        ----------
        response : array_like, shape (n_gates,) or (n, n_gates), or None
            Response on the axis of the model, with the delay of the decays: of all decays, or of each of n
            decays; None for an unknown one.

        Raises
        ------
        InputError
            If the network does not use a response, or it does not match the axis.
        """
        return Network(self.content, response=response)

    @property
    def direct(self) -> bool:
        """Whether the network predicts lifetimes and not a decay without IRF."""
        return self.architecture.direct

    @property
    def uses_response(self) -> bool:
        """Whether the response of the instrument is an input of the network."""
        return bool(self.content.response_lifetimes_ns)

    @property
    def columns(self) -> NDArray[np.float32] | None:
        """Columns of the response, shape ([n,] n_gates, n_inputs - 1); None for a network that gets none."""
        return self._columns

    @property
    def response_given(self) -> bool:
        """Whether the network has the response of the decays."""
        return self.response is not None

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
        return self.content.tau_range_ns or training_range_ns(self.instrument)

    @property
    def max_background(self) -> float | None:
        """Largest share of background in the counts in the training; None if it does not matter."""
        return self.content.max_background

    @property
    def error_maps(self) -> tuple[str, ...]:
        """Standard errors that the network gives: those of all quantities, or none."""
        return tuple(ERROR_MAPS) if self.direct or self.content.error_table is not None else ()

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
        if self.architecture.direct:
            raise InputError(f"model {self.name} predicts lifetimes directly; it has no decay without IRF")
        return self._predicted(tpsf)[0]

    def _predicted(self, tpsf: ArrayLike) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return SFDs, or the head of a direct network, and a mask of decays without counts."""
        counts = counts_for(tpsf, axis=self.axis, name=self.name)
        kind, parameters = self._exact
        dark = np.empty(len(counts), np.bool_)
        direct = self.architecture.direct
        shape = (2 * len(DIRECT_OUTPUTS),) if direct else (3, self.axis.n_gates)
        # The sums of a direct network's head are rounded later, and must be exact until then.
        result = np.empty((len(counts), *shape), kind if direct else np.float32)
        with threadpool_limits(1, user_api="blas"):  # threads slow down products of small matrices
            for start in range(0, len(counts), BATCH):
                part = slice(start, start + BATCH)
                inputs = self.inputs(counts[part]).astype(kind)
                dark[part] = np.ptp(inputs, axis=1) == 0  # no counts, or the same in all gates
                inputs = self._with_columns(inputs, start)
                if direct:
                    result[part] = predict_direct(self.architecture, parameters, inputs, formats=self.formats)
                else:
                    result[part] = predict_sfd(self.architecture, parameters, inputs, formats=self.formats)
        return result, dark

    def input_columns(self, tpsf: ArrayLike, /) -> NDArray[np.float32]:
        """Return inputs, shape (n, n_gates, n_inputs), for counts of shape (n, n_gates)."""
        inputs = self.inputs(tpsf)
        return (
            inputs[..., None] if self._columns is None else self._with_columns(inputs, 0).astype(np.float32)
        )

    def _with_columns(self, inputs: NDArray[np.floating], start: int) -> NDArray[np.floating]:
        """Return normalised TPSFs from decay ``start`` with their columns, shape (n, n_gates, n_inputs)."""
        if self._columns is None:
            return inputs
        columns = self._columns
        if columns.ndim > 2:
            columns = columns[start : start + len(inputs)]
            if len(columns) != len(inputs):
                raise InputError(f"there are {len(self._columns)} responses for a larger number of decays")
        columns = np.broadcast_to(columns.astype(inputs.dtype), (*inputs.shape, columns.shape[-1]))
        return np.concatenate([inputs[..., None], columns], axis=-1)

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
        found, dark = self._predicted(tpsf)
        if self.architecture.direct:
            return direct_lifetimes(
                found, counts=tpsf, content=self.content, response_given=self.response_given
            ).without(dark)
        return self.with_errors(lifetimes_from_sfd(found, axis=self.axis), tpsf).without(dark)

    def with_errors(self, lifetimes: Lifetimes, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes of a network with a decoder with their standard errors, if it has any.

        Parameters
        ----------
        lifetimes : Lifetimes
            Lifetimes of the SFD, arrays of shape (n,).
        tpsf : array_like, shape (n, n_gates)
            Counts.
        """
        table = self.content.error_table
        if table is None:
            return lifetimes
        return table.with_errors(lifetimes, counts=tpsf, response_given=self.response_given)


def direct_lifetimes(
    outputs: NDArray[np.floating], /, *, counts: ArrayLike, content: ModelFile, response_given: bool
) -> LifetimesWithErrors:
    """Return lifetimes and standard errors from the outputs of a direct network's head.

    Parameters
    ----------
    outputs : ndarray, shape (n, 8)
        :data:`~seq2seqlite.models.architecture.DIRECT_OUTPUTS`, and the logarithm of each quantity's error
        for one count; to base 2 for a fixed-point network.
    counts : array_like, shape (n, n_gates)
        Counts of the decays.
    content : ModelFile
        Model.
    response_given : bool
        Whether the network had the response of the decays.

    Returns
    -------
    LifetimesWithErrors
        Arrays of shape (n,), ordered and within their physical limits.

    See Also
    --------
    Network : Network that uses this function.
    """
    assert content.tau_range_ns is not None, "the model file of a direct network has a range"
    assert content.error_scale is not None, "the model file of a direct network has factors of the errors"
    quantisation = content.quantisation
    formats = None if quantisation is None else quantisation.activations
    low, high = tau_limits_ns(content.tau_range_ns, formats)
    if formats is not None:
        outputs = outputs.astype(np.float64)
        outputs[:, :3] = quantise(outputs[:, :3], formats.output)
        outputs[:, 3] = quantise(outputs[:, 3], FRACTION)
    total = np.maximum(np.asarray(counts, np.float64).sum(axis=1), 1.0)
    scale = content.error_scale.factors(total, response_given=response_given) / np.sqrt(total)[:, None]
    logarithm = outputs[:, 4:].astype(np.float64) * (1.0 if formats is None else np.log(2))
    std = np.exp(np.clip(logarithm, -MAX_LOG, MAX_LOG)) * scale
    mean, short, long, fraction = outputs[:, :4].astype(np.float64).T
    mean = np.clip(mean, low, high)
    short = np.clip(short, low, mean)
    long = np.clip(long, mean, high)
    return LifetimesWithErrors(mean, short, long, np.clip(fraction, 0, 1), *std.T)


def tau_limits_ns(
    tau_range_ns: tuple[float, float], formats: ActivationFormats | None, /
) -> tuple[float, float]:
    """Return the shortest and the longest lifetime that a direct network may give, in ns.

    Parameters
    ----------
    tau_range_ns : tuple of float
        Range of the lifetimes in the training.
    formats : ActivationFormats or None
        Fixed-point formats; the limits are then multiples of the step of the lifetimes.

    See Also
    --------
    direct_lifetimes : Function that applies the limits.
    """
    limits = np.array([0.5 * tau_range_ns[0], 2 * tau_range_ns[1]])
    if formats is not None:
        limits = np.maximum(quantise(limits, formats.output), formats.output.step)
    return float(limits[0]), float(limits[1])


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
