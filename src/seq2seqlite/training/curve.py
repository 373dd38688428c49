"""Figures derived from a learning curve."""

from collections.abc import Mapping, Sequence

__all__ = ["last_fifth_improvement"]


def last_fifth_improvement(curve: Sequence[Mapping[str, float]], /) -> float:
    """Return the relative decrease of the best validation loss in the last fifth of a training run.

    Parameters
    ----------
    curve : sequence of mapping
        Rows with ``step`` and ``validation_loss``.

    Returns
    -------
    float
        ``1 - best / best before the last fifth``; NaN without a validation before the last fifth.

    See Also
    --------
    seq2seqlite.train_model :
        Train a network by a recipe, evaluate it on its reference set, and write model and card.

    Examples
    --------
    >>> last_fifth_improvement([{"step": 80, "validation_loss": 2.0}, {"step": 100, "validation_loss": 1.0}])
    0.5
    """
    if not curve:
        return float("nan")
    last = curve[-1]["step"]
    before = [row["validation_loss"] for row in curve if row["step"] <= 0.8 * last]
    if not before:
        return float("nan")
    return 1 - min(row["validation_loss"] for row in curve) / min(before)
