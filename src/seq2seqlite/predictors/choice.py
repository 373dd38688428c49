"""Choice of a model for a measurement, and warnings about a model that was trained for another instrument."""

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import xarray as xr

from seq2seqlite.decay import Irf
from seq2seqlite.errors import InputError
from seq2seqlite.io.signal import gate_width_ns, period_ns, survey
from seq2seqlite.models import load_model, model_names
from seq2seqlite.predictors.fit_options import FitOptions
from seq2seqlite.predictors.misfits import TCSPC, is_camera
from seq2seqlite.predictors.resolve import check_backend
from seq2seqlite.predictors.source import NamedSource, predictor_source
from seq2seqlite.protocols import Predictor
from seq2seqlite.rebinning.plan import plan_rebinning
from seq2seqlite.resources import pretrained_folder
from seq2seqlite.simulation.instrument import load_instrument

__all__ = ["ChosenSource", "ModelChoice", "choose_model", "instrument_model", "model_use", "unchosen_source"]

CAMERAS = ("swissspad3", "spad512s", "iccd")
# Relative tolerance of the laser period, and of gate step and length of a camera.
SAME_PERIOD, SAME_STEP = 0.05, 0.02
FALLBACK = "mle-bi"


@dataclass(frozen=True)
class ModelChoice:
    """Model that was chosen for a measurement.

    Parameters
    ----------
    model : str
        Name of a shipped model or estimator.
    reason : str
        Reason for the choice.

    See Also
    --------
    choose_model : Return the default model of a measurement.
    """

    model: str
    reason: str

    def __str__(self) -> str:
        return f"model {self.model}: {self.reason}"


def choose_model(data: xr.DataArray, /, *, irf_given: bool = False) -> ModelChoice:
    """Return the default model of a measurement.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement; only its axis, its format and its summed decay are used.
    irf_given : bool
        Whether the response of the instrument is known; a network that uses it is then preferred.

    Returns
    -------
    ModelChoice
        A network of ``tcspc-80mhz`` for TCSPC data, or one of a camera with the same gate step and length, if
        the laser periods agree within 5 % and the measurement can be re-binned to the gates of the network;
        otherwise bi-exponential maximum likelihood.

    Raises
    ------
    InputError
        If the laser period is unknown, or no network fits and JAX, which maximum likelihood requires, is not
        installed.

    See Also
    --------
    seq2seqlite.load_predictor : Load networks and estimators by name.
    """
    width, period = gate_width_ns(data), period_ns(data)
    length = data.attrs.get("gate_length_ns")
    gated = length is not None or str(data.attrs.get("format")).endswith("gate series")
    name, why = _camera(width, period, length) if gated else _tcspc(period)
    if name is not None:
        use = "direct-float" if gated or irf_given else "float"
        model = f"seq2seqlite-{name}-{use}"
        reason = _misfit(data, model)
        if reason is None:
            given = "" if use == "float" else " and the IRF" if irf_given else ", without IRF"
            return ModelChoice(model, f"trained for {name}, which has the period of {why}{given}")
        why = reason
    if find_spec("jax") is None:
        raise InputError(
            f"{data.attrs.get('source', 'data')}: no shipped model fits ({why}), and maximum likelihood "
            "requires JAX: install seq2seqlite[train], or choose an estimator, e.g. model='phasor'"
        )
    return ModelChoice(FALLBACK, f"no shipped model fits: {why}")


def instrument_model(instrument: str, /, *, irf_given: bool = False) -> ModelChoice | None:
    """Return the default model of a shipped instrument, or None if no shipped model was trained for it.

    Parameters
    ----------
    instrument : str
        Name of the instrument.
    irf_given : bool
        Whether the response of the instrument is known; a network that uses it is then preferred.

    See Also
    --------
    choose_model : Return the default model of a measurement.
    """
    # All networks of cameras read the response; direct ones take half the time.
    direct_first = irf_given or instrument in CAMERAS
    uses = ("direct-float", "float") if direct_first else ("float", "direct-float")
    models = [f"seq2seqlite-{instrument}-{use}" for use in uses]
    found = next((model for model in models if model in model_names()), None)
    return None if found is None else ModelChoice(found, f"trained for {instrument}")


