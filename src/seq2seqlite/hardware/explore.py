"""Design-space exploration: designs that reach a frame rate on a target, by resource estimates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.design import MAX_ENGINES, Design, DesignOptions, make_design
from seq2seqlite.hardware.implementation import device_share
from seq2seqlite.hardware.resources.estimate import Estimate, estimate
from seq2seqlite.hardware.targets import LANES, RESULT_WIDTHS, Target
from seq2seqlite.integer import AnyProgram

__all__ = ["Candidate", "Demand", "best_candidate", "explore"]

STRETCHES = (1.0, 1.5, 2.0)
"""Pipeline stage lengths to explore, relative to the default of the target."""


@dataclass(frozen=True)
class Demand:
    """Requirements of the exploration.

    Parameters
    ----------
    target : Target
        FPGA.
    frame_pixels : int
        Pixels of a frame.
    frames_per_second : float
        Required frame rate.
    max_share : float
        Maximum utilisation of any resource, as a fraction.

    See Also
    --------
    explore : Estimate designs for all students, pipeline stage lengths and numbers of engines.
    """

    target: Target
    frame_pixels: int
    frames_per_second: float
    max_share: float = 0.8

    def __post_init__(self) -> None:
        if self.frame_pixels < 1 or not self.frames_per_second > 0:
            raise InputError(
                f"frame_pixels={self.frame_pixels} and frames_per_second={self.frames_per_second} "
                "must both be > 0"
            )
        if not 0 < self.max_share <= 1:
            raise InputError(f"max_share={self.max_share} must be above 0 and at most 1")


@dataclass(frozen=True)
class Candidate:
    """Candidate design of the exploration.

    Parameters
    ----------
    design : Design
        Design.
    estimate : Estimate
        Estimated resources.
    share : dict of float
        Estimated utilisation of each resource, as a fraction.
    frames_per_second : float
        Frame rate at the nominal clock frequency.
    rmse : float or None
        Total RMSE of the student on its reference set; None if the student has no card.
    over_bound : float or None
        RMSE of the mean lifetime over the Cramér-Rao bound; None if it is unknown.
    fulfils : bool
        Whether the design meets the requirements.

    See Also
    --------
    explore : Estimate designs for all students, pipeline stage lengths and numbers of engines.
    best_candidate : Return the smallest design of the most accurate student that meets the requirements.
    """

    design: Design
    estimate: Estimate
    share: dict[str, float]
    frames_per_second: float
    rmse: float | None
    over_bound: float | None
    fulfils: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the candidate as a JSON-compatible dictionary."""
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
            "rmse_over_bound": self.over_bound,
            "fulfils": self.fulfils,
        }


def explore(
    programs: Sequence[AnyProgram],
    demand: Demand,
    /,
    *,
    rmse: Mapping[str, float | None],
    over_bound: Mapping[str, float | None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Candidate]:
    """Estimate designs for all students, pipeline stage lengths and numbers of engines.

    The number of engines is increased until the design meets the requirements or exceeds the FPGA. Its input
    and output are as wide as its rate requires.

    Parameters
    ----------
    programs : sequence of Program or DirectProgram
        Students.
    demand : Demand
        Requirements.
    rmse : mapping
        RMSE of each student by name; None if unknown.
    over_bound : mapping, optional
        RMSE over the Cramér-Rao bound of each student by name; None if unknown.
    progress : callable, optional
        Called with the number of finished kernel builds and their total.

    Returns
    -------
    list of Candidate
        Designs within the maximum utilisation, ordered by student. Only the last design of each stage length
        can meet the requirements.

    Raises
    ------
    InputError
        If the kernels do not support a student.

    See Also
    --------
    best_candidate : Return the smallest design of the most accurate student that meets the requirements.
    seq2seqlite.hardware.resources.estimate.estimate :
        Estimate the resources of a design from its kernels and the calibration of the FPGA family.
    """
    found: list[Candidate] = []
    tasks = [(program, stretch) for program in programs for stretch in STRETCHES]
    for done, (program, stretch) in enumerate(tasks):
        levels = demand.target.style.levels_per_stage * stretch
        single = make_design(program, demand.target, DesignOptions(levels_per_stage=levels))
        for engines in range(1, MAX_ENGINES + 1):
            errors = rmse.get(program.name), (over_bound or {}).get(program.name)
            candidate = _candidate(_with_ports(single.with_engines(engines)), demand, *errors)
            if max(candidate.share.values()) > demand.max_share:
                break
            found.append(candidate)
            if candidate.fulfils:
                break
        if progress is not None:
            progress(done + 1, len(tasks))
    return found


def best_candidate(candidates: Sequence[Candidate], demand: Demand, /) -> Candidate:
    """Return the smallest design of the most accurate student that meets the requirements.

    Students are compared by their RMSE over the bound if it is known for all of them, otherwise by their
    RMSE.

    Raises
    ------
    InputError
        If no design meets the requirements. The message contains the fastest design.

    See Also
    --------
    explore : Estimate designs for all students, pipeline stage lengths and numbers of engines.
    Demand : Requirements of the exploration.
    """
    enough = [candidate for candidate in candidates if candidate.fulfils]
    if enough:
        by_bound = all(one.over_bound is not None for one in enough)

        def rank(one: Candidate) -> tuple[bool, float, int]:
            error = one.over_bound if by_bound else one.rmse
            return error is None, error or 0.0, one.estimate.lut

        return min(enough, key=rank)
    if not candidates:
        raise InputError(
            f"no engine of any student fits {demand.max_share:.0%} of {demand.target.name}; "
            "use a larger target"
        )
    fastest = max(candidates, key=lambda one: one.frames_per_second)
    raise InputError(
        f"no design reaches {demand.frames_per_second:g} frames per second within {demand.max_share:.0%} of "
        f"{demand.target.name}; the fastest, {fastest.design.options.engines} engines of "
        f"{fastest.design.program.name}, reaches {fastest.frames_per_second:.1f}: "
        "reduce frames_per_second or use a larger target"
    )


def _with_ports(design: Design) -> Design:
    """Return a design with the narrowest input and output that do not limit its rate."""
    widths = [width for width in RESULT_WIDTHS if design.shape.record_bits % width == 0]
    designs = [design.with_ports(*ports) for ports in product(LANES, widths)]
    return min(designs, key=lambda one: (one.clocks_per_pixel, one.options.lanes, one.options.result_width))


def _candidate(design: Design, demand: Demand, rmse: float | None, over_bound: float | None) -> Candidate:
    expected = estimate(design)
    frames = design.frames_per_second(frame_pixels=demand.frame_pixels)
    share = device_share(expected, demand.target)
    fulfils = frames >= demand.frames_per_second and max(share.values()) <= demand.max_share
    return Candidate(design, expected, share, frames, rmse, over_bound, fulfils)
