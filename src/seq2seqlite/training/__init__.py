"""Training: recipes, the training loop and the cards of trained models.

:mod:`seq2seqlite.training.loop` needs JAX (the extra ``train``) and is imported by its own name.
"""

from seq2seqlite.training.curve import last_fifth_improvement
from seq2seqlite.training.recipe import Recipe, load_recipe, recipe_names

__all__ = ["Recipe", "last_fifth_improvement", "load_recipe", "recipe_names"]
