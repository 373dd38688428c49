"""The error of a measurement without any lifetime."""

from collections import Counter

from seq2seqlite.errors import InputError
from seq2seqlite.estimators import Reason

__all__ = ["no_lifetime"]


def no_lifetime(name: str, model: str, reasons: Counter[int], /) -> InputError:
    """Return the error of a measurement in which no analysed pixel has a lifetime.

    Parameters
    ----------
    name : str
        Name of the measurement.
    model : str
        Name of the predictor.
    reasons : Counter
        Pixels by the reason of the estimator; empty for a network.
    """
    if not reasons:
        return InputError(
            f"{name}: model {model} found no lifetime in any pixel: no signal above the baseline before the "
            f"rising edge; use a larger binning, or check the counts and the laser period"
        )
    ((reason, n),) = reasons.most_common(1)
    return InputError(
        f"{name}: {model} found no lifetime in any pixel; {n / reasons.total():.0%} of them: "
        f"{Reason(reason).meaning} ({Reason(reason).name}); use a larger binning, check irf and period_ns, "
        "or choose another model"
    )
