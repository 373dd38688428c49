"""Accuracy report: tables and plots of the errors of predictors."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from seq2seqlite.files import replace_folder_when_done
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import OutputSet
from seq2seqlite.provenance import provenance

__all__ = ["accuracy_plot", "accuracy_tables", "check_accuracy_folder", "write_accuracy_report"]

Rows = Sequence[dict[str, Any]]
Answered = Mapping[tuple[str, float, float], float]
ALL_ANSWERED = 0.99
ACCURACY_FILES = ("accuracy.md", "accuracy.json", "components.json", "settings.json", "accuracy.png")
# Number of photons of the table by lifetime.
TYPICAL_PHOTONS = 1000.0
QUANTITIES = ("mean lifetime", "short", "long", "fraction")


def accuracy_tables(rows: Rows, components: Rows, /, *, answered: Answered | None = None) -> str:
    """Return the accuracy tables in Markdown.

    Parameters
    ----------
    rows : sequence of dict
        Result of :func:`seq2seqlite.evaluation.mono_rows`.
    components : sequence of dict
        Result of :func:`seq2seqlite.evaluation.component_rows`; may be empty.
    answered : mapping, optional
        Result of :func:`seq2seqlite.evaluation.accuracy.answered_shares`. If a predictor returned no value
        for 1 % of the decays or more, the share with a value follows its error in parentheses.

    Returns
    -------
    str
        Tables of the root mean square error divided by the Cramér-Rao bound: by lifetime, by photons, and by
        component; and of the reliability of the standard errors, by photons.

    See Also
    --------
    write_accuracy_report :
        Write ``accuracy.md``, ``accuracy.png``, ``accuracy.json`` and ``components.json`` into a folder.
    seq2seqlite.compare_accuracy :
        Compare predictors on the same simulated decays; the command ``benchmark accuracy``.
    """
    photons = _typical(rows)
    parts = [
        f"### One lifetime, {photons:,.0f} photons: RMSE over the Cramér-Rao bound\n",
        _by_lifetime(rows, photons, "rmse_over_crlb", "{:.2f}", answered or {}),
        f"\n### One lifetime, {photons:,.0f} photons: bias in ns\n",
        _by_lifetime(rows, photons, "bias_ns", "{:+.3f}", {}),
        "\n### By photons: RMSE over the bound, median over the lifetimes\n",
        _by_photons(rows),
    ]
    if any(row["coverage_68"] is not None for row in rows):
        parts += [
            "\n### Share of decays within one and two standard errors (68.3 % and 95.4 % for right ones)\n",
            _coverage(rows, components),
        ]
    if components:
        parts += [
            "\n### Two lifetimes: RMSE over the bound (share of decays with a value)\n",
            _components(components),
        ]
    return "\n".join(parts) + "\n"


def accuracy_plot(rows: Rows, /) -> Figure:
    """Return a plot of error over bound, bias and reliability of the error bars against the lifetime.

    Each number of photons has a column. The row of the reliability shows the shares of decays within one and
    within two standard errors; it is left out if no predictor has any.

    See Also
    --------
    write_accuracy_report :
        Write ``accuracy.md``, ``accuracy.png``, ``accuracy.json`` and ``components.json`` into a folder.
    """
    photons = sorted({row["photons"] for row in rows})
    names = list(dict.fromkeys(row["predictor"] for row in rows))
    covered = any(row["coverage_68"] is not None for row in rows)
    n_rows = 3 if covered else 2
    figure = Figure(figsize=(3.4 * len(photons), 3.1 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, len(photons), squeeze=False, sharex=True, sharey="row")
    for column, level in enumerate(photons):
        for index, name in enumerate(names):
            chosen = [row for row in rows if row["photons"] == level and row["predictor"] == name]
            taus = [row["tau_ns"] for row in chosen]
            style = {"color": f"C{index % 10}", "linestyle": "-" if index < 10 else "--", "linewidth": 1.0}
            over, bias = panels[0, column], panels[1, column]
            over.plot(taus, [row["rmse_over_crlb"] for row in chosen], marker=".", label=name, **style)
            bias.plot(taus, [row["bias_ns"] / row["tau_ns"] for row in chosen], marker=".", **style)
            if covered and chosen[0]["coverage_68"] is not None:
                for key in ("coverage_68", "coverage_95"):
                    panels[2, column].plot(taus, [row[key] for row in chosen], marker=".", **style)
        over.set(title=f"{level:,.0f} photons", yscale="log", ylim=(0.6, 30))
        over.axhline(1, color="black", linewidth=0.8)
        bias.set(ylim=(-0.4, 0.4))
        bias.axhline(0, color="black", linewidth=0.8)
        if covered:
            panels[2, column].set(ylim=(0, 1))
            for share in (0.683, 0.954):
                panels[2, column].axhline(share, color="black", linewidth=0.8)
        panels[-1, column].set_xlabel("lifetime / ns")
    panels[0, 0].set_ylabel("RMSE over the Cramér-Rao bound")
    panels[1, 0].set_ylabel("bias over the lifetime")
    if covered:
        panels[2, 0].set_ylabel("share within 1 and 2 standard errors")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
    return figure


def write_accuracy_report(
    rows: Rows,
    components: Rows,
    folder: Path,
    /,
    *,
    settings: dict[str, Any],
    answered: Answered | None = None,
) -> None:
    """Write ``accuracy.md``, ``accuracy.png``, ``accuracy.json`` and ``components.json`` into a folder.

    Parameters
    ----------
    rows, components : sequence of dict
        As for :func:`accuracy_tables`.
    folder : pathlib.Path
        Output folder; created if missing.
    settings : dict
        Conditions of the comparison; written to ``settings.json`` with the provenance.
    answered : mapping, optional
        As for :func:`accuracy_tables`.

    See Also
    --------
    seq2seqlite.compare_accuracy :
        Compare predictors on the same simulated decays; the command ``benchmark accuracy``.
    accuracy_tables : Return the accuracy tables in Markdown.
    """
    with replace_folder_when_done(folder, prepare=accuracy_outputs(folder).prepare) as temporary:
        (temporary / "accuracy.md").write_text(
            accuracy_tables(rows, components, answered=answered), encoding="utf-8"
        )
        (temporary / "accuracy.json").write_text(json_text(rows), encoding="utf-8")
        (temporary / "components.json").write_text(json_text(components), encoding="utf-8")
        (temporary / "settings.json").write_text(json_text(provenance(**settings)), encoding="utf-8")
        accuracy_plot(rows).savefig(temporary / "accuracy.png", dpi=110)


def check_accuracy_folder(folder: Path, /) -> None:
    """Raise InputError if a report would overwrite files in a folder that were not written by a report.

    See Also
    --------
    write_accuracy_report :
        Write ``accuracy.md``, ``accuracy.png``, ``accuracy.json`` and ``components.json`` into a folder.
    """
    accuracy_outputs(folder).check(ACCURACY_FILES)


def accuracy_outputs(folder: Path, /) -> OutputSet:
    """Return the output set of an accuracy report."""
    return OutputSet(folder, {"settings.json": ("instrument", "repeats", "versions")}, ACCURACY_FILES)


def _typical(rows: Rows) -> float:
    levels = sorted({row["photons"] for row in rows})
    return TYPICAL_PHOTONS if TYPICAL_PHOTONS in levels else float(levels[len(levels) // 2])


def _by_lifetime(rows: Rows, photons: float, key: str, form: str, answered: Answered) -> str:
    chosen = [row for row in rows if row["photons"] == photons]
    taus = list(dict.fromkeys(row["tau_ns"] for row in chosen))
    lines = []
    for name in dict.fromkeys(row["predictor"] for row in chosen):
        own = {row["tau_ns"]: row for row in chosen if row["predictor"] == name}
        rate = f"{next(iter(own.values()))['pixels_per_second']:,.0f}"
        shares = [answered.get((name, photons, tau), 1.0) for tau in taus]
        cells = [
            _value(own[tau][key], form) + ("" if share > ALL_ANSWERED or not share else f" ({share:.0%})")
            for tau, share in zip(taus, shares, strict=True)
        ]
        lines.append([f"`{name}`", *cells, rate])
    return _table(["predictor", *(f"{tau:g} ns" for tau in taus), "pixels/s"], lines)


def _by_photons(rows: Rows) -> str:
    levels = sorted({row["photons"] for row in rows})
    lines = []
    for name in dict.fromkeys(row["predictor"] for row in rows):
        own = [row for row in rows if row["predictor"] == name]
        medians = [
            np.median([row["rmse_over_crlb"] for row in own if row["photons"] == level]) for level in levels
        ]
        lines.append([f"`{name}`", *(_value(median, "{:.2f}", missing="incomplete") for median in medians)])
    return _table(["predictor", *(f"{level:,.0f}" for level in levels)], lines)


def _coverage(rows: Rows, components: Rows) -> str:
    """Return the shares of all decays, by predictor with error bars and photons."""
    every = [row for row in [*rows, *components] if row["quantity"] == "tau_mean_ns"]
    levels = sorted({row["photons"] for row in every})
    lines = []
    for name in dict.fromkeys(row["predictor"] for row in every if row["coverage_68"] is not None):
        cells = []
        for level in levels:
            own = [row for row in every if row["predictor"] == name and row["photons"] == level]
            one, two = (np.mean([row[key] for row in own]) for key in ("coverage_68", "coverage_95"))
            cells.append(" / ".join(_value(share, "{:.1%}", missing="incomplete") for share in (one, two)))
        lines.append([f"`{name}`", *cells])
    return _table(["predictor", *(f"{level:,.0f}" for level in levels)], lines)


def _components(rows: Rows) -> str:
    photons = _typical(rows)
    highest = max(row["photons"] for row in rows)
    lines = []
    for level in dict.fromkeys((photons, highest)):
        chosen = [row for row in rows if row["photons"] == level]
        decays = dict.fromkeys(
            (row["tau_short_ns"], row["tau_long_ns"], row["amplitude_fraction"]) for row in chosen
        )
        for short, long, fraction in decays:
            for name in dict.fromkeys(row["predictor"] for row in chosen):
                own = [
                    row
                    for row in chosen
                    if row["predictor"] == name
                    and (row["tau_short_ns"], row["tau_long_ns"], row["amplitude_fraction"])
                    == (short, long, fraction)
                ]
                cells = [f"{_value(row['rmse_over_crlb'], '{:.2f}')} ({row['predicted']:.0%})" for row in own]
                cells += [""] * (len(QUANTITIES) - len(cells))
                lines.append([f"{level:,.0f}", f"{short:g} / {long:g} ns, {fraction:g}", f"`{name}`", *cells])
    return _table(["photons", "decay", "predictor", *QUANTITIES], lines)


def _value(value: float, form: str, *, missing: str = "no value") -> str:
    """Return a formatted number, or a text if no decay has a value."""
    return missing if np.isnan(value) else form.format(value)


def _table(heading: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [heading, ["---"] * len(heading), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
