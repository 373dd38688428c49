"""Comparison of predictors on the same decays with the Cramér-Rao bound."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from seq2seqlite.evaluation.accuracy import answered_shares, component_rows, measure, mono_rows
from seq2seqlite.evaluation.conditions import PHOTONS, Conditions
from seq2seqlite.predictors import RESPONSE_COUNTS, predictors_for
from seq2seqlite.reports.accuracy_report import (
    accuracy_tables,
    check_accuracy_folder,
    write_accuracy_report,
)
from seq2seqlite.simulation.decay_set import REFERENCE_SEED
from seq2seqlite.simulation.instrument import Instrument, load_instrument

__all__ = ["AccuracyComparison", "compare_accuracy"]


@dataclass(frozen=True)
class AccuracyComparison:
    """Errors of several predictors on the same decays, relative to the Cramér-Rao bound.

    Parameters
    ----------
    rows : sequence of dict
        Errors for decays with one lifetime (:func:`~seq2seqlite.evaluation.accuracy.mono_rows`).
    components : sequence of dict
        Errors for decays with two lifetimes (:func:`~seq2seqlite.evaluation.accuracy.component_rows`).
    answered : mapping
        Share of decays with a lifetime, by predictor, photons and lifetime.

    See Also
    --------
    seq2seqlite.compare_accuracy : Measures these errors.
    """

    rows: Sequence[dict[str, Any]]
    components: Sequence[dict[str, Any]]
    answered: Mapping[tuple[str, float, float], float]

    def markdown(self) -> str:
        """Return the tables in Markdown."""
        return accuracy_tables(self.rows, self.components, answered=self.answered)


def compare_accuracy(
    instrument: str | Path | Instrument = "narrow-gate",
    models: Sequence[str] = (),
    /,
    *,
    backend: str = "auto",
    photons: Sequence[float] = PHOTONS,
    repeats: int = 1000,
    seed: int = REFERENCE_SEED,
    gate_length_ns: float | None = None,
    response_counts: float = RESPONSE_COUNTS,
    response_delay_ns: float = 0.0,
    out: str | PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AccuracyComparison:
    """Compare predictors on the same simulated decays; the command ``benchmark accuracy``.

    Parameters
    ----------
    instrument : str, path or Instrument
        Shipped instrument, TOML file, or instrument.
    models : sequence of str
        Shipped models, model or program files, or estimators; default: all estimators and all shipped models
        of the instrument.
    backend : {"auto", "numpy", "cpu", "jax"}
        Implementation of the models.
    photons : sequence of float
        Photon counts of a decay.
    repeats : int
        Number of decays for each lifetime and photon count.
    seed : int
        Seed of the noise.
    gate_length_ns : float, optional
        Length of the gates of a camera, in ns; default: the lengths of the instrument, one for each IRF.
    response_counts : float
        Counts of the simulated measurement of each IRF, for models that use one; 0 for none. Estimators get
        the true IRF.
    response_delay_ns : float
        Error of the delay of the IRF that models and estimators get, in ns.
    out : path-like, optional
        Output folder for ``accuracy.md``, ``accuracy.png``, ``accuracy.json`` and ``components.json``.
    progress : callable, optional
        Called with the number of finished predictions and the number of all predictions.

    Returns
    -------
    AccuracyComparison
        Errors of all predictors.

    Raises
    ------
    InputError
        If the instrument, a model or a number is invalid, or ``out`` contains files of another origin.

    See Also
    --------
    seq2seqlite.evaluate_model : Errors of one model on a set of decays.
    """
    described = instrument if isinstance(instrument, Instrument) else load_instrument(instrument)
    if gate_length_ns is not None:
        described = described.with_gate_length(gate_length_ns)
    conditions = Conditions(described, photons=tuple(photons), repeats=repeats, seed=seed)
    if out is not None:
        check_accuracy_folder(Path(out))
    predictors = predictors_for(
        described,
        models,
        backend=backend,
        response_counts=response_counts,
        response_delay_ns=response_delay_ns,
    )
    measured = measure(conditions, predictors, progress=progress)
    result = AccuracyComparison(
        mono_rows(conditions, measured),
        component_rows(conditions, measured),
        answered_shares(conditions, measured),
    )
    if out is not None:
        settings = {
            "instrument": described.to_dict(),
            "repeats": repeats,
            "seed": seed,
            "photons": conditions.photons,
            "response_counts": response_counts,
            "response_delay_ns": response_delay_ns,
        }
        write_accuracy_report(
            result.rows, result.components, Path(out), settings=settings, answered=result.answered
        )
    return result
