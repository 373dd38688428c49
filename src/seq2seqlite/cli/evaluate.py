"""``seq2seqlite evaluate``: evaluation on decays with known lifetimes."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seq2seqlite.cli.completion import complete_instrument
from seq2seqlite.cli.model_options import Backend, BackendOption, PredictorOption
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.decay import CHANNELS
from seq2seqlite.workflows.evaluate import evaluate_model

__all__ = ["evaluate"]


def evaluate(
    *,
    model: PredictorOption,
    backend: BackendOption = Backend.AUTO,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="INSTRUMENT",
            help="Instrument whose simulated reference set is used.",
            autocompletion=complete_instrument,
        ),
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
    with Console(stderr=True).status(f"evaluating {escape(model)}"):
        result = evaluate_model(
            model,
            reference=reference,
            data=data,
            backend=backend.value,
            irf=irf,
            irf_bin_width_ns=irf_bin_width_ns,
        )
    _print(result)
    write_json(json_file, result)


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
    _print_metrics(console, result)
    if "response_given" in result:
        console.print("with a measured response of 100,000 counts:")
        _print_metrics(console, result["response_given"])


def _print_metrics(console: Console, result: dict[str, Any]) -> None:
    if set(CHANNELS) <= set(result):  # not for estimators
        channels = Table("channel", "RMSE", "R2", "L2")
        for channel in CHANNELS:
            row = result[channel]
            channels.add_row(channel, *(f"{row[key]:.4g}" for key in ("rmse", "r2", "l2")))
        console.print(channels)
    coverage = result.get("coverage", {})
    errors = ("in 1 std. error", "in 2") if coverage else ()
    lifetimes = Table("quantity", "RMSE", "median abs. error", "bias", *errors, "n")
    for name, row in result["lifetime"].items():
        shares = [
            f"{coverage[name][key]:.1%}" if name in coverage else "" for key in ("within_one", "within_two")
        ]
        lifetimes.add_row(
            name,
            *(f"{row[key]:.4g}" for key in ("rmse", "median_abs_error", "bias")),
            *(shares if coverage else ()),
            str(row["n"]),
        )
    console.print(lifetimes)


def _described(parameters: int | None) -> str:
    return "" if parameters is None else f" ({parameters} parameters)"
