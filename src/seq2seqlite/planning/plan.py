"""Photons, speed and precision of the designs of an acquisition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import Decay
from seq2seqlite.errors import InputError
from seq2seqlite.planning.designs import Design
from seq2seqlite.planning.information import GateInformation, MeanError, gate_information
from seq2seqlite.simulation.instrument import Instrument

__all__ = ["AcquisitionPlan", "PlannedDesign", "plan_designs"]

# Brightness of one-bit frames, relative to the brightest that is allowed. Below, counts are Poisson.
GRID = np.geomspace(1e-4, 1, 81)

# With larger relative errors the bound says little: lifetimes then are not distributed normally.
MAX_ERROR = 0.3


@dataclass(frozen=True)
class PlannedDesign:
    """Photons, speed and precision of one design.

    Parameters
    ----------
    design : Design
        Gates, gate length and bits.
    photons : float
        Expected photons in all gates, background included, before saturation.
    incident_photons : float
        Photons that reach the pixel during the whole acquisition, also while no gate is open.
    precision : float
        Smallest relative standard error of the mean lifetime, of the lifetime for which it is largest.
    reached : bool
        Whether this is at most the required precision.
    occupancy : float or None
        Share of one-bit frames with a count, in the brightest gate.
    photons_per_second : float or None
        Rate of the photons that reach the pixel, if the camera or the user determines the time.
    frames_per_second : float or None
        Lifetime maps per second.
    precision_same_photons : float
        Precision with as many photons in the gates as the first design has.
    precision_same_time : float
        Precision with as many photons at the pixel as for the first design: for equal acquisition time and
        equal illumination.

    See Also
    --------
    AcquisitionPlan : All designs of a plan.
    """

    design: Design
    photons: float
    incident_photons: float
    precision: float
    reached: bool
    occupancy: float | None
    photons_per_second: float | None
    frames_per_second: float | None
    precision_same_photons: float = np.nan
    precision_same_time: float = np.nan

    def row(self) -> dict[str, Any]:
        """Return the numbers under the keys of the JSON file, without those of other designs."""
        values = {**asdict(self.design), "binary_frames": self.design.binary_frames}
        return values | {key: value for key, value in vars(self).items() if key != "design"}


@dataclass(frozen=True)
class AcquisitionPlan:
    """Designs of an acquisition with their photons, speed and precision.

    Parameters
    ----------
    designs : tuple of PlannedDesign
        Designs; the first is the instrument with all its gates.
    precision : float
        Required relative standard error of the mean lifetime.
    settings : mapping
        Instrument, lifetimes and options.

    See Also
    --------
    seq2seqlite.plan_acquisition : Plan an acquisition; the command ``plan``.
    """

    designs: tuple[PlannedDesign, ...]
    precision: float
    settings: Mapping[str, Any]

    @cached_property
    def best(self) -> tuple[PlannedDesign, ...]:
        """Designs for which no other one is as good in both exposures and light; the first design too.

        Exposures are one-bit frames, or gates for detectors without them. Light is the photon rate that a
        design requires, or without a rate its photons at the pixel. With a fixed rate, the precision is
        compared.
        """
        fixed = self.settings.get("photons_per_second") is not None
        kept = [self.designs[0]]
        lowest = np.inf
        for planned in sorted(self.designs, key=lambda one: (_exposures(one), _cost(one, fixed=fixed))):
            cost = _cost(planned, fixed=fixed)
            listed = planned.reached or (fixed and planned.precision < MAX_ERROR)
            if listed and cost < lowest * (1 - 1e-9):
                lowest = cost
                kept.append(planned)
        return tuple(dict.fromkeys(kept))

    def rows(self) -> list[dict[str, Any]]:
        """Return all designs as dictionaries; ``best`` marks those of :attr:`best`."""
        best = {id(planned) for planned in self.best}
        return [{**planned.row(), "best": id(planned) in best} for planned in self.designs]


def plan_designs(
    instrument: Instrument,
    samples: Sequence[Decay],
    designs: Sequence[Design],
    /,
    *,
    precision: float,
    background: float,
    gate_by_gate: bool,
    binary_frames_per_second: float | None = None,
    photons_per_second: float | None = None,
    max_occupancy: float = 0.8,
) -> tuple[PlannedDesign, ...]:
    """Return photons, speed and precision of designs.

    Parameters
    ----------
    instrument : Instrument
        Instrument.
    samples : sequence of Decay
        Decays; each design is planned for the decay with the largest relative error.
    designs : sequence of Design
        Designs; the comparison at equal photons and at equal time refers to the first.
    precision : float
        Required relative standard error of the mean lifetime, e.g. 0.05.
    background : float
        Share of the photons that reach the pixel at any time of the laser period.
    gate_by_gate : bool
        Whether each gate has an exposure of its own; photons outside the gate are then lost.
    binary_frames_per_second : float, optional
        One-bit frames per second of the camera.
    photons_per_second : float, optional
        Photons that reach the pixel in a second; default: as many as each design needs.
    max_occupancy : float
        Largest share of one-bit frames with a count, in the brightest gate, if the brightness is free.

    Returns
    -------
    tuple of PlannedDesign

    Raises
    ------
    InputError
        If a number is out of range.

    See Also
    --------
    instrument_designs : Return the designs of an instrument.
    """
    _check(precision, background, binary_frames_per_second, photons_per_second, max_occupancy)
    curves = _Curves(instrument, samples, background=background, gate_by_gate=gate_by_gate)
    found = [
        _planned(
            design,
            curves,
            precision=precision,
            frame_rate=binary_frames_per_second,
            photon_rate=photons_per_second,
            max_mean=-np.log1p(-max_occupancy),
        )
        for design in designs
    ]
    return tuple(_compared(found, curves))


class _Curves:
    """Fisher information of all samples, by gate length and number of summed gates."""

    def __init__(
        self, instrument: Instrument, samples: Sequence[Decay], *, background: float, gate_by_gate: bool
    ) -> None:
        self.instrument, self.samples = instrument, samples
        self.background, self.gate_by_gate = background, gate_by_gate
        self._known: dict[Any, list[GateInformation]] = {}
        self._grids: dict[Any, list[MeanError]] = {}

    def of(self, design: Design) -> tuple[list[GateInformation], slice]:
        """Return the information of all samples, and the gates of the design."""
        if self.gate_by_gate:
            return self._computed(self.instrument, design.gate_length_ns, design.gate_length_ns), design.gates
        merged = replace(self.instrument, axis=design.axis(self.instrument))
        return self._computed(merged, None, design.every), slice(None)

    def _computed(self, instrument: Instrument, length: float | None, key: Any) -> list[GateInformation]:
        if key not in self._known:
            self._known[key] = [
                gate_information(instrument, sample, background=self.background, gate_length_ns=length)
                for sample in self.samples
            ]
        return self._known[key]

    def errors(self, design: Design, photons: NDArray[np.float64]) -> list[MeanError]:
        """Return the errors of the samples for photons at the pixel in one exposure of a gate."""
        information, gates = self.of(design)
        one_bit = design.bits is not None
        return [each.mean_error(photons, gates=gates, one_bit=one_bit) for each in information]

    def grid(self, design: Design, brightest: float) -> NDArray[np.float64]:
        """Return the largest error of the samples at ``GRID`` times ``brightest``."""
        key = (design.n_gates, design.first_gate, design.every, design.gate_length_ns)
        if key not in self._grids:  # the same for all numbers of bits
            self._grids[key] = self.errors(design, brightest * GRID)
        return _worst(self._grids[key], design.frames_per_gate)

    def detected(self, design: Design) -> NDArray[np.float64]:
        """Return photons in all gates for one photon at the pixel per exposure, for each sample."""
        information, gates = self.of(design)
        return np.array([each.counts[gates].sum() for each in information])

    def brightest(self, design: Design) -> float:
        """Return the largest probability of a photon to be within a gate, of all gates and samples."""
        information, gates = self.of(design)
        return max(float(each.counts[gates].max()) for each in information)


def _planned(
    design: Design,
    curves: _Curves,
    *,
    precision: float,
    frame_rate: float | None,
    photon_rate: float | None,
    max_mean: float,
) -> PlannedDesign:
    """Return the plan of one design."""
    n_exposures = design.frames_per_gate * (design.n_gates if curves.gate_by_gate else 1)
    if design.bits is None:
        light = _needed_exposures(curves.errors(design, np.ones(1)), precision)
    elif photon_rate is not None and frame_rate is not None:
        light = photon_rate / frame_rate
    else:
        light = _needed_light(design, curves, precision, max_mean)
    every = [each.after(design.frames_per_gate)[0] for each in curves.errors(design, np.array([light]))]
    worst = int(np.argmax(every))
    seconds = None
    if design.bits is not None and frame_rate is not None:
        seconds = n_exposures / frame_rate
    elif photon_rate is not None:
        seconds = n_exposures * light / photon_rate
    return PlannedDesign(
        design=design,
        photons=float(curves.detected(design)[worst] * light * design.frames_per_gate),
        incident_photons=n_exposures * light,
        precision=float(every[worst]),
        reached=bool(every[worst] <= precision * (1 + 1e-3)),
        occupancy=None if design.bits is None else float(-np.expm1(-light * curves.brightest(design))),
        photons_per_second=None if seconds is None else n_exposures * light / seconds,
        frames_per_second=None if seconds is None else 1 / seconds,
    )


def _needed_light(design: Design, curves: _Curves, precision: float, max_mean: float) -> float:
    """Return the photons at the pixel per one-bit frame for a precision, or as near as possible to it."""
    limit = max_mean / curves.brightest(design)
    errors = curves.grid(design, limit)
    enough = np.flatnonzero(errors <= precision)
    if not enough.size:
        return float(limit * GRID[np.argmin(errors)])
    first = int(enough[0])
    if first == 0:  # Poisson noise
        one = curves.errors(design, np.array([limit * GRID[0]]))
        return float(limit * GRID[0] * _needed_exposures(one, precision) / design.frames_per_gate)
    place = np.log(errors[first - 1] / precision) / np.log(errors[first - 1] / errors[first])
    return float(limit * GRID[first - 1] * (GRID[first] / GRID[first - 1]) ** place)


def _compared(found: Sequence[PlannedDesign], curves: _Curves) -> Iterator[PlannedDesign]:
    """Yield the designs with their precision at the time and at the photons of the first."""
    reference = found[0]
    for planned in found:
        design = planned.design
        # Equal illumination: as many photons at the pixel in each one-bit frame as for the first design.
        light = _light(planned if design.bits is None else reference, curves)
        n_gates = design.n_gates if curves.gate_by_gate else 1
        same_time = curves.errors(design, np.array([light]))
        same_photons = curves.errors(design, np.array([_light(planned, curves)]))
        more = reference.photons / planned.photons
        yield replace(
            planned,
            precision_same_photons=float(_worst(same_photons, design.frames_per_gate * more)[0]),
            precision_same_time=float(_worst(same_time, reference.incident_photons / (light * n_gates))[0]),
        )


def _worst(errors: Sequence[MeanError], n_exposures: float) -> NDArray[np.float64]:
    return np.asarray(np.max([each.after(n_exposures) for each in errors], axis=0))


def _needed_exposures(errors: Sequence[MeanError], precision: float) -> float:
    """Return the number of exposures, not always an integer, after which the largest error is the precision.

    Bisection: the error falls with the number of exposures, but not exactly with its square root.
    """
    high = float(_worst(errors, 1e9)[0] ** 2 * 1e9 / precision**2)  # background known
    low = high / 4
    if not np.isfinite(high):
        return np.nan
    for _ in range(40):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if _worst(errors, middle)[0] > precision else (low, middle)
    return high


def _light(planned: PlannedDesign, curves: _Curves) -> float:
    """Return the photons at the pixel per exposure."""
    n_gates = planned.design.n_gates if curves.gate_by_gate else 1
    return planned.incident_photons / (n_gates * planned.design.frames_per_gate)


def _exposures(planned: PlannedDesign) -> int:
    return planned.design.binary_frames or planned.design.n_gates


def _cost(planned: PlannedDesign, *, fixed: bool) -> float:
    if fixed and planned.design.bits is not None:
        return planned.precision
    if planned.design.bits is None or planned.photons_per_second is None:
        return planned.incident_photons
    return planned.photons_per_second


def _check(
    precision: float,
    background: float,
    frame_rate: float | None,
    photon_rate: float | None,
    max_occupancy: float,
) -> None:
    if not 0 < precision < 1:
        raise InputError(f"precision={precision:g} must be > 0 and < 1 (e.g. 0.05 for 5 %)")
    if not 0 <= background < 1:
        raise InputError(f"background={background:g} must be >= 0 and < 1 (e.g. 0.02)")
    if not 0 < max_occupancy < 1:
        raise InputError(f"max_occupancy={max_occupancy:g} must be > 0 and < 1 (e.g. 0.8)")
    for name, value in (("binary_frames_per_second", frame_rate), ("photons_per_second", photon_rate)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InputError(f"{name}={value:g} must be finite and > 0 (e.g. 88000)")
