"""How good networks and predictors are on decays whose truth is known.

- :mod:`~seq2seqlite.evaluation.networks`: metrics of a model on a set of decays
- :mod:`~seq2seqlite.evaluation.metrics`: the metrics of the paper, and lifetime errors by photon count
- :mod:`~seq2seqlite.evaluation.accuracy`: bias, spread and error of predictors beside the Cramér-Rao bound
- :mod:`~seq2seqlite.evaluation.conditions`: the decays on which these are measured

The last two need JAX (the extra ``train``) and are imported by their own names.
"""

from seq2seqlite.evaluation.metrics import coverage_metrics, lifetime_metrics, sfd_metrics
from seq2seqlite.evaluation.networks import evaluate_decays, evaluate_reference

__all__ = [
    "coverage_metrics",
    "evaluate_decays",
    "evaluate_reference",
    "lifetime_metrics",
    "sfd_metrics",
]
