"""Files with the properties of the pixels of a camera: dark level, flat field, hot and dead pixels."""

import math
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.files import sha256_of

__all__ = ["HOT_SIGMAS", "Corrections"]

HOT_SIGMAS = 5.0
"""Default threshold of hot pixels, in robust standard deviations above the median."""


@dataclass(frozen=True)
class Corrections:
    r"""Files with the properties of the pixels of a camera.

    Parameters
    ----------
    dark : path-like or float, optional
        Gate series without light, or a dark frame (TIFF, PNG or ``.npy``), in counts of one gate of the
        measurement; or a number: the offset of a camera, in counts per gate.
    flat : path-like, optional
        Gate series or image of a uniform light.
    bad_pixels : path-like, optional
        Image, nonzero at hot and dead pixels.
    hot_pixels : float, optional
        Pixels whose dark level exceeds the median by more than this number of robust standard deviations are
        hot; default: 5. ``inf`` finds none.

    Raises
    ------
    InputError
        If a number is out of its range, or ``hot_pixels`` is given without a dark file.

    See Also
    --------
    seq2seqlite.read : Read a measurement with these corrections.

    Notes
    -----
    Counts are corrected in this order: saturation, :math:`m = -N \ln(1 - n / N)` photons for ``n`` of ``N``
    one-bit frames, in the reader; then the dark level :math:`d`; then the sensitivity :math:`f`, so that the
    intensity is :math:`(\sum_g m_g - G d) / f` for :math:`G` gates. The counts of the decays themselves stay
    :math:`m_g`, which have Poisson noise, and their dark level is known to the fit.

    Examples
    --------
    >>> Corrections(dark=25.0).described()
    {'dark': 25.0}
    """

    dark: str | PathLike[str] | float | None = None
    flat: str | PathLike[str] | None = None
    bad_pixels: str | PathLike[str] | None = None
    hot_pixels: float | None = None

    def __post_init__(self) -> None:
        level = self.level
        if level is not None and not 0 <= level < math.inf:
            raise InputError(f"dark={self.dark} must be a file, or a level >= 0 in counts per gate (e.g. 25)")
        if self.hot_pixels is None:
            return
        if not self.hot_pixels > 0:
            raise InputError(f"hot_pixels={self.hot_pixels} must be > 0 (e.g. {HOT_SIGMAS:g}, or inf)")
        if "dark" not in self.files:
            raise InputError(
                f"hot_pixels={self.hot_pixels:g} finds hot pixels in a dark frame or series; pass one as dark"
            )

    @property
    def level(self) -> float | None:
        """Dark level that is the same for all pixels, in counts per gate; None for a file."""
        if self.dark is None or isinstance(self.dark, PathLike):
            return None
        try:
            level = float(self.dark)
        except ValueError:
            return None
        return None if isinstance(self.dark, str) and Path(self.dark).exists() else level

    @property
    def files(self) -> dict[str, Path]:
        """Files by the name of their parameter."""
        dark = self.dark if self.level is None else None
        given = {"dark": dark, "flat": self.flat, "bad_pixels": self.bad_pixels}
        return {name: Path(str(file)) for name, file in given.items() if file is not None}

    @property
    def sigmas(self) -> float:
        """Threshold of hot pixels, in robust standard deviations."""
        return HOT_SIGMAS if self.hot_pixels is None else self.hot_pixels

    def absolute(self) -> "Corrections":
        """Return the same corrections with absolute paths, for workers with another working directory."""
        paths = {name: str(file.absolute()) for name, file in self.files.items()}
        return Corrections(
            paths.get("dark", self.level), paths.get("flat"), paths.get("bad_pixels"), self.hot_pixels
        )

    def refuse(self, path: Path, what: str, /) -> None:
        """Raise InputError if there are corrections, for data that have none.

        Parameters
        ----------
        path : pathlib.Path
            File.
        what : str
            What it is, e.g. ``"a stack"``.
        """
        given = self.files if self.level is None else {"dark": self.dark}
        for name, value in given.items():
            raise InputError(f"{path} is {what}; {name}={value} is for single images: omit it")

    def described(self) -> dict[str, Any]:
        """Return the corrections that are given, with digests of the files, ready for JSON."""
        found: dict[str, Any] = {} if self.level is None else {"dark": self.level}
        for name, file in self.files.items():
            found[name] = {"file": file.name, "sha256": sha256_of(file) if file.exists() else None}
        if "dark" in self.files:
            found["hot_pixels"] = "inf" if math.isinf(self.sigmas) else self.sigmas
        return found
