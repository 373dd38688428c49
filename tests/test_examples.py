"""The examples do what the tutorials say, with fewer steps."""

import dataclasses
import json
import shutil
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

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


def test_the_notebook_runs_and_returns_axes():
    notebook = json.loads((EXAMPLES / "notebook" / "lifetime_maps.ipynb").read_text())
    names = {}
    with mpl.rc_context({"backend": "agg"}):
        plt.switch_backend("agg")
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), names)  # noqa: S102 - code of this repository
        assert names["left"].get_title() == "gradient"
        assert names["right"].get_title() == f"gradient: 576 pixels, {names['counts'].sum():,} counts"
        plt.close("all")
    medians = [row["tau_mean_ns_median"] for row in names["rows"]]
    tau_ns = names["image"].maps["tau_mean_ns"].values
    np.testing.assert_allclose(medians, [np.median(half) for half in (tau_ns[:12], tau_ns[12:])], rtol=1e-6)
    assert medians[0] < medians[1]
    assert not any(cell.get("outputs") for cell in notebook["cells"])
