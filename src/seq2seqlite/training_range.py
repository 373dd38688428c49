"""Lifetime ranges of the shipped instruments: what a model trained for one of them has seen."""

import tomllib
from functools import cache

from seq2seqlite.resources import configs_folder

__all__ = ["training_range_ns"]


@cache
def training_range_ns(instrument: str, /) -> tuple[float, float] | None:
    """Return the range of lifetimes of a shipped instrument, in ns.

    Parameters
    ----------
    instrument : str
        Name of the instrument, as a model file contains it.

    Returns
    -------
    tuple of float or None
        Shortest and longest lifetime of its decays; None if the instrument is not a shipped one.

    Examples
    --------
    >>> training_range_ns("tcspc-80mhz")
    (0.1, 6.0)
    >>> training_range_ns("my-microscope") is None
    True
    """
    files = {path.stem: path for path in (configs_folder() / "instruments").glob("*.toml")}
    if instrument not in files:
        return None
    table = tomllib.loads(files[instrument].read_text(encoding="utf-8"))
    low, high = table["decays"]["tau_ns"]
    return float(low), float(high)
