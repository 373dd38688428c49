"""The page about a study: answers from converged rows only, intervals over seeds, figures."""

from itertools import pairwise

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from seq2seqlite.reports.log_axes import label_plainly
from seq2seqlite.reports.study_answers import cheaper, claim, distillation, interval, size_rows
from seq2seqlite.reports.study_page import FIGURES, study_page, write_study_figures
from seq2seqlite.reports.study_tables import Row, record


def row(group, label, rmse, *, seed=1, converged=True, luts=None, bound=2.0, run=""):
    figures = {
        **{part: {"rmse": rmse} for part in ("total", "short", "long")},
        "over_bound": {"1000": bound, "10000": bound},
        "cost": {
            "parameters": 6627, "mean_weight_bits": 4.0, "weight_memory_bits": 9, "state_bits": 8,
            "macs_per_pixel": 7, "lut_estimate": luts,
        },
    }  # fmt: skip
    return record(Row(group, label, run, seed, figures, rmse / 0.02, 10**6, None, 0.001, converged))


@pytest.fixture
def table():
    rows = [
        row("models", "narrow", 0.03, luts=20_000, run="narrow", seed=None, converged=False),
        row("search", "a", 0.03, luts=15_000, run="a1"),
        row("search", "b", 0.03, luts=12_000, bound=2.5, run="b1"),
        row("search", "c", 0.02, luts=9_000, converged=False, run="c1"),
        row("reduction", "8", 0.04),
        row("reduction", "8", 0.05, seed=2),
        row("reduction", "8", 0.9, seed=3, converged=False),
        row("baselines", "minGRU", 0.03, luts=100),
        row("ablation", "32, input: 4 bits", 0.03),
        row("ablation", "32, input: 6 bits", 0.02),
    ]
    for seed, gain in ((1, 0.10), (2, 0.11), (3, 0.12)):
        rows.append(row("kd", "32, 1024 decays, teacher 0.0", 0.02 * seed, seed=seed))
        rows.append(row("kd", "32, 1024 decays, teacher 0.6", 0.02 * seed * (1 - gain), seed=seed))
        rows.append(row("qat", "32, weights 8 bits, distilled", 0.024, seed=seed))
    rows.append(row("kd", "32, 1024 decays, teacher 0.9", 0.01, seed=4))  # without its partner
    table = {"study": "paper", "instrument": "narrow-gate", "teacher": "t", "reference_decays": 20}
    return {**table, "rows": rows, "missing": ["kd: late, seed 1"]}


def test_interval_is_that_of_student():
    found = interval([1.0, 2.0, 3.0])
    assert (found.mean, found.half) == (2.0, pytest.approx(4.302653 / 3**0.5, rel=1e-6))
    assert not found.differs
    assert interval([0.5]).half is None
    assert interval([0.10, 0.11, 0.12]).differs


def test_answers_rest_on_converged_rows(table):
    rows = table["rows"]
    assert size_rows(rows)[0]["ratio"].mean == pytest.approx(2.25)
    assert claim(rows).mean == pytest.approx(1.2)
    (found,) = distillation(rows)
    assert (found["data"], found["weight"], found["change"].n) == ("1024 decays", 0.6, 3)
    assert found["change"].mean == pytest.approx(-0.11)
    best = cheaper(rows, "narrow")
    assert (best["row"]["run"], best["saved"]) == ("a1", pytest.approx(0.25))
    assert claim([]) is None
    assert cheaper(rows[:1], "narrow") is None


def test_page_states_answers_and_open_questions(table, tmp_path):
    page = study_page(table, figures="images")
    assert "minus" not in page
    assert "-11.0 % ± 2.5 % (3 seeds), which differs from zero" in page
    assert "`a1` (a) takes 15,000 look-up tables, 25 % fewer than `narrow`" in page
    assert "1 rows are not finished" in page
    assert "| c | `c1` | 1 | 1,000,000 | 0.10 % † |" in page
    paths = write_study_figures(table, tmp_path)
    assert [path.name for path in paths] == [f"study-{name}.png" for name in FIGURES]
    empty = study_page({**table, "rows": table["rows"][:1]}, figures="images")
    assert empty.count("Open:") == 5
    assert "nan" not in empty
    write_study_figures({**table, "rows": []}, tmp_path)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [(2.6, 3.0, 8), (17_000, 180_000, 3), (170_000, 53_000_000, 2), (0.024, 0.055, 2)],
)
def test_labels_of_logarithmic_axes_do_not_overlap(low, high, labels):
    figure = Figure(figsize=(4.3, 4.2), layout="constrained")
    canvas, axes = FigureCanvasAgg(figure), figure.subplots()
    axes.set(xscale="log", xlim=(low, high))
    label_plainly(axes.xaxis)
    canvas.draw()
    shown = [tick for tick in axes.xaxis.get_ticklabels(which="both") if tick.get_text()]
    inside = [tick for tick in shown if low <= tick.get_position()[0] <= high]
    assert len(inside) >= labels
    assert all("times" not in tick.get_text() and "e" not in tick.get_text() for tick in shown)
    boxes = sorted((tick.get_window_extent() for tick in inside), key=lambda box: box.x0)
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))


@pytest.mark.parametrize("name", FIGURES)
def test_axis_labels_are_inside_the_figure(name, table):
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    canvas, axes = FigureCanvasAgg(figure), figure.subplots()
    FIGURES[name](axes, table["rows"])
    canvas.draw()
    for label in (axes.xaxis.label, axes.yaxis.label):
        if not label.get_text():
            continue
        box = label.get_window_extent()
        assert box.x0 >= 0 <= box.y0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
