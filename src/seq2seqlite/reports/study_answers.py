"""Answers of a study to its questions, from converged rows, with confidence intervals over seeds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

__all__ = ["Interval", "answered", "claim", "cheaper", "distillation", "interval", "size_rows"]

CONFIDENCE = 0.95
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Interval:
    """Mean over seeds with its 95 % confidence interval.

    Parameters
    ----------
    mean : float
        Mean.
    half : float or None
        Half width of the interval, by Student's distribution; None for one seed.
    n : int
        Number of seeds.

    See Also
    --------
    interval : Interval of values.
    """

    mean: float
    half: float | None
    n: int

    @property
    def differs(self) -> bool:
        """Whether zero is outside of the interval."""
        return self.half is not None and abs(self.mean) > self.half


def interval(values: Iterable[float], /) -> Interval:
    """Return the mean of one value per seed, with its confidence interval.

    See Also
    --------
    distillation : Differences between students with and without a teacher.

    Examples
    --------
    >>> interval([1.0, 2.0, 3.0])
    Interval(mean=2.0, half=2.4841..., n=3)
    """
    found = np.asarray(list(values), float)
    if found.size < 2:
        return Interval(float(found.mean()), None, int(found.size))
    spread = found.std(ddof=1) / np.sqrt(found.size)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, found.size - 1) * spread)
    return Interval(float(found.mean()), half, int(found.size))


def answered(rows: Rows, /, **wanted: Any) -> list[Mapping[str, Any]]:
    """Return the rows with some values that have converged: only they support a conclusion.

    See Also
    --------
    seq2seqlite.reports.study_tables.record : A row.
    """
    return [
        row
        for row in rows
        if row["converged"] and row["failure"] is None and all(row[key] == wanted[key] for key in wanted)
    ]


def claim(rows: Rows, /) -> Interval | None:
    """Return the ratio of the 8-bit distilled student to the teacher, the figure of the paper.

    See Also
    --------
    interval : Interval over seeds.
    """
    found = answered(rows, group="qat", label="32, weights 8 bits, distilled")
    return interval(row["ratio"] for row in found) if found else None


def distillation(rows: Rows, /) -> list[dict[str, Any]]:
    """Return the relative change of the total RMSE by a teacher, for each amount of data and each weight.

    Students with and without a teacher have the same seed, hence the same decays and starting weights.

    Returns
    -------
    list of dict
        ``data``, ``weight`` and ``change``, an :class:`Interval`; negative if the teacher helps.

    See Also
    --------
    interval : Interval over seeds.
    """
    errors: dict[tuple[str, str], dict[int, float]] = {}
    for row in answered(rows, group="kd"):
        _, data, weight = row["label"].split(", ")
        errors.setdefault((data, weight.removeprefix("teacher ")), {})[row["seed"]] = row["rmse_total"]
    found = []
    for (data, weight), with_teacher in errors.items():
        without = errors.get((data, "0.0"), {})
        both = sorted(set(with_teacher) & set(without))
        if float(weight) and both:
            changes = [with_teacher[seed] / without[seed] - 1 for seed in both]
            found.append({"data": data, "weight": float(weight), "change": interval(changes)})
    return found


def size_rows(rows: Rows, /) -> list[dict[str, Any]]:
    """Return the ratio of the float students to the teacher, by size.

    Returns
    -------
    list of dict
        ``label``, ``parameters`` and ``ratio``, an :class:`Interval`.

    See Also
    --------
    interval : Interval over seeds.
    """
    found = answered(rows, group="reduction")
    result = []
    for label in dict.fromkeys(row["label"] for row in found):
        same = [row for row in found if row["label"] == label]
        ratio = interval(row["ratio"] for row in same)
        result.append({"label": label, "parameters": same[0]["parameters"], "ratio": ratio})
    return sorted(result, key=lambda one: one["parameters"])


def cheaper(rows: Rows, shipped: str, /) -> dict[str, Any] | None:
    """Return the cheapest converged student that is at least as accurate as a shipped one.

    Accurate means: both errors over the bound and the total RMSE are not larger.

    Returns
    -------
    dict or None
        ``row`` and ``saved``, the saved share of the look-up tables; None if there is no such student.

    See Also
    --------
    seq2seqlite.hardware.resources.estimate.lut_estimate : Definition of the LUT estimate.
    """
    reference = next((row for row in rows if row["run"] == shipped), None)
    if reference is None or reference["lut_estimate"] is None:
        return None
    errors = ("rmse_over_crlb_1000", "rmse_over_crlb_10000", "rmse_total")
    found = [
        row
        for row in answered(rows)
        if row["group"] not in ("models", "baselines")
        and row["lut_estimate"] is not None
        and row["lut_estimate"] < reference["lut_estimate"]
        and all(row[key] <= reference[key] for key in errors)
    ]
    if not found:
        return None
    best = min(found, key=lambda row: float(row["lut_estimate"]))
    return {"row": best, "saved": 1 - best["lut_estimate"] / reference["lut_estimate"]}
