"""Search for cheap and accurate students, in generations; each depends on the results of the earlier ones."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import qmc

from seq2seqlite.studies.folder import RunResult, read_result
from seq2seqlite.studies.study import PlannedRun, Search, Study

__all__ = ["error_over_bound", "generations", "planned_so_far"]

# Attempts to find a point that has not been tried.
ATTEMPTS = 1000
Point = tuple[int, ...]


def generations(study: Study, folder: Path, /) -> Iterator[list[PlannedRun]]:
    """Yield the runs of a study in groups; the runs of a group must be finished before the next is requested.

    The first group has the runs of the study, except the late ones. The generations of the search follow, and
    then the late runs. A generation depends only on the results in the folder, so an interrupted search
    resumes from them.

    Parameters
    ----------
    study : Study
        Study.
    folder : pathlib.Path
        Folder of the results.

    See Also
    --------
    planned_so_far : The study with all runs that are planned already.
    """
    yield [run for run in study.runs if not run.late]
    search = study.search
    if search is not None:
        tried: dict[Point, PlannedRun] = {}
        for number in range(-(-search.points // search.generation)):
            size = min(search.generation, search.points - len(tried))
            results = {point: read_result(folder, run) for point, run in tried.items()}
            points = _points(search, number, size, results)
            new = {point: search.planned(_values(search, point), study.runs) for point in points}
            tried |= new
            yield list(new.values())
    yield [run for run in study.runs if run.late]


def planned_so_far(study: Study, folder: Path, /) -> Study:
    """Return a study with the runs of its search, up to the first generation that is not finished.

    See Also
    --------
    generations : Yield the runs of a study in groups.
    """
    found, *searched, late = generations(study, folder)
    for group in searched:
        found += group
        if any(read_result(folder, run) is None for run in group):
            break
    return replace(study, runs=(*found, *late))


def error_over_bound(figures: Mapping[str, Any], /) -> float:
    """Return the geometric mean of the errors over the bound at all numbers of photons.

    See Also
    --------
    generations : Yield the runs of a study in groups.

    Examples
    --------
    >>> error_over_bound({"over_bound": {"1000": 1.0, "10000": 4.0}})
    2.0
    """
    return math.exp(float(np.mean(np.log(list(figures["over_bound"].values())))))


def _points(
    search: Search, number: int, size: int, results: Mapping[Point, RunResult | None], /
) -> list[Point]:
    """Return the points of a generation: a Latin hypercube, or neighbours of the best points so far."""
    levels = [len(values) for values in search.vary.values()]
    rng = np.random.default_rng((search.seed, number))
    tried = set(results)
    parents = _pareto(results)
    cube = qmc.LatinHypercube(len(levels), rng=rng).random(size)
    found: list[Point] = []
    for index in range(size):
        point = tuple(int(share * n) for share, n in zip(cube[index], levels, strict=True))
        for _ in range(ATTEMPTS):
            if parents:
                point = _neighbour(parents[index % len(parents)], levels, rng)
            if point not in tried:
                break
            point = tuple(int(rng.integers(n)) for n in levels)
            if point not in tried:
                break
        tried.add(point)
        found.append(point)
    return found


def _neighbour(parent: Point, levels: Sequence[int], rng: np.random.Generator) -> Point:
    """Return a point that differs from another by one level in one or two directions."""
    point = list(parent)
    for axis in rng.choice(len(levels), size=min(len(levels), int(rng.integers(1, 3))), replace=False):
        moved = point[axis] + int(rng.choice([-1, 1]))
        point[axis] = min(max(moved, 0), levels[axis] - 1)
    return tuple(point)


def _pareto(results: Mapping[Point, RunResult | None]) -> list[Point]:
    """Return the points that no other point beats in LUTs and error, in order of increasing LUTs."""
    known = [
        (result.figures["cost"]["lut_estimate"], error_over_bound(result.figures), point)
        for point, result in results.items()
        if result is not None and result.figures is not None
    ]
    front: list[Point] = []
    best = math.inf
    for _, error, point in sorted(known):
        if error < best:
            best = error
            front.append(point)
    return front


def _values(search: Search, point: Point) -> dict[str, Any]:
    return {key: values[level] for (key, values), level in zip(search.vary.items(), point, strict=True)}
