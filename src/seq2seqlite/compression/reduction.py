"""Weight reduction: recipes with the layer sizes of the paper's table and with smaller ones."""

import dataclasses

from seq2seqlite.compression.recipe import CompressionRecipe
from seq2seqlite.models import SEQ2SEQ

__all__ = ["REDUCED_LAYERS", "parameters_saved", "reduced"]

# Two layers as in the table of Erbas et al., and one layer; Seq2SeqLite has one layer of 32 units.
REDUCED_LAYERS = (
    (64, 64), (64, 16), (45, 45), (32, 32), (16, 16), (64,), (48,), (32,), (24,), (16,),
)  # fmt: skip


def reduced(recipe: CompressionRecipe, /) -> list[CompressionRecipe]:
    """Return copies of a recipe, one for each list of layers.

    See Also
    --------
    parameters_saved : Return the share of the teacher's parameters that a network saves.
    seq2seqlite.studies.study.load_study : Return a shipped study by name, or the study in a TOML file.
    """
    return [
        dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, layers=layers))
        for layers in REDUCED_LAYERS
    ]


def parameters_saved(n_parameters: int, /) -> float:
    """Return the share of the teacher's parameters that a network saves.

    See Also
    --------
    reduced : Return copies of a recipe, one for each list of layers.
    seq2seqlite.compression.cost.cost_figures : Return the cost figures of a network.

    Examples
    --------
    >>> from seq2seqlite.models import Architecture
    >>> round(parameters_saved(Architecture((32,), "lite").n_parameters), 3)
    0.978
    """
    return 1 - n_parameters / SEQ2SEQ.n_parameters
