"""``seq2seqlite evaluate``: evaluation on decays with known lifetimes."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seq2seqlite.cli.model_options import Backend, BackendOption, PredictorOption
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.decay import CHANNELS
from seq2seqlite.errors import InputError
from seq2seqlite.evaluation.networks import REFERENCE_DECAYS, evaluate_decays, same_axis
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.predictors.source import predictor_source
from seq2seqlite.protocols import Predictor, TrainedPredictor
from seq2seqlite.provenance import provenance
from seq2seqlite.rebinning.plan import Rebinning, plan_rebinning
from seq2seqlite.simulation.decay_set import DecaySet, read_decay_set, reference_set

__all__ = ["evaluate"]


def evaluate(
    *,
    model: PredictorOption,
    backend: BackendOption = Backend.AUTO,
    reference: Annotated[
        str | None,
        typer.Option(metavar="INSTRUMENT", help="Instrument whose simulated reference set is used."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Decay set or plain .npz file to use.")
    ] = None,
    irf: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Measured IRF (SDT or text), for estimators")
    ] = None,
    irf_bin_width_ns: Annotated[
        float | None, typer.Option(help="Bin width of the IRF in ns, if its file does not contain it")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Evaluate a model or an estimator on decays with known lifetimes.

    An estimator uses one IRF for all decays: that of --irf, or one fitted to the sum of the decays.

    Decays of --data on another time axis than the model's are re-binned, as image does; RMSE, R2 and L2 of
    the SFD are then omitted.
    """
    if (reference is None) == (data is None):
        raise InputError("pass either --reference INSTRUMENT or --data FILE")
    source = predictor_source(model, backend=backend.value, irf=irf, irf_bin_width_ns=irf_bin_width_ns)
    with Console(stderr=True).status(f"evaluating {escape(model)}"):
        decays = _decays(reference, data)
        predictor = source.on_axis(decays.axis, decays.tpsf.sum(axis=0))
        if data is not None and not same_axis(predictor.axis, decays.axis):
            decays, rebinning = _rebinned(decays, predictor)
            metrics = evaluate_decays(predictor, decays, sfd_truth=False) | {"rebinning": rebinning.to_dict()}
        else:
            metrics = evaluate_decays(predictor, decays)
    result = {**metrics, "parameters": _parameters(predictor), "provenance": provenance()}
    _print(result)
    write_json(json_file, result)


def _decays(reference: str | None, data: Path | None) -> DecaySet:
    if data is not None:
        return read_decay_set(data)
    assert reference is not None
    return reference_set(reference, n=REFERENCE_DECAYS)


def _rebinned(decays: DecaySet, predictor: Predictor) -> tuple[DecaySet, Rebinning]:
    """Return decays on the time axis of a predictor, with one re-binning for all, as for an image."""
    signal = signal_from_counts(
        decays.tpsf,
        source=decays.name,
        file_format="decays",
        gate_width_ns=decays.axis.gate_width_ns,
        period_ns=decays.axis.period_ns,
    )
    rebinner = plan_rebinning(
        signal,
        decay=decays.tpsf.sum(axis=0),
        axis=predictor.axis,
        edge_ns=predictor.rising_edge_ns,
        model=predictor.name,
    )
    tpsf = rebinner.apply(decays.tpsf).astype(np.float32)
    return replace(decays, tpsf=tpsf, axis=predictor.axis), rebinner.done


def _parameters(predictor: Predictor) -> int | None:
    """Return the number of weights of a model; None for an estimator."""
    return predictor.n_parameters if isinstance(predictor, TrainedPredictor) else None


def _print(result: dict[str, Any]) -> None:
    console = Console()
    console.print(
        f"{result['model']}{_described(result['parameters'])} on {result['n']} decays of {result['data']}",
        markup=False,
    )
    if "rebinning" in result:
        done = result["rebinning"]
        console.print(
            f"re-binned {done['source_bins']} x {done['source_width_ns']:.4g} ns (period "
            f"{done['source_period_ns']:.4g} ns) to {done['target_gates']} x {done['target_width_ns']:.4g} "
            f"ns (period {done['target_period_ns']:.4g} ns): no metrics of the SFD",
            markup=False,
        )
    if "median" in result:
        for name, value in result["median"].items():
            console.print(f"  median {name}: {value:.4g}")
        return
    if set(CHANNELS) <= set(result):  # not for estimators
        channels = Table("channel", "RMSE", "R2", "L2")
        for channel in CHANNELS:
            row = result[channel]
            channels.add_row(channel, *(f"{row[key]:.4g}" for key in ("rmse", "r2", "l2")))
        console.print(channels)
    lifetimes = Table("quantity", "RMSE", "median abs. error", "bias", "n")
    for name, row in result["lifetime"].items():
        lifetimes.add_row(
            name, *(f"{row[key]:.4g}" for key in ("rmse", "median_abs_error", "bias")), str(row["n"])
        )
    console.print(lifetimes)


def _described(parameters: int | None) -> str:
    return "" if parameters is None else f" ({parameters} parameters)"
