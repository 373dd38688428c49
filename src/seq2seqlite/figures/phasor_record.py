"""Phasors of the pixels of a measurement, with their calibration and cursors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError

__all__ = ["PhasorOptions", "PhasorRecord"]

# Number of cursors that have colours which colour-blind readers can distinguish.
MAX_CURSORS = 6
MAX_MEDIANS = 20


@dataclass(frozen=True)
class PhasorOptions:
    """Options of the phasor plot.

    Parameters
    ----------
    reference : path-like, optional
        Measurement of a dye with one known lifetime, recorded with the settings of the sample. It calibrates
        the phasors; without it, the response of the instrument does.
    reference_tau_ns : float, optional
        Lifetime of the dye, in ns.
    medians : int
        Number of passes of a median filter of 3 × 3 pixels over the phasor coordinates.
    cursors : tuple of tuple of float
        Circular cursors, each with the coordinates G and S of its centre and its radius.

    Raises
    ------
    InputError
        If the lifetime of the reference is missing or not positive, or a cursor or the number of passes is
        out of range.

    See Also
    --------
    PhasorRecord : Phasors of a measurement.

    Examples
    --------
    >>> PhasorOptions(cursors=((0.4, 0.4, 0.05),)).medians
    0
    """

    reference: Path | None = None
    reference_tau_ns: float | None = None
    medians: int = 0
    cursors: tuple[tuple[float, float, float], ...] = ()

    def __post_init__(self) -> None:
        if (self.reference is None) != (self.reference_tau_ns is None):
            raise InputError(
                f"reference={self.reference} and reference_tau_ns={self.reference_tau_ns} belong together: "
                "pass a measurement of a reference dye and its lifetime"
            )
        if self.reference_tau_ns is not None and not 0 < self.reference_tau_ns < np.inf:
            raise InputError(f"reference_tau_ns={self.reference_tau_ns} must be finite and > 0 (e.g. 4.0)")
        if not 0 <= self.medians <= MAX_MEDIANS:
            raise InputError(f"phasor_medians={self.medians} must be from 0 to {MAX_MEDIANS}")
        if len(self.cursors) > MAX_CURSORS:
            raise InputError(f"cursors has {len(self.cursors)} items; at most {MAX_CURSORS} can be shown")
        for cursor in self.cursors:
            if not np.isfinite(cursor).all() or not 0 < cursor[2] <= 1:
                shown = ",".join(f"{value:g}" for value in cursor)
                raise InputError(
                    f"cursors={shown} must have G, S and a radius from 0 to 1, e.g. 0.4,0.45,0.05"
                )


@dataclass(frozen=True)
class PhasorRecord:
    """Phasors of the analysed pixels of a measurement, at the frequency of the laser.

    Parameters
    ----------
    real, imag : ndarray of float32, shape (Y, X)
        Coordinates G and S, after calibration, binning and filtering; NaN where a pixel is not analysed.
    intensity : ndarray of float32, shape (Y, X)
        Counts.
    mean : tuple of float
        Phasor of the summed decay of the analysed pixels.
    frequency_mhz : float
        Frequency, in MHz.
    covered : float
        Share of the laser period that the gates cover.
    options : PhasorOptions
        Options.
    source : str
        Name of the measurement.
    calibration : {'reference', 'measured', 'fitted'} or None
        What the phasors are calibrated with: a reference dye, or a response. None: they are not calibrated.

    See Also
    --------
    PhasorOptions : Options.
    phasor_figure : Figure of the record.
    seq2seqlite.results.phasor_record : Function that returns it.
    """

    real: NDArray[np.float32]
    imag: NDArray[np.float32]
    intensity: NDArray[np.float32]
    mean: tuple[float, float]
    frequency_mhz: float
    covered: float
    options: PhasorOptions
    source: str = ""
    calibration: str | None = None

    @property
    def cursor_map(self) -> NDArray[np.float32]:
        """Number of the cursor that contains each pixel (the first of several), from 1; 0 outside of all."""
        from phasorpy.cursor import mask_from_circular_cursor

        found = np.where(np.isfinite(self.real), 0.0, np.nan).astype(np.float32)
        for number in range(len(self.options.cursors), 0, -1):
            real, imag, radius = self.options.cursors[number - 1]
            inside = mask_from_circular_cursor(self.real, self.imag, real, imag, radius=radius)
            found[np.asarray(inside, np.bool_)] = number
        return found

    def maps(self) -> dict[str, NDArray[np.float32]]:
        """Return the maps ``phasor_g`` and ``phasor_s``, and with cursors ``phasor_cursor``."""
        found = {"phasor_g": self.real, "phasor_s": self.imag}
        return found | ({"phasor_cursor": self.cursor_map} if self.options.cursors else {})

    def described(self) -> dict[str, Any]:
        """Return frequency, calibration, mean phasor, its apparent lifetimes and cursors, ready for JSON."""
        from seq2seqlite.estimators.phasor import apparent_lifetimes

        inside = self.cursor_map
        options = self.options
        found: dict[str, Any] = {
            "frequency_mhz": self.frequency_mhz,
            "covered": self.covered,
            "calibration": self.calibration,
            "reference": None if options.reference is None else str(options.reference),
            "reference_tau_ns": options.reference_tau_ns,
            "medians": options.medians,
            "mean": [round(value, 5) for value in self.mean],
        }
        if self.calibration is not None:
            phase, modulation = apparent_lifetimes(*self.mean, window_ns=1e3 / self.frequency_mhz)
            found |= {"phase_tau_ns": _finite(phase), "modulation_tau_ns": _finite(modulation)}
        cursors = [
            {"g": real, "s": imag, "radius": radius, "pixels": int((inside == number).sum())}
            for number, (real, imag, radius) in enumerate(options.cursors, start=1)
        ]
        return found | {"cursors": cursors}


def _finite(value: Any) -> float | None:
    number = float(value)
    return round(number, 5) if np.isfinite(number) else None
