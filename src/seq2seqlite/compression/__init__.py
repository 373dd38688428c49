"""Model compression: weight reduction, pruning, knowledge distillation, quantisation, and studies of them.

Each technique has its own module, and a recipe combines techniques.
:mod:`seq2seqlite.compression.compress` needs the extra ``train``.
"""

from seq2seqlite.compression.recipe import (
    CompressionRecipe,
    Distillation,
    QuantisationPlan,
    Sparsity,
    compression_recipe_names,
    load_compression_recipe,
)

__all__ = [
    "CompressionRecipe",
    "Distillation",
    "QuantisationPlan",
    "Sparsity",
    "compression_recipe_names",
    "load_compression_recipe",
]
