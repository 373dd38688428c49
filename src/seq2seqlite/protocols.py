"""Interfaces between packages: predictors, and sources of predictors."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import FitModel, Irf, Lifetimes, Quantities, TimeAxis

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "BackgroundPredictor",
    "CountingPredictor",
    "GateSequentialPredictor",
    "Predictor",
    "MeasuredPredictor",
    "PixelPredictor",
    "LiveBins",
    "PredictorSource",
    "RangedPredictor",
    "ResponsePredictor",
    "SfdPredictor",
    "SharingPredictor",
    "TrainedPredictor",
    "error_maps",
    "fit_model",
    "missing_irf",
    "predictor_and_remarks",
    "quantities",
    "tau_range_ns",
    "uses_background",
]


class _Described(Protocol):
    """Attributes of every predictor."""

    @property
    def name(self) -> str:
        """Name of the model, e.g. ``"seq2seqlite-tcspc-80mhz-float"``."""
        ...

    @property
    def kind(self) -> str:
        """Implementation, e.g. ``"float network"``."""
        ...

    @property
    def axis(self) -> TimeAxis:
        """Time axis of the TPSFs that the predictor accepts."""
        ...

    @property
    def rising_edge_ns(self) -> float:
        """Required position of :func:`seq2seqlite.decay.rising_edge_ns` on that axis, in ns."""
        ...


@runtime_checkable
class Predictor(_Described, Protocol):
    """Computes lifetimes from TPSFs: a float network, an integer program, an estimator or an FPGA design.

    A predictor that does not determine two lifetimes and their amplitude-weighted mean declares what it
    determines by an attribute ``quantities`` (:class:`~seq2seqlite.decay.Quantities`).
    ``tests/predictors/test_conformance.py`` checks the properties that every predictor has.

    See Also
    --------
    seq2seqlite.load_predictor : Return a model, an integer program or an estimator as a predictor.
    SfdPredictor : A predictor that also returns the decay without IRF (SFD).
    """

    def lifetimes(self, tpsf: NDArray[Any], /) -> Lifetimes:
        """Return the lifetimes of TPSFs.

        Parameters
        ----------
        tpsf : ndarray, shape (n, n_gates)
            Raw counts, background included; integers or floats.

        Returns
        -------
        Lifetimes
            Arrays of shape (n,). All four are NaN where a pixel has no counts above its baseline, and where
            a count is negative, NaN or infinite.

        Raises
        ------
        InputError
            If the shape or the type of the counts is not supported.
        """
        ...


@runtime_checkable
class RangedPredictor(Predictor, Protocol):
    """A predictor with a known range of lifetimes: all estimators, and all shipped models.

    See Also
    --------
    tau_range_ns : Return the range of lifetimes of a predictor, in ns; None if it is unknown.
    """

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Shortest and longest lifetime, in ns; None if they are unknown.

        Of an estimator, those that it can resolve; of a network, those that it was trained for.
        """
        ...


@runtime_checkable
class TrainedPredictor(Predictor, Protocol):
    """A predictor that was trained for one instrument.

    See Also
    --------
    Predictor :
        Computes lifetimes from TPSFs: a float network, an integer program, an estimator or an FPGA design.
    seq2seqlite.models.Network : Trained network, float or quantised; implements ``SfdPredictor``.
    """

    @property
    def instrument(self) -> str:
        """Name of the instrument, as stored in the model file."""
        ...

    @property
    def n_parameters(self) -> int:
        """Number of weights."""
        ...


@runtime_checkable
class ResponsePredictor(TrainedPredictor, Protocol):
    """A network that may get the response of the instrument as an input.

    See Also
    --------
    MeasuredPredictor : Predictor that is completed with a summed decay.
    """

    @property
    def uses_response(self) -> bool:
        """Whether it does; otherwise :meth:`with_response` raises InputError."""
        ...

    @property
    def response_given(self) -> bool:
        """Whether it has the response of the decays."""
        ...

    def with_response(self, response: NDArray[Any] | None, /) -> "ResponsePredictor":
        """Return this predictor for decays measured with a response on its axis, shape (n_gates,)."""
        ...


