"""Page of the documentation about a study: question, method, figures, tables, conclusions, threats."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seq2seqlite.files import replace_when_done
from seq2seqlite.reports.environment import environment
from seq2seqlite.reports.log_axes import label_plainly
from seq2seqlite.reports.study_answers import answered, cheaper, claim, distillation, size_rows
from seq2seqlite.reports.study_report import GROUP_TITLES
from seq2seqlite.reports.study_tables import PUBLISHED
from seq2seqlite.studies.search import error_over_bound

__all__ = ["FIGURES", "study_page", "write_study_figures"]

MARKERS = "osD^v<>PX*"
Rows = Sequence[Mapping[str, Any]]


def study_page(table: Mapping[str, Any], /, *, figures: str) -> str:
    """Return the page in Markdown.

    Conclusions are drawn from converged rows only; the page states which questions are open.

    Parameters
    ----------
    table : mapping
        Content of ``study.json``.
    figures : str
        Folder of the figures, relative to the page.

    See Also
    --------
    write_study_figures : Write the figures.
    """
    rows = table["rows"]
    shipped = [row["run"] for row in rows if row["group"] == "models" and row["lut_estimate"] is not None]
    trained = [row for row in rows if row["group"] != "models"]
    groups = {
        GROUP_TITLES.get(group, group): [row for row in rows if row["group"] == group]
        for group in dict.fromkeys(row["group"] for row in rows)
    }
    return (
        environment()
        .get_template("study_page.md.j2")
        .render(
            table=table,
            figures=figures,
            groups=groups,
            n_converged=sum(row["converged"] for row in trained),
            n_trained=len(trained),
            claim=claim(rows),
            published=PUBLISHED["8-bit KD student"]["rmse"] / PUBLISHED["teacher"]["rmse"],
            sizes=size_rows(rows),
            distillation=distillation(rows),
            cheaper={name: cheaper(rows, name) for name in shipped},
            baselines=answered(rows, group="baselines"),
        )
    )


def write_study_figures(table: Mapping[str, Any], folder: Path, /) -> list[Path]:
    """Write the figures of the page, ``study-NAME.png``, and return their paths.

    Rows that have not converged have hollow symbols.

    Parameters
    ----------
    table : mapping
        Content of ``study.json``.
    folder : pathlib.Path
        Folder of the figures.

    See Also
    --------
    study_page : Page that shows the figures.
    """
    paths = []
    for name, draw in FIGURES.items():
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.subplots()
        draw(axes, table["rows"])
        path = folder / f"study-{name}.png"
        with replace_when_done(path) as temporary:
            figure.savefig(temporary, dpi=120, format="png", metadata={"Software": None})
        paths.append(path)
    return paths


def _plot(axes: Axes, rows: Rows, columns: tuple[str, str], label: str, colour: str) -> None:
    """Plot rows: filled symbols have converged, hollow ones have not."""
    x, y = columns
    known = [row for row in rows if row[x] is not None and row[y] is not None]
    for converged in (True, False):
        part = [row for row in known if row["converged"] is converged]
        if part:
            axes.plot(
                [row[x] for row in part],
                [row[y] for row in part],
                "o",
                color=colour,
                markersize=4.5,
                fillstyle="full" if converged else "none",
                label=label if converged or not any(row["converged"] for row in known) else None,
            )


def _finished(axes: Axes, x: str, y: str) -> None:
    axes.set(xlabel=x, ylabel=y)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)
    else:
        axes.text(0.5, 0.5, "not finished", transform=axes.transAxes, ha="center", color="0.5")


def _sizes(axes: Axes, rows: Rows) -> None:
    chosen = [row for row in rows if row["group"] == "reduction"]
    for index, two in enumerate((False, True)):
        part = [row for row in chosen if ("x" in row["label"]) is two]
        _plot(axes, part, ("parameters", "ratio"), "two layers" if two else "one layer", f"C{index}")
    _plot(
        axes, [r for r in rows if r["group"] == "baselines"], ("parameters", "ratio"), "other families", "C3"
    )
    if axes.lines:
        axes.set_xscale("log")
        label_plainly(axes.xaxis)
    _finished(axes, "parameters", "total RMSE / teacher")


def _weights(axes: Axes, rows: Rows) -> None:
    for index, group in enumerate(("ptq", "qat")):
        chosen = [row for row in rows if row["group"] == group and row["label"].startswith("32,")]
        _plot(axes, chosen, ("mean_weight_bits", "ratio"), group.upper(), f"C{index}")
    if axes.lines:
        axes.set_yscale("log")
        label_plainly(axes.yaxis)
    _finished(axes, "mean bits of a weight", "total RMSE / teacher")


def _state(axes: Axes, rows: Rows) -> None:
    groups = ("state", "write-back")
    for index, group in enumerate(groups):
        _plot(
            axes, [row for row in rows if row["group"] == group], ("state_bits", "ratio"), group, f"C{index}"
        )
    if axes.lines:
        axes.set_xticks(sorted({row["state_bits"] for row in rows if row["group"] in groups}))
    _finished(axes, "bits of a unit's state", "total RMSE / teacher")


def _distillation(axes: Axes, rows: Rows) -> None:
    found = distillation(rows)
    names = list(dict.fromkeys(one["data"] for one in found))
    for index, weight in enumerate(sorted({one["weight"] for one in found})):
        part = [one for one in found if one["weight"] == weight]
        axes.errorbar(
            [names.index(one["data"]) + 0.12 * (index - 1) for one in part],
            [100 * one["change"].mean for one in part],
            [100 * (one["change"].half or 0) for one in part],
            fmt="o",
            markersize=4,
            capsize=2,
            label=f"teacher's weight {weight:g}",
        )
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=0, label="_")
    if names:
        axes.set_xticks(range(len(names)), names, fontsize=7)
        axes.legend(fontsize=7)
    else:
        axes.text(0.5, 0.5, "not finished", transform=axes.transAxes, ha="center", color="0.5")
    axes.set(xlabel="training data", ylabel="change of the total RMSE / %")


def _ablation(axes: Axes, rows: Rows) -> None:
    tensors: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row["group"] == "ablation" and row["ratio"] is not None:
            tensor, _, width = row["label"].removeprefix("32, ").partition(": ")
            tensors.setdefault(tensor, []).append((int(width.removesuffix(" bits")), row["ratio"]))
    for index, (tensor, points) in enumerate(tensors.items()):
        bits, ratios = zip(*sorted(points), strict=True)
        axes.plot(
            bits,
            ratios,
            MARKERS[index % len(MARKERS)],
            linestyle="-",
            linewidth=0.8,
            markersize=4,
            label=tensor,
        )
    if tensors:
        axes.set_yscale("log")
        label_plainly(axes.yaxis)
        axes.set_xticks(sorted({bits for points in tensors.values() for bits, _ in points}))
    _finished(axes, "bits of the tensor", "total RMSE / teacher")


def _pareto(axes: Axes, rows: Rows) -> None:
    known = [
        {**row, "bound": error_over_bound(row["figures"])}
        for row in rows
        if row["lut_estimate"] is not None and row["figures"] and row["rmse_over_crlb_1000"] is not None
    ]
    groups = {
        "search": "search",
        "qat": "quantisation-aware training",
        "state": "the same with other states",
        "ptq": "post-training quantisation",
        "models": "shipped students",
    }
    for index, (group, label) in enumerate(groups.items()):
        _plot(axes, [r for r in known if r["group"] == group], ("lut_estimate", "bound"), label, f"C{index}")
    students = [row for row in known if row["group"] in groups]
    front, best = [], np.inf
    for row in sorted(students, key=lambda row: (row["lut_estimate"], row["bound"])):
        if row["bound"] < best:
            best = row["bound"]
            front.append(row)
    axes.step(
        [row["lut_estimate"] for row in front],
        [row["bound"] for row in front],
        where="post",
        color="0.5",
        linewidth=0.8,
    )
    if front:
        axes.set(xscale="log", yscale="log")
        label_plainly(axes.xaxis, axes.yaxis)
    _finished(axes, "estimated look-up tables", "RMSE / bound at 1,000 and 10,000 photons")


FIGURES = {
    "sizes": _sizes,
    "weights": _weights,
    "state": _state,
    "ablation": _ablation,
    "distillation": _distillation,
    "pareto": _pareto,
}
"""Functions that draw the figures, by name."""
