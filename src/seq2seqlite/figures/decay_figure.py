"""Figure of a summed decay: counts, response, model curves and weighted residuals."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seq2seqlite.figures.decay_record import DecayRecord
from seq2seqlite.figures.picture import counted, short_name
from seq2seqlite.responses import DecayCurve

__all__ = ["decay_figure", "plot_decay"]

Curve = tuple[DecayCurve, str, str, str]

# Colours of Okabe and Ito, which colour-blind readers can distinguish.
FIT, PREDICTED, RESPONSE = "#D55E00", "#0072B2", "#999999"
# The axis of the residuals extends to at least this many standard deviations.
MIN_RESIDUAL = 4.0
# The response is drawn down to this share of its peak.
RESPONSE_SHARE = 1e-5


def decay_figure(record: DecayRecord, /) -> Figure:
    """Return the figure of a summed decay.

    Parameters
    ----------
    record : DecayRecord
        Summed decay.

    Returns
    -------
    matplotlib.figure.Figure
        Counts on a logarithmic scale, the response scaled to the peak, the fit and the curve of the
        predictor with their lifetimes, amplitude fractions and reduced chi-squares; below, the residuals
        divided by the square root of the expected counts.

    See Also
    --------
    decay_record : Summed decay of a measurement.
    lifetime_picture : Figure of a map.
    """
    figure = Figure(figsize=(9.5, 7.0), layout="constrained")
    times = record.start_ns + record.axis.starts_ns
    curves = _curves(record)
    if curves:
        decay_axes, residual_axes = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    else:
        decay_axes = residual_axes = figure.subplots()
    _draw_decay(decay_axes, record, times, curves)
    # Below the axes: the decay may be anywhere in the window.
    legend = figure.legend(loc="outside lower center", ncols=1, fontsize=11, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    if curves:
        _draw_residuals(residual_axes, record, times, curves)
    residual_axes.set_xlabel("time / ns", fontsize=11)
    return figure


def plot_decay(record: DecayRecord, axes: Axes | None = None, /) -> Axes:
    """Draw a summed decay with response, fit and curve of the predictor, as in ``decay.png``.

    Parameters
    ----------
    record : DecayRecord
        Summed decay.
    axes : matplotlib.axes.Axes, optional
        Axes to draw in; default: the current axes of pyplot.

    Returns
    -------
    matplotlib.axes.Axes

    See Also
    --------
    decay_figure : Figure with residuals.
    plot_map : Draw a map.
    """
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.gca()
    _draw_decay(axes, record, record.start_ns + record.axis.starts_ns, _curves(record))
    axes.set_xlabel("time / ns", fontsize=11)
    for text in axes.legend(fontsize=9).get_texts():
        text.set_parse_math(False)
    return axes


def _curves(record: DecayRecord) -> list[Curve]:
    """Return the curves of fit and predictor, with colour, line style and name."""
    both = ((record.fit, FIT, "-", "fit"), (record.predicted, PREDICTED, "--", record.model))
    return [(curve, colour, style, name) for curve, colour, style, name in both if curve is not None]


def _draw_decay(axes: Axes, record: DecayRecord, times: NDArray[np.float64], curves: list[Curve]) -> None:
    counts = record.counts
    peak = float(counts.max(initial=1.0))
    floor = float(counts[counts > 0].min(initial=peak))
    if record.irf is not None:
        response = record.irf * peak / record.irf.max()
        shown = response >= max(RESPONSE_SHARE * peak, 1e-3)
        name = f"IRF ({record.origin})"
        axes.fill_between(times, np.where(shown, response, np.nan), 0.1, color=RESPONSE, alpha=0.35, lw=0)
        axes.plot(times, np.where(shown, response, np.nan), color=RESPONSE, linewidth=1, label=name)
    axes.plot(times, np.where(counts > 0, counts, np.nan), ".", color="black", markersize=4, label="counts")
    axes.set(yscale="log", ylim=(max(0.5 * floor, 0.5), 2 * peak))
    axes.set_ylabel("counts", fontsize=11)
    axes.grid(visible=True, which="major", alpha=0.25)
    for curve, colour, style, name in curves:
        axes.plot(times, curve.expected, style, color=colour, linewidth=1.8, label=_label(name, curve))
    numbers = counted(record.pixels, "pixel"), counted(round(record.counts.sum()), "count")
    title = f"{short_name(record.source)}: {', '.join(numbers)}"
    axes.set_title(title, fontsize=12, parse_math=False)


def _draw_residuals(
    axes: Axes,
    record: DecayRecord,
    times: NDArray[np.float64],
    curves: list[Curve],
) -> None:
    residuals = [(record.counts - curve.expected) / np.sqrt(curve.expected) for curve, *_ in curves]
    for values, (_, colour, style, _) in zip(residuals, curves, strict=True):
        axes.plot(times, values, style, color=colour, linewidth=1)
    # The scale is that of the fit: residuals of the model may be much larger.
    most = max(MIN_RESIDUAL, 1.1 * float(np.abs(residuals[0]).max()))
    axes.set_ylim(-most, most)
    axes.set_ylabel("residuals / SD", fontsize=11)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.grid(visible=True, alpha=0.25)


def _label(name: str, curve: DecayCurve) -> str:
    parts = [
        f"{tau:.3g} ns ({share:.0%})" if len(curve.taus_ns) > 1 else f"{tau:.3g} ns"
        for tau, share in zip(curve.taus_ns, curve.amplitude_fractions, strict=True)
    ]
    if len(parts) > 1:  # many programs state shares of the photons
        parts[0] = parts[0].replace("%)", "% of the amplitude)")
    if curve.scatter_fraction:
        parts.append(f"scatter {curve.scatter_fraction:.1%}")
    chi_square = f"{curve.chi_square:,.0f}" if curve.chi_square >= 100 else f"{curve.chi_square:.3g}"
    return f"{name}: {', '.join(parts)}, reduced χ² {chi_square}"
