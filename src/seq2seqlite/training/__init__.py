"""Training of networks: training loop, recipes, and the metrics of the paper.

:mod:`seq2seqlite.training.loop` needs the extra ``train`` (JAX), so this package does not import it.
"""

from seq2seqlite.training.curve import last_fifth_improvement
from seq2seqlite.training.evaluation import REFERENCE_DECAYS, evaluate_decays, evaluate_reference
from seq2seqlite.training.metrics import lifetime_metrics, sfd_metrics
from seq2seqlite.training.recipe import Recipe, load_recipe, recipe_names

__all__ = [
    "REFERENCE_DECAYS",
    "Recipe",
    "evaluate_decays",
    "evaluate_reference",
    "last_fifth_improvement",
    "lifetime_metrics",
    "load_recipe",
    "recipe_names",
    "sfd_metrics",
]
