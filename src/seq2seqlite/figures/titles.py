"""Titles of figures."""

from pathlib import Path

__all__ = ["counted", "short_name"]

# A longer name would be cut off, or cover other text.
MOST_CHARACTERS = 44


def short_name(source: str | Path, /) -> str:
    """Return the name of a file, with an ellipsis in the place of the middle of a long one.

    Examples
    --------
    >>> short_name("data/cell1.ptu")
    'cell1.ptu'
    >>> short_name("2026-11-30_HeLa_" + 3 * "very_" + "long_name_of_a_measurement_12.ptu")
    '2026-11-30_HeLa_very_v…f_a_measurement_12.ptu'
    """
    name = Path(source).name
    half = (MOST_CHARACTERS + 1) // 2
    return name if len(name) <= MOST_CHARACTERS else f"{name[:half]}…{name[-half:]}"


def counted(number: int, noun: str, /) -> str:
    """Return a number with its noun, in the plural unless the number is 1.

    Examples
    --------
    >>> counted(1, "pixel"), counted(2000, "pixel")
    ('1 pixel', '2,000 pixels')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
