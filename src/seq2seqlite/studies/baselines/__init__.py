"""Networks of other families, with which a study compares the GRU: float, at most 10,000 parameters."""

from seq2seqlite.studies.baselines.networks import BASELINES, Baseline

__all__ = ["BASELINES", "Baseline"]
