"""The search of a study: points, generations, and searches that resume from results."""

import itertools

import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.studies.folder import RunResult, join_folders, write_result
from seq2seqlite.studies.search import generations, planned_so_far
from seq2seqlite.studies.study import load_study

STUDY = """
name = "searched"
instrument = "narrow-gate"
teacher = "seq2seqlite-narrow-gate-float"
[defaults.training]
layers = [6]
cell = "lite"
steps = 8
warmup_steps = 2
[[run]]
group = "reduction"
label = "6"
[[run]]
group = "reduction"
label = "afterwards"
seeds = [2]
late = true
[search]
group = "search"
label = "{weight_bits} bits, {weights} zero"
points = 11
generation = 4
[search.vary]
"quantisation.weight_bits" = [2, 3, 4, 5, 6, 7]
"sparsity.weights" = [0.0, 0.2, 0.4, 0.6]
[search.training]
start_from = "run:6"
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    return load_study(tmp_path / "study.toml")


def finish(folder, run):
    """Store a result: few bits are cheap, and zeros cost nothing, but the error grows with both."""
    bits, zeros = 8, 0.0
    if run.recipe.quantisation is not None:
        bits, zeros = run.recipe.quantisation.weight_bits, run.recipe.sparsity.weights
    cost, bound = {"lut_estimate": round(1000 * bits * (1 - zeros))}, 1 + 2.0**-bits + zeros**2
    figures = {"cost": cost, "over_bound": {"1000": bound, "10000": 2 * bound}}
    write_result(folder, RunResult(run.id, figures, [], {}))


def searched(study, folder, *, runs=100):
    """Perform a study until a number of runs is finished; return the groups of labels."""
    left, groups = iter(range(runs)), []
    for group in generations(study, folder):
        groups.append([run.label for run in group])
        for run in group:
            if next(left, None) is None:
                return groups
            finish(folder, run)
    return groups


def test_generations_are_new_points_near_the_best(study, tmp_path):
    first, *found, last = searched(study, tmp_path)
    assert (first, last) == (["6"], ["afterwards"])
    assert [len(group) for group in found] == [4, 4, 3]
    labels = list(itertools.chain(*found))
    assert len(set(labels)) == 11
    # A Latin hypercube has each quarter of the sparsities once.
    assert sorted(label.split(", ")[1] for label in found[0]) == [f"{x} zero" for x in (0.0, 0.2, 0.4, 0.6)]

    def point(label):
        bits, zeros = label.replace("zero", "").replace("bits", "").split(", ")
        return int(bits), round(5 * float(zeros))

    before = [point(label) for label in found[0]]
    for label in found[1]:
        assert any(max(abs(a - b) for a, b in zip(point(label), other, strict=True)) == 1 for other in before)


def test_interrupted_or_joined_search_continues_with_the_same_points(study, tmp_path):
    whole = searched(study, tmp_path / "whole")
    searched(study, tmp_path / "part" / "runs", runs=7)
    assert searched(study, tmp_path / "part" / "runs") == whole
    planned = planned_so_far(study, tmp_path / "part" / "runs")
    assert [run.label for run in planned.runs] == list(itertools.chain(*whole))
    searched(study, tmp_path / "other" / "runs", runs=3)
    planned = planned_so_far(study, tmp_path / "other" / "runs")
    assert [run.label for run in planned.runs] == list(itertools.chain(*whole[:2], whole[-1]))
    folder = tmp_path / "joined"
    assert len(join_folders(planned_so_far(study, folder), folder, [tmp_path / "part"])) == 6
    assert len(join_folders(planned_so_far(study, folder), folder, [tmp_path / "part"])) == 4


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("points = 11", "points = 25", "search.points=25 must be at most 24, the number of combinations"),
        ("points = 11", "points = 0", "search.points=0 must be a positive integer"),
        ("points = 11", "point = 11", r"\[search\] has an unknown key 'point'"),
        ('"run:6"', '"run:7"', "refers to 'run:7', but no earlier run has this label"),
        ("[0.0, 0.2, 0.4, 0.6]", "0.4", "run.vary.sparsity.weights=0.4 must be a list of values"),
    ],
)
def test_bad_search_says_value_and_rule(tmp_path, old, new, text):
    assert old in STUDY
    (tmp_path / "bad.toml").write_text(STUDY.replace(old, new))
    with pytest.raises(InputError, match=text):
        load_study(tmp_path / "bad.toml")
