"""Warnings of gate series that may be incomplete, or contain an image twice."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["GateCheck"]


class GateCheck:
    """Check of the images of a gate series, one after the other.

    Gaps and doubled gates within a series are errors of the readers. Gates that may be missing at its ends,
    and two gates with the same counts, which were probably copied, cause a warning.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the series.
    """

    def __init__(self, folder: Path, /) -> None:
        self.folder = folder
        self.warnings: list[str] = []
        self._names: dict[bytes, str] = {}

    def add(self, name: str, counts: NDArray[Any], /) -> None:
        """Compare an image with the earlier ones; uniform images may be equal."""
        if counts.min() == counts.max():
            return
        digest = hashlib.sha256(np.ascontiguousarray(counts).data).digest()
        first = self._names.setdefault(digest, name)
        if first != name:
            self.warnings.append(
                f"{self.folder}: {first} and {name} have the same counts in all pixels; one of them is "
                "probably a copy: record the series again, or drop all gates from there on"
            )

    def number(self, found: int, recorded: int | None, /) -> None:
        """Compare the number of gates with the one that was recorded, None if it is unknown."""
        if recorded is not None and found < recorded:
            self.warnings.append(
                f"{self.folder}: {found} gates were found, but the settings name {recorded}: some are "
                "missing at an end of the series, unless old camera software wrote a wrong number"
            )