@runtime_checkable
class MeasuredPredictor(Predictor, Protocol):
    """A predictor that is complete only with the summed decay of a measurement.

    See Also
    --------
    PredictorSource : Creates predictors for a measurement.
    """

    def on_decay(
        self, decay: NDArray[Any], /, *, delay_ns: float = 0.0, rebinner: "LiveBins | None" = None
    ) -> tuple[Predictor, dict[str, Any]]:
        """Return the predictor for a measurement, and how its response was obtained, ready for JSON.

        Parameters
        ----------
        decay : ndarray, shape (n_gates,)
            Summed decay on the axis of the predictor.
        delay_ns : float
            Time that was added to the measurement to bring it onto this axis, in ns.
        rebinner : LiveBins, optional
            Re-binning that gave this decay.
        """
        ...


class LiveBins(Protocol):
    """Bins of a measurement, and their re-binning to the time axis of a model.

    See Also
    --------
    seq2seqlite.rebinning.Rebinner : Planned re-binning.
    """

    @property
    def live_axis(self) -> TimeAxis:
        """Time axis of the bins within the TAC window."""
        ...

    @property
    def live_start_ns(self) -> float:
        """Time of the measurement at which the TAC window starts, in ns."""
        ...

    @property
    def live_total(self) -> NDArray[np.float64]:
        """Summed decay of the measurement within the TAC window, in counts."""
        ...

    def from_live(self, values: NDArray[Any], /) -> NDArray[np.float64]:
        """Return values of these bins on the time axis of the model, shape (n_gates,)."""
        ...


@runtime_checkable
class SharingPredictor(Predictor, Protocol):
    """A predictor whose lifetimes are fitted once, to the summed decay of the analysed pixels.

    See Also
    --------
    MeasuredPredictor : Predictor that is completed with the summed decay of all pixels.
    """

    def with_shared_lifetimes(self, decay: NDArray[Any], /) -> Predictor:
        """Return the predictor with the lifetimes of a summed decay, shape (n_gates,), on its axis."""
        ...


@runtime_checkable
class PixelPredictor(Predictor, Protocol):
    """A predictor for one image, whose pixels have different responses.

    See Also
    --------
    seq2seqlite.decay.IrfBank : Responses of the pixels.
    """

    def lifetimes_at(self, tpsf: NDArray[Any], pixels: NDArray[Any], /) -> Lifetimes:
        """Return the lifetimes of TPSFs, shape (n, n_gates), of pixels by flat index, shape (n,)."""
        ...


@runtime_checkable
class BackgroundPredictor(Predictor, Protocol):
    """A predictor that may get a known background of each pixel, instead of counts without it.

    See Also
    --------
    uses_background : Return whether a predictor uses it.
    """

    @property
    def uses_background(self) -> bool:
        """Whether it does; an adapter of several predictors depends on which it has."""
        ...

    def lifetimes_above(
        self, tpsf: NDArray[Any], background: NDArray[Any], pixels: NDArray[Any], /
    ) -> Lifetimes:
        """Return the lifetimes of TPSFs with a known background.

        Parameters
        ----------
        tpsf : ndarray, shape (n, n_gates)
            Raw counts, background included.
        background : ndarray, shape (n,)
            Background, in counts per gate.
        pixels : ndarray of int, shape (n,)
            Flat indices of the pixels in the image.
        """
        ...


@runtime_checkable
class SfdPredictor(Predictor, Protocol):
    """A predictor that also returns the decay without IRF (SFD).

    See Also
    --------
    Predictor :
        Computes lifetimes from TPSFs: a float network, an integer program, an estimator or an FPGA design.
    """

    def sfd(self, tpsf: NDArray[Any], /) -> NDArray[Any]:
        """Return SFDs, shape (n, 3, n_gates), of TPSFs, shape (n, n_gates)."""
        ...


@runtime_checkable
class CountingPredictor(Predictor, Protocol):
    """A predictor with counters, e.g. an FPGA board or its simulation.

    See Also
    --------
    seq2seqlite.hardware.cosim.design.HardwarePredictor : Simulation of a design, with its counters.
    """

    def counters(self) -> dict[str, float]:
        """Return the counters by name, summed over all calls of :meth:`lifetimes`."""
        ...


