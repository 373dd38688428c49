"""From the time axis of a measurement to that of a model."""

from seq2seqlite.rebinning.plan import Rebinner, Rebinning, plan_rebinning

__all__ = ["Rebinner", "Rebinning", "plan_rebinning"]
