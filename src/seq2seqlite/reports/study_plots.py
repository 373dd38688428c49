"""Plots of a compression study."""

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seq2seqlite.reports.log_axes import label_plainly
from seq2seqlite.reports.study_tables import Row, pareto_front
from seq2seqlite.studies.folder import RunResult
from seq2seqlite.studies.study import Study

__all__ = ["example_decays", "example_indices", "learning_curves", "pareto_plot"]

COST_NAMES = {
    "weight_memory_bits": "weight memory / bit",
    "macs_per_pixel": "multiply-accumulates a pixel",
    "lut_estimate": "estimated LUTs, both steps and head",
}


def pareto_plot(rows: list[Row], /) -> str:
    """Return a plot of error against weight bits, multiply-accumulates and LUTs, with the Pareto fronts.

    See Also
    --------
    seq2seqlite.reports.study_tables.pareto_front :
        Return the Pareto-optimal rows with respect to error and cost, in order of increasing cost.
    learning_curves :
        Return a plot of the validation error against the number of training decays, for every run.
    """
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    colours = {group: f"C{index}" for index, group in enumerate(dict.fromkeys(row.group for row in rows))}
    for axes, (cost, name) in zip(figure.subplots(1, 3), COST_NAMES.items(), strict=True):
        known = [row for row in rows if row.figures is not None and row.figures["cost"][cost] is not None]
        for group in dict.fromkeys(row.group for row in known):
            chosen = [row.figures for row in known if row.group == group and row.figures is not None]
            axes.plot(
                [one["cost"][cost] for one in chosen],
                [one["total"]["rmse"] for one in chosen],
                "o",
                color=colours[group],
                markersize=4,
                label=group,
            )
        front = [row.figures for row in pareto_front(rows, cost) if row.figures is not None]
        axes.step(
            [one["cost"][cost] for one in front],
            [one["total"]["rmse"] for one in front],
            where="post",
            color="0.4",
            linewidth=0.8,
        )
        if known:
            axes.set(xscale="log", yscale="log")
            label_plainly(axes.xaxis, axes.yaxis)
            axes.legend(fontsize=6)
        axes.set_xlabel(name)
        axes.set_ylabel("total RMSE")
    return _png(figure)


def learning_curves(study: Study, results: Mapping[str, RunResult], /) -> str:
    """Return a plot of the validation error against the number of training decays, for every run.

    See Also
    --------
    pareto_plot :
        Return a plot of error against weight bits, multiply-accumulates and LUTs, with the Pareto fronts.
    """
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots()
    for run in study.runs:
        curve = results[run.id].curve if run.id in results else []
        if curve:
            label = f"{run.group}: {run.label} ({run.id})"
            axes.plot(
                [row["decays"] for row in curve],
                [row["validation_total_rmse"] for row in curve],
                linewidth=0.9,
                label=label,
            )
    axes.set(xscale="log", xlabel="decays seen", ylabel="total RMSE on the validation split")
    if axes.lines:
        figure.legend(fontsize=5, loc="outside right upper")
    return _png(figure)


def example_decays(
    inputs: NDArray[Any], truth: NDArray[Any], predicted: Mapping[str, NDArray[Any]], axis_ns: NDArray[Any], /
) -> str:
    """Return a plot of example decays: normalised TPSF, true SFD, and the prediction of each network.

    Parameters
    ----------
    inputs : ndarray, shape (n, n_gates)
        Normalised TPSFs.
    truth : ndarray, shape (n, 3, n_gates)
        True SFD.
    predicted : mapping of str to ndarray
        Predicted SFDs by network.
    axis_ns : ndarray, shape (n_gates,)
        Time of each gate, in ns.

    See Also
    --------
    example_indices :
        Return the indices of four decays: at the 5th, 35th, 65th and 95th percentile of photons.
    """
    n = len(inputs)
    figure = Figure(figsize=(3.2 * n, 5.5), layout="constrained")
    panels = figure.subplots(2, n, squeeze=False)
    for column in range(n):
        upper, lower = panels[0, column], panels[1, column]
        upper.plot(axis_ns, inputs[column], color="0.7", linewidth=0.8, label="TPSF, normalised")
        upper.plot(axis_ns, truth[column, 0], "k", linewidth=1.2, label="truth, total")
        lower.plot(axis_ns, truth[column, 1], "k--", linewidth=1.0, label="truth, short")
        lower.plot(axis_ns, truth[column, 2], "k:", linewidth=1.0, label="truth, long")
        for index, (name, sfd) in enumerate(predicted.items()):
            colour = f"C{index}"
            upper.plot(axis_ns, sfd[column, 0], color=colour, linewidth=0.9, label=name)
            lower.plot(axis_ns, sfd[column, 1], color=colour, linewidth=0.9, linestyle="--")
            lower.plot(axis_ns, sfd[column, 2], color=colour, linewidth=0.9, linestyle=":")
        lower.set_xlabel("time / ns")
    panels[0, 0].legend(fontsize=6)
    panels[1, 0].legend(fontsize=6)
    return _png(figure)


def example_indices(photons: NDArray[Any], /) -> NDArray[np.intp]:
    """Return the indices of four decays: at the 5th, 35th, 65th and 95th percentile of photons.

    See Also
    --------
    example_decays :
        Return a plot of example decays: normalised TPSF, true SFD, and the prediction of each network.
    """
    order = np.argsort(photons, kind="stable")
    return np.asarray(order[(np.array([0.05, 0.35, 0.65, 0.95]) * (len(order) - 1)).astype(int)])


def _png(figure: Figure) -> str:
    """Return a figure as a base64-encoded PNG for an HTML page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
