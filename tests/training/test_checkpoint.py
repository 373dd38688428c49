"""Checkpoints whose values were changed, with a valid digest, are refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.training.checkpoint import write_checkpoint
from seq2seqlite.training.loop import _restored, _save, _State

RECIPE = {"name": "a"}
OBJECTIVE: Any = SimpleNamespace(described=lambda: RECIPE)
ROW = {
    "step": 7, "decays": 70, "training_loss": 1.0, "validation_loss": 1.5, "validation_total_rmse": 0.5,
}  # fmt: skip
VALUES: dict[str, Any] = {"step": 7, "best_loss": None, "seconds": 2.0, "curve": [ROW]}


def state() -> _State:
    weights = {"kernel": np.ones((2, 3), np.float32)}
    return _State(7, weights, [np.zeros(3, np.float32)], weights, seconds=2.0, curve=[ROW])


def test_checkpoint_is_restored(tmp_path: Path) -> None:
    _save(state(), tmp_path / "c.npz", OBJECTIVE)
    found = _restored(state(), tmp_path / "c.npz", OBJECTIVE)
    assert (found.step, found.best_loss, found.seconds, found.curve) == (7, float("inf"), 2.0, [ROW])


@pytest.mark.parametrize(
    "change",
    [{"step": "x"}, {"step": -1}, {"seconds": None}, {"curve": {}}, {"curve": [1]}, {"curve": [{}]},
     {"curve": [ROW | {"step": "x"}]}, {"best_loss": []}],
)  # fmt: skip
def test_changed_values_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    one = state()
    trees = {"parameters": one.parameters, "optimiser": one.optimiser, "best": one.best}
    write_checkpoint(tmp_path / "c.npz", trees=trees, values=VALUES | change, recipe=RECIPE)
    with pytest.raises(InputError, match="must be a"):
        _restored(one, tmp_path / "c.npz", OBJECTIVE)


def test_array_of_another_type_is_refused(tmp_path: Path) -> None:
    one = state()
    trees = {"parameters": {"kernel": np.ones((2, 3), np.int8)}, "optimiser": one.optimiser, "best": one.best}
    write_checkpoint(tmp_path / "c.npz", trees=trees, values=VALUES, recipe=RECIPE)
    with pytest.raises(InputError, match="parameters/0 is missing or has another shape or type"):
        _restored(one, tmp_path / "c.npz", OBJECTIVE)
