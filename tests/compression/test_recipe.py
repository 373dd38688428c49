"""Compression recipes: what is read, and what is refused."""

import pytest

from seq2seqlite.compression import (
    CompressionRecipe,
    compression_recipe_names,
    load_compression_recipe,
)
from seq2seqlite.errors import InputError

TRAINING = '[training]\nname = "x"\ninstrument = "narrow-gate"\nlayers = [32]\ncell = "lite"\n'


@pytest.mark.parametrize("name", compression_recipe_names())
def test_shipped_recipes_are_read_and_come_back(name):
    recipe = load_compression_recipe(name)
    assert recipe.training.name == name
    assert CompressionRecipe.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[quantisaton]\n", "the compression recipe has an unknown key 'quantisaton'"),
        ("[quantisation]\nbits = 8\n", r"\[quantisation\] has an unknown key 'bits'"),
        (
            "[quantisation]\nweight_bits = 1\n",
            "quantisation.weight_bits=1 must be 2 to 16, including the sign",
        ),
        ("[quantisation]\nstate_bits = 40\n", "quantisation.state_bits=40 must be 2 to 16"),
        ("[quantisation]\ngate_bits = 0\n", "quantisation.gate_bits=0 must be 1 to 16"),
        ("[quantisation]\nbias_bits = 1\n", "quantisation.bias_bits=1 must be 2 to 16, or 0"),
        (
            "[quantisation]\nmethod = 'gptq'\n",
            "quantisation.method='gptq' is unknown; choose one of qat, ptq",
        ),
        ("[quantisation]\nwrite_back = 'x'\n", "quantisation.write_back='x' is unknown; choose one of round"),
        ("[quantisation]\nweights_only = true\n", "weights_only=true requires method = 'ptq'"),
        ("[quantisation]\nweights_only = 1\n", "quantisation.weights_only=1 must be true or false"),
        ("[quantisation]\nmethod = 'ptq'\nlearned = true\n", "learned=true requires method = 'qat'"),
        ("[sparsity]\nweights = 1.0\n", "sparsity.weights=1.0 must be >= 0 and < 1"),
        ("[sparsity]\nunits = 0.5\nbegin = 0.7\n", "sparsity.begin=0.7 must be >= 0 and < end=0.6"),
        ("[distillation]\nteachers = []\n", r"distillation.teachers=\[\] must have at least one model"),
        ("[distillation]\nteachers = ['a']\nweight = 2\n", "distillation.weight=2.0 must be between 0 and 1"),
        ("[distillation]\nteachers = 'a'\n", "distillation.teachers='a' must be a list of strings"),
        (
            "[distillation]\nteachers = ['a', 'b']\ntrajectory_weight = 1.0\n",
            "requires cached_decays = 0 and exactly one teacher",
        ),
    ],
)
def test_bad_recipe_says_value_and_rule(tmp_path, text, expected):
    path = tmp_path / "recipe.toml"
    path.write_text(TRAINING + text)
    with pytest.raises(InputError, match=f"recipe.toml: .*{expected}"):
        load_compression_recipe(path)


def test_techniques_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "recipe.toml"
    start = 'start_from = "seq2seqlite-narrow-gate-float"\nsteps = 0\n'
    path.write_text(TRAINING + start + "[sparsity]\nweights = 0.5\n")
    with pytest.raises(InputError, match=r"training.steps=0 must be > 0 for pruning"):
        load_compression_recipe(path)
    path.write_text(TRAINING + "steps = 0\n")
    with pytest.raises(InputError, match="steps=0 must be >= 1, or 0 with start_from"):
        load_compression_recipe(path)
    direct = TRAINING + 'output = "lifetimes"\n'
    teacher = '[distillation]\nteachers = ["seq2seqlite-narrow-gate-direct-float"]\n'
    path.write_text(direct + teacher + "cached_decays = 1024\n")
    with pytest.raises(
        InputError, match="training.output='lifetimes' must have distillation.cached_decays=0"
    ):
        load_compression_recipe(path)
    path.write_text(direct + '[quantisation]\nmethod = "ptq"\nweights_only = true\n')
    with pytest.raises(
        InputError, match="training.output='lifetimes' must have quantisation.weights_only=false"
    ):
        load_compression_recipe(path)
    path.write_text(TRAINING + "[quantisation]\noperand_bits = 10\n")
    with pytest.raises(InputError, match="quantisation.operand_bits=10 must be <= state_bits=8"):
        load_compression_recipe(path)
    path.write_text(TRAINING + "[quantisation]\nresponse_integer_bits = 8\n")
    with pytest.raises(InputError, match="quantisation.response_bits=8 must be > response_integer_bits=8"):
        load_compression_recipe(path)
    path.write_text(TRAINING.replace("lite", "standard") + "[quantisation]\n")
    with pytest.raises(InputError, match="training.cell='standard' does not support fixed-point activations"):
        load_compression_recipe(path)
    path.write_text("training = 3\n")
    with pytest.raises(InputError, match="training=3 must be a table"):
        load_compression_recipe(path)
    with pytest.raises(InputError, match="compression recipe 'int8' is unknown; choose one of seq2seqlite-"):
        load_compression_recipe("int8")