def _tcspc(period: float) -> tuple[str | None, str]:
    """Return the TCSPC instrument with this period, or None, and a description."""
    expected = load_instrument(TCSPC).axis.period_ns
    if abs(period / expected - 1) <= SAME_PERIOD:
        return TCSPC, f"the measurement ({period:.4g} ns)"
    return None, f"the laser period is {period:.4g} ns, and the TCSPC models have {expected:g} ns"


def _camera(width: float, period: float, length: float | None) -> tuple[str | None, str]:
    """Return the camera with these gates, or None, and a description."""
    gates = f"gates {width:.4g} ns apart" + ("" if length is None else f" and {length:.3g} ns long")
    for name in CAMERAS:
        instrument = load_instrument(name)
        assert instrument.gate is not None
        low, high = instrument.gate.length_ns
        if (
            abs(width / instrument.axis.gate_width_ns - 1) <= SAME_STEP
            and abs(period / instrument.axis.period_ns - 1) <= SAME_PERIOD
            and (length is None or low <= length <= high)
        ):
            return name, f"the measurement ({period:.4g} ns) and its {gates}"
    return None, f"no camera of the shipped models has {gates} and a period of {period:.4g} ns"


def _misfit(data: xr.DataArray, model: str) -> str | None:
    """Return why a measurement cannot be re-binned to the gates of a model, or None."""
    network = load_model(model)
    try:
        plan_rebinning(
            data,
            decay=survey(data).check().decay,
            axis=network.axis,
            edge_ns=network.rising_edge_ns,
            model=model,
            extrapolate=False,
        )
    except InputError as error:
        return str(error).partition(";")[0].removeprefix(f"{data.attrs.get('source')}: ")
    return None


def model_use(model: str, /) -> dict[str, Any]:
    """Return what a shipped model is used for, ready for JSON.

    Returns
    -------
    dict
        ``use`` (``"TCSPC"`` or ``"camera"``), ``gate_width_ns`` (step between gates), ``gate_length_ns``
        (range of a camera, None for gates as long as the step), ``period_ns``, and ``uses_irf``.

    See Also
    --------
    choose_model : Return the default model of a measurement.
    """
    network = load_model(model)
    instrument = load_instrument(network.instrument)
    return {
        "use": "camera" if is_camera(instrument) else "TCSPC",
        "gate_width_ns": instrument.axis.gate_width_ns,
        "gate_length_ns": None if instrument.gate is None else list(instrument.gate.length_ns),
        "period_ns": instrument.axis.period_ns,
        "uses_irf": network.uses_response,
    }


@dataclass(frozen=True)
class ChosenSource:
    """Source of the default model of each measurement; implements ``PredictorSource``.

    Parameters
    ----------
    base : NamedSource
        Source with the response and the back end; its model is replaced.

    See Also
    --------
    choose_model : Return the default model of a measurement.
    """

    base: NamedSource

    def predictor(self, data: xr.DataArray, /) -> Predictor:
        """Return the predictor of the default model for a measurement."""
        return self.with_remarks(data)[0]

    def with_remarks(self, data: xr.DataArray, /) -> tuple[Predictor, dict[str, Any]]:
        """Return the predictor, and the chosen model with the reason, for the summary."""
        choice = choose_model(data, irf_given=self.base.irf_file is not None or self.base.irf_fit)
        digests = (None, *self.base.digests[1:])
        backend = "auto" if choice.model == FALLBACK else self.base.backend
        source = replace(self.base, model=choice.model, digests=digests, backend=backend)
        return source.predictor(data), {
            "model_choice": str(choice),
            "warnings": [],
        }

    def irf(self) -> Irf | None:
        """Return the measured IRF, or None."""
        return self.base.irf()

    def described(self) -> dict[str, Any]:
        """Return everything that the result depends on: names and digests."""
        files = sorted(file.name for file in pretrained_folder().glob("*.npz"))
        return self.base.described() | {"model": "default", "sha256": None, "shipped": files}


def unchosen_source(*, backend: str, fit: FitOptions, **response: Any) -> NamedSource:
    """Return the base of a :class:`ChosenSource`, after reading the response once to check it.

    Parameters
    ----------
    backend, fit
        As for :func:`~seq2seqlite.predictors.source.predictor_source`; no default model has fit options.
    **response
        Options of the response of that function.

    See Also
    --------
    choose_model : Return the default model of a measurement.
    """
    check_backend("default", backend)
    fit.check("the default model")
    return replace(predictor_source(FALLBACK, **response), backend=backend)
