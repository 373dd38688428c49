"""Compression: reduction, sparsity, distillation, quantisation, and the study that compares them.

Each technique is a module; a recipe composes them. :mod:`seq2seqlite.compression.compress` needs the extra
``train``.
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
