"""Which designs reach a frame rate on a target: a sweep by estimates, whose best synthesis can check."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.design import MAX_ENGINES, Design, DesignOptions, make_design
from seq2seqlite.hardware.implementation import device_share
from seq2seqlite.hardware.resources.calibrated import Estimate, estimate
from seq2seqlite.hardware.targets import Target
from seq2seqlite.integer import Program

__all__ = ["Candidate", "Demand", "best_candidate", "explore"]

STRETCHES = (1.0, 1.5, 2.0)
"""Lengths of a pipeline stage that are tried, in those of the target's usual one."""


@dataclass(frozen=True)
class Demand:
    """What is asked for.

    Parameters
    ----------
    target : Target
        FPGA.
    frame_pixels : int
        Pixels of a frame.
    frames_per_second : float
        Frames a second.
    max_share : float
        Largest share of any resource that a design may take.
    """

    target: Target
    frame_pixels: int
    frames_per_second: float
    max_share: float = 0.8

    def __post_init__(self) -> None:
        if self.frame_pixels < 1 or not self.frames_per_second > 0:
            raise InputError(
                f"a frame of {self.frame_pixels} pixels, {self.frames_per_second} times a second, "
                "is nothing to do; both must be > 0"
            )
        if not 0 < self.max_share <= 1:
            raise InputError(f"max_share={self.max_share} must be above 0 and at most 1")


@dataclass(frozen=True)
class Candidate:
    """A design of the sweep.

    Parameters
    ----------
    design : Design
        Design.
    estimate : Estimate
        What it is expected to take.
    share : dict of float
        That as a share of the device.
    frames_per_second : float
        At its stated clock.
    rmse : float or None
        Total RMSE of the student on its reference set, where its card is known.
    fulfils : bool
        Whether it reaches the frame rate within the share.
    """

    design: Design
    estimate: Estimate
    share: dict[str, float]
    frames_per_second: float
    rmse: float | None
    fulfils: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        design = self.design
        return {
            "model": design.program.name,
            "target": design.target.name,
            "engines": design.options.engines,
            "levels_per_stage": design.options.levels_per_stage,
            "frames_per_second": self.frames_per_second,
            "clock_mhz": design.clock_mhz,
            **asdict(self.estimate),
            "device_share": self.share,
            "ring_slots": design.shape.slots,
            "latency_clocks": design.latency_clocks,
            "rmse_total": self.rmse,
            "fulfils": self.fulfils,
        }


def explore(
    programs: Sequence[Program],
    demand: Demand,
    /,
    *,
    rmse: Mapping[str, float | None],
    progress: Callable[[int, int], None] | None = None,
) -> list[Candidate]:
    """Return designs of every student, schedule and number of engines up to what is needed or fits.

    Parameters
    ----------
    programs : sequence of Program
        Students.
    demand : Demand
        What is asked for.
    rmse : mapping
        Error of each student by name, None where it is not known.
    progress : callable, optional
        Called with kernels built and to build.

    Returns
    -------
    list of Candidate
        Those within the share of the device, student by student; of each schedule, the last may fulfil the
        demand.

    Raises
    ------
    InputError
        If a student has no design.
    """
    found: list[Candidate] = []
    tasks = [(program, stretch) for program in programs for stretch in STRETCHES]
    for done, (program, stretch) in enumerate(tasks):
        levels = demand.target.style.levels_per_stage * stretch
        single = make_design(program, demand.target, DesignOptions(levels_per_stage=levels))
        for engines in range(1, MAX_ENGINES + 1):
            candidate = _candidate(single.with_engines(engines), demand, rmse.get(program.name))
            if max(candidate.share.values()) > demand.max_share:
                break
            found.append(candidate)
            if candidate.fulfils:
                break
        if progress is not None:
            progress(done + 1, len(tasks))
    return found


def best_candidate(candidates: Sequence[Candidate], demand: Demand, /) -> Candidate:
    """Return the most accurate student's smallest design that fulfils a demand.

    Raises
    ------
    InputError
        If there is none; it says how far the fastest gets.
    """
    enough = [candidate for candidate in candidates if candidate.fulfils]
    if enough:
        return min(enough, key=lambda one: (one.rmse is None, one.rmse or 0.0, one.estimate.lut))
    if not candidates:
        raise InputError(
            f"no engine of any student fits {demand.max_share:.0%} of {demand.target.name}; "
            "take a larger target"
        )
    fastest = max(candidates, key=lambda one: one.frames_per_second)
    raise InputError(
        f"no design reaches {demand.frames_per_second:g} frames a second within {demand.max_share:.0%} of "
        f"{demand.target.name}; the fastest, {fastest.design.options.engines} engines of "
        f"{fastest.design.program.name}, reaches {fastest.frames_per_second:.1f}: "
        "ask for fewer, or take a larger target"
    )


def _candidate(design: Design, demand: Demand, rmse: float | None) -> Candidate:
    expected = estimate(design)
    frames = design.frames_per_second(frame_pixels=demand.frame_pixels)
    share = device_share(expected, demand.target)
    fulfils = frames >= demand.frames_per_second and max(share.values()) <= demand.max_share
    return Candidate(design, expected, share, frames, rmse, fulfils)
