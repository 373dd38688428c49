"""Predictor of a stream: compiled before the source opens, or chosen with the first frame."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.predictors import ChosenSource, FitOptions, is_estimator
from seq2seqlite.predictors.choice import instrument_model, unchosen_source
from seq2seqlite.predictors.compilation import compile_predictor
from seq2seqlite.predictors.source import predictor_source
from seq2seqlite.protocols import Predictor, PredictorSource, predictor_and_remarks

__all__ = ["StreamPredictor"]


class StreamPredictor:
    """Predictor of a stream: compiled before the source opens, or chosen with the first frame.

    Parameters
    ----------
    model : str, path, Predictor or None
        Model or estimator; None: the default model of the first frame. Estimators, too, need the axis of the
        first frame.
    backend : str
        Back end of a model that is given by its name.
    gate_length_ns : float, optional
        Length of the gates of a camera, in ns.
    preparing : callable, optional
        Called with a line before each step that may take seconds.
    report : callable, optional
        Called with the default model and the reason for it.
    **of_irf
        Options of the response, as for :func:`~seq2seqlite.predictors.source.predictor_source`.

    Raises
    ------
    InputError
        If the model or an option is invalid.

    Attributes
    ----------
    predictor : Predictor or None
        Predictor; None before it is chosen.
    choice : str or None
        Default model and the reason for it; None for another model.

    See Also
    --------
    seq2seqlite.stream : Lifetime maps during a measurement.
    """

    def __init__(
        self,
        model: str | Path | Predictor | None,
        /,
        *,
        backend: str,
        gate_length_ns: float | None,
        preparing: Callable[[str], None] | None = None,
        report: Callable[[str], None] | None = None,
        **of_irf: Any,
    ) -> None:
        self.predictor: Predictor | None = None
        self.choice: str | None = None
        self._preparing, self._report = preparing, report
        self._backend, self._gate_length_ns, self._of_irf = backend, gate_length_ns, of_irf
        self._source: PredictorSource | None = None
        self._compiled = self._of_frame = False
        if isinstance(model, str | Path):
            self._load(model)
        elif model is None:
            self._source = ChosenSource(unchosen_source(backend=backend, fit=FitOptions(), **of_irf))
        elif of_irf["irf"] is not None:
            raise InputError(
                f"irf={of_irf['irf']} needs a model by name; pass its name, or a model with its response"
            )
        else:
            self.predictor = model

    def for_frame(self, data: xr.DataArray, /) -> Predictor:
        """Return the predictor, after choosing and compiling it for a frame if necessary.

        The next call chooses again: the frame was rejected.
        """
        if self._of_frame:
            self.predictor, self._compiled = None, False
        self._of_frame = self.predictor is None
        self.choose(data)
        self.compile()
        assert self.predictor is not None
        return self.predictor

    def choose(self, data: xr.DataArray, /) -> None:
        """Choose the predictor for a frame, unless it is known."""
        if self.predictor is None:
            assert self._source is not None
            self.prepare("loading the model")
            self.predictor, remarks = predictor_and_remarks(self._source, data)
            self._chosen(remarks.get("model_choice"))

    def choose_instrument(self, instrument: str, /) -> None:
        """Choose a shipped model of an instrument, if there is one and no model is given."""
        if isinstance(self._source, ChosenSource):
            choice = instrument_model(instrument, irf_given=self._of_irf["irf"] is not None)
            if choice is not None:
                self._chosen(str(choice))
                self._load(choice.model)

    def compile(self) -> None:
        """Compile the predictor, if it is known and not yet compiled."""
        if self.predictor is not None and not self._compiled:
            self.prepare(f"compiling {self.predictor.name}")
            compile_predictor(self.predictor)
            self._compiled = True

    def _load(self, model: str | Path) -> None:
        self.prepare("loading the model")
        source = predictor_source(model, backend=self._backend, **self._of_irf)
        if is_estimator(model):
            self._source = source
        else:
            self.predictor = source.network(self._gate_length_ns)

    def _chosen(self, choice: str | None) -> None:
        if choice not in (None, self.choice) and self._report is not None:
            self._report(choice)
        self.choice = choice

    def prepare(self, step: str, /) -> None:
        """Show a step that may take seconds."""
        if self._preparing is not None:
            self._preparing(step)
