"""The examples do what the tutorials say, with fewer steps."""

import dataclasses
import shutil
from pathlib import Path

from seq2seqlite.compression import load_compression_recipe
from seq2seqlite.compression.compress import compress
from seq2seqlite.evaluation.networks import evaluate_decays
from seq2seqlite.simulation.decay_set import reference_set

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_student_of_a_measured_microscope(shared_data, tmp_path):
    folder = tmp_path / "nadh-yeast"
    shutil.copytree(EXAMPLES / "nadh-yeast", folder)
    shutil.copy(shared_data / "nadh-yeast" / "IRF.sdt", folder)
    recipe = load_compression_recipe(folder / "int8.toml")
    short = dataclasses.replace(recipe.training, steps=40, warmup_steps=5, validation_every=20)
    student = compress(dataclasses.replace(recipe, training=short)).model
    assert student.formats is not None
    assert student.axis.n_gates == 117
    data = reference_set(recipe.training.instrument, n=500)
    assert evaluate_decays(student, data)["total"]["rmse"] < 0.08
