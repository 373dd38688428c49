"""Table and plot of an acquisition plan."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.planning.plan import AcquisitionPlan, PlannedDesign
from seq2seqlite.reports.log_axes import label_plainly

__all__ = ["check_plan_plot", "plan_plot", "plan_table", "write_plan_plot"]

# PNG text chunk that identifies plots of this module.
SOFTWARE = "seq2seqlite plan"
MAX_TEXT_BYTES = 1024
MARKERS = "os^Dv"


def plan_table(plan: AcquisitionPlan, /, *, every: bool = False) -> str:
    """Return the table of a plan in Markdown.

    Parameters
    ----------
    plan : AcquisitionPlan
        Plan.
    every : bool
        Whether to list all designs; otherwise those of :attr:`AcquisitionPlan.best`.

    See Also
    --------
    plan_plot : Plot of the same numbers.
    """
    chosen = plan.designs if every else plan.best
    one_bit = plan.designs[0].design.bits is not None
    heading = ["gates", "first", "step / ns", "length / ns"]
    heading += ["bits", "one-bit frames", "occupancy"] if one_bit else []
    heading += ["photons", "at the pixel", "photons/s", "maps/s", "precision", "same photons", "same time"]
    lines = [heading, ["---"] * len(heading)]
    for planned in chosen:
        design = planned.design
        cells = [f"{design.n_gates}", f"{design.first_gate}", f"{design.gate_step_ns:.4g}"]
        cells += [f"{design.gate_length_ns:.4g}"]
        if one_bit:
            cells += [f"{design.bits}", f"{design.binary_frames:,}", f"{planned.occupancy:.0%}"]
        cells += [f"{planned.photons:,.0f}", f"{planned.incident_photons:,.0f}"]
        for value in (planned.photons_per_second, planned.frames_per_second):
            cells.append("" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}")
        errors = (planned.precision, planned.precision_same_photons, planned.precision_same_time)
        cells += [f"{error:.1%}" if error < 1 else "> 100%" for error in errors]
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def plan_plot(plan: AcquisitionPlan, /) -> Figure:
    """Return a plot of the cost of each design, and of its precision in equal time.

    Left: light over frames per second, or over the number of gates without a frame rate. Colour is the gate
    length, the marker the number of bits; the line connects the best designs. Right: precision with the same
    light in the same time, against the number of gates.

    See Also
    --------
    write_plan_plot : Write the plot.
    """
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    timed = plan.designs[0].frames_per_second is not None
    fixed = plan.settings.get("photons_per_second") is not None

    def place(planned: PlannedDesign) -> tuple[float, float]:
        x = planned.frames_per_second if timed else planned.design.n_gates
        light = planned.photons_per_second if timed else planned.incident_photons
        return float(x or np.nan), 100 * planned.precision if fixed else float(light or np.nan)

    reached = [planned for planned in plan.designs if planned.reached or fixed]
    _scatter(left, reached, [place(planned) for planned in reached], plan)
    best = sorted(place(planned) for planned in plan.best[1:] or plan.best)
    left.plot(*zip(*best, strict=True), color="0.5", linewidth=0.8, zorder=0) if best else None
    _log_axes(left)
    left.set_xlabel("lifetime maps per second" if timed else "number of gates")
    required = f"for a precision of {100 * plan.precision:.3g} %"
    left.set_ylabel(
        "precision / %"
        if fixed
        else f"photons per second at the pixel, {required}"
        if timed
        else f"photons at the pixel, {required}"
    )
    # In equal time the number of bits does not matter.
    chosen = [one for one in plan.designs if one.design.bits == plan.designs[0].design.bits]
    places = [(float(one.design.n_gates), 100 * one.precision_same_time) for one in chosen]
    _scatter(right, chosen, places, plan)
    right.axhline(100 * plan.designs[0].precision, color="0.5", linewidth=0.8)
    finite = [y for _, y in places if np.isfinite(y)]
    low = min(finite, default=1.0)
    _log_axes(right)
    right.set(ylim=(0.9 * low, 10 * low), xlabel="number of gates")
    right.set_ylabel("precision with the same light in the same time / %")
    left.legend(fontsize=7)
    lifetimes = ", ".join(f"{tau:g}" for tau in plan.settings.get("tau_ns", []))
    figure.suptitle(f"{plan.settings.get('instrument', {}).get('name', '')}: lifetimes of {lifetimes} ns")
    return figure


def write_plan_plot(plan: AcquisitionPlan, path: Path, /) -> None:
    """Write the plot of :func:`plan_plot` as PNG.

    Raises
    ------
    InputError
        If the file exists and was not written by this function.

    See Also
    --------
    check_plan_plot : Check that a file may be overwritten.
    """
    check_plan_plot(path)
    with replace_when_done(path) as temporary:
        plan_plot(plan).savefig(temporary, format="png", dpi=110, metadata={"Software": SOFTWARE})


def check_plan_plot(path: Path, /) -> None:
    """Check that a file may be overwritten: it does not exist, or was written by :func:`write_plan_plot`.

    Raises
    ------
    InputError
        If the name does not end in ``.png``, or the file was not written by :func:`write_plan_plot`.

    See Also
    --------
    write_plan_plot : Write the plot.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"out={path} must end in .png, not in {path.suffix!r}")
    if not path.is_file():
        return
    with path.open("rb") as file:
        if SOFTWARE.encode() not in file.read(MAX_TEXT_BYTES):
            raise InputError(f"{path} was not written by seq2seqlite plan; move it or choose another name")


def _log_axes(axes: Axes) -> None:
    axes.set(xscale="log", yscale="log")
    label_plainly(axes.xaxis, axes.yaxis)


def _scatter(
    axes: Axes,
    designs: Sequence[PlannedDesign],
    places: list[tuple[float, float]],
    plan: AcquisitionPlan,
) -> None:
    lengths = sorted({planned.design.gate_length_ns for planned in plan.designs})
    merged = len(lengths) > len(MARKERS)  # adjacent gates are added up
    counters = sorted({planned.design.bits or 0 for planned in plan.designs}, reverse=True)
    for i, length in enumerate([None] if merged else lengths):
        for marker, bits in zip(MARKERS, counters, strict=False):
            own = [
                place
                for planned, place in zip(designs, places, strict=True)
                if (merged or planned.design.gate_length_ns == length) and (planned.design.bits or 0) == bits
            ]
            if own:
                parts = [] if merged else [f"gates of {length:.3g} ns"]
                label = ", ".join([*parts, *([f"{bits} bits"] if bits else [])])
                x, y = zip(*own, strict=True)
                axes.scatter(
                    x, y, s=12, color=f"C{i}", marker=marker, label=label or "adjacent gates added up"
                )