@runtime_checkable
class GateSequentialPredictor(_Described, Protocol):
    """Accepts a frame gate by gate and keeps a state for every pixel.

    The peak and the baseline of a decay are known only after the last gate. Until then an implementation
    chooses the scale, for example that of the previous frame.

    See Also
    --------
    seq2seqlite.cpu.GateSequential : Integer program that accepts a frame gate by gate.
    seq2seqlite.predictors.collected_gates.CollectedGates :
        Gate-sequential adapter: exact, but it starts the prediction only after the last gate.
    """

    @property
    def n_gates(self) -> int:
        """Number of gates of a frame: that of the axis."""
        ...

    def begin(self, n_pixels: int, /) -> None:
        """Begin a frame; an unfinished frame is discarded."""
        ...

    def advance(self, counts: NDArray[Any], /) -> None:
        """Accept the next gate: unsigned integers, shape (n_pixels,)."""
        ...

    def finish(self) -> Lifetimes:
        """Return the lifetimes, shape (n_pixels,), after the last gate."""
        ...


class PredictorSource(Hashable, Protocol):
    """Creates predictors; sent to worker processes instead of networks.

    An implementation is small and can be pickled. Two sources are equal if their predictors give equal
    results.

    See Also
    --------
    seq2seqlite.predictors.source.predictor_source :
        Return the source of a predictor, after loading the model and the IRF once to check them.
    """

    def predictor(self, data: "xr.DataArray", /) -> Predictor:
        """Return the predictor for a measurement; only its axis and its summed decay are used."""
        ...

    def irf(self) -> Irf | None:
        """Return the measured IRF, or None."""
        ...

    def described(self) -> dict[str, Any]:
        """Return names and digests of everything that the predictor depends on, ready for JSON."""
        ...


def error_maps(predictor: Predictor, /) -> tuple[str, ...]:
    """Return the names of the standard errors that a predictor estimates, as attributes of its lifetimes.

    See Also
    --------
    tau_range_ns : Range of the lifetimes of a predictor.
    """
    found: tuple[str, ...] = getattr(predictor, "error_maps", ())
    return found


def fit_model(predictor: Predictor, /) -> FitModel:
    """Return the model to fit to summed decays, to compare them with the results of a predictor.

    It is the attribute ``fit_model`` of estimators that fit, and otherwise has as many lifetimes as the
    predictor determines.

    See Also
    --------
    quantities : Quantities that a predictor determines.
    """
    found: FitModel | None = getattr(predictor, "fit_model", None)
    return found or FitModel(quantities(predictor).components)


def missing_irf(predictor: Predictor, /) -> list[str]:
    """Return a warning if a network could get the response of the instrument and does not.

    See Also
    --------
    ResponsePredictor : Network that may get the response.
    """
    if (
        not isinstance(predictor, ResponsePredictor)
        or not predictor.uses_response
        or predictor.response_given
    ):
        return []
    return [
        f"{predictor.name} runs without an IRF: errors are larger; pass a measured IRF as irf, or irf='fit'"
    ]


def predictor_and_remarks(
    source: PredictorSource, data: "xr.DataArray", /
) -> tuple[Predictor, dict[str, Any]]:
    """Return the predictor of a source for a measurement, and what the source reports about it.

    Returns
    -------
    predictor : Predictor
    remarks : dict
        ``warnings``, a list; and ``model_choice``, the model and the reason for it, where the source chose
        one.

    See Also
    --------
    PredictorSource : Creates predictors for a measurement.
    """
    with_remarks = getattr(source, "with_remarks", None)
    if with_remarks is None:
        return source.predictor(data), {"warnings": []}
    found: tuple[Predictor, dict[str, Any]] = with_remarks(data)
    return found


def quantities(predictor: Predictor | GateSequentialPredictor, /) -> Quantities:
    """Return the quantities that a predictor determines: its attribute ``quantities``.

    Without the attribute, two lifetimes and their amplitude-weighted mean, as for all networks.

    See Also
    --------
    seq2seqlite.decay.Quantities : Number of lifetimes, and meaning of the mean lifetime.
    error_maps : Standard errors that a predictor estimates.
    """
    found: Quantities = getattr(predictor, "quantities", Quantities())
    return found


def tau_range_ns(predictor: Predictor | GateSequentialPredictor, /) -> tuple[float, float] | None:
    """Return the range of lifetimes of a predictor, in ns; None if it is unknown.

    See Also
    --------
    RangedPredictor : A predictor with a known range of lifetimes: all estimators, and all shipped models.
    """
    found: tuple[float, float] | None = getattr(predictor, "tau_range_ns", None)
    return found


def uses_background(predictor: Predictor, /) -> bool:
    """Return whether a predictor uses a known background of each pixel.

    See Also
    --------
    BackgroundPredictor : A predictor that may use it.
    """
    return bool(getattr(predictor, "uses_background", False))
