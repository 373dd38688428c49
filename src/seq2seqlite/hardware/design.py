"""An FPGA design: one program on one target, with N engines."""

from dataclasses import dataclass, replace
from typing import Literal

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.gateware.parameters import PACKET_CLOCKS, Shape
from seq2seqlite.hardware.kernels import Kernels, build_kernels
from seq2seqlite.hardware.plan import BuildPlan
from seq2seqlite.hardware.targets import LANES, RESULT_WIDTHS, Target
from seq2seqlite.hardware.wire.results import RECORD_BITS
from seq2seqlite.integer import Program

__all__ = ["MAX_ENGINES", "VERILOG_FILES", "Design", "DesignOptions", "make_design"]

MAX_ENGINES = 64
VERILOG_FILES = ("encoder_step.v", "decoder_step.v", "head.v", "engine.v", "top.v")
"""Names of a design's Verilog files."""


@dataclass(frozen=True)
class DesignOptions:
    """Options of a design. Raises `InputError` for an unsupported combination.

    Parameters
    ----------
    engines : int
        Engines side by side behind one stream.
    lanes : int
        Counts a beat of the input; 0 chooses the fewest that keep all engines busy.
    result_width : int
        Width of a beat of the output.
    output : str
        ``"lifetimes"``, reduced on the chip, or the raw ``"sfd"``.
    levels_per_stage : float
        Adder levels in a pipeline stage of the kernels; 0 takes what suits the target.
    """

    engines: int = 1
    lanes: int = 0
    result_width: int = 32
    output: Literal["lifetimes", "sfd"] = "lifetimes"
    levels_per_stage: float = 0.0

    def __post_init__(self) -> None:
        if self.engines not in range(1, MAX_ENGINES + 1):
            raise InputError(f"engines={self.engines} must be between 1 and {MAX_ENGINES}")
        if self.lanes not in (0, *LANES):
            raise InputError(
                f"lanes={self.lanes} must be one of {', '.join(map(str, LANES))}: counts of 16 bits in a beat"
            )
        if self.result_width not in RESULT_WIDTHS:
            raise InputError(
                f"result_width={self.result_width} must be one of {', '.join(map(str, RESULT_WIDTHS))}"
            )
        if self.output not in {"lifetimes", "sfd"}:
            raise InputError(f"output={self.output!r} must be 'lifetimes' or 'sfd'")

    @property
    def input_lanes(self) -> int:
        """Counts a beat: as many as the engines take in a clock, where nothing else is asked for."""
        return self.lanes or next((lanes for lanes in LANES if lanes >= self.engines), LANES[-1])


@dataclass(frozen=True)
class Design:
    """A design, not yet on disk. No attribute starts a tool: :meth:`plan` prepares the Verilog.

    Parameters
    ----------
    program : Program
        Program that the design computes.
    target : Target
        FPGA.
    options : DesignOptions
        Choices.
    kernels : Kernels
        Step kernels.
    shape : Shape
        Widths and lengths of the gateware.
    """

    program: Program
    target: Target
    options: DesignOptions
    kernels: Kernels
    shape: Shape

    def plan(self) -> BuildPlan:
        """Return the build plan: kernels as Verilog, gateware as RTLIL by Amaranth.

        No tool runs before :meth:`~seq2seqlite.hardware.plan.BuildPlan.execute`, which returns the files
        ``VERILOG_FILES``.
        """
        from amaranth.back import rtlil

        from seq2seqlite.hardware.gateware.engine import Engine
        from seq2seqlite.hardware.gateware.top import ENGINE, TOP, Top

        kernels = (self.kernels.encoder, self.kernels.decoder, self.kernels.head)
        top = Top(self.shape, self.options.engines, self.options.result_width)
        files = {f"{kernel.name}.v": kernel.verilog for kernel in kernels}
        files["engine.il"] = rtlil.convert(Engine(self.shape), name=ENGINE, emit_src=False)
        files["top.il"] = rtlil.convert(top, name=TOP, emit_src=False)
        return BuildPlan(files, kept=(ENGINE,))

    def with_engines(self, engines: int, /) -> "Design":
        """Return the same design with another number of engines."""
        options = replace(self.options, engines=engines)
        return replace(self, options=options, shape=replace(self.shape, lanes=options.input_lanes))

    @property
    def clock_mhz(self) -> float:
        """Clock that is stated for it: the target's, slower in proportion where a stage is longer."""
        usual = self.target.style.levels_per_stage
        return self.target.clock_mhz * min(1.0, usual / (self.options.levels_per_stage or usual))

    @property
    def clocks_per_pixel(self) -> float:
        """Clocks for a pixel in the long run: the slowest of engines, input and output."""
        shape, options = self.shape, self.options
        bits = shape.sfd_word_bits if shape.output == "sfd" else RECORD_BITS
        beats = shape.payloads * max(bits, options.result_width) / options.result_width
        # Lifetimes leave a clock between each other.
        pause = 0 if shape.output == "sfd" else 1
        return max(shape.n_gates / options.engines, shape.words, beats + pause, float(PACKET_CLOCKS))

    @property
    def latency_clocks(self) -> int:
        """Clocks from the start of a batch to its first result."""
        from seq2seqlite.hardware.gateware.engine import Engine

        return Engine.latency(self.shape)

    def frames_per_second(self, *, frame_pixels: int, clock_mhz: float | None = None) -> float:
        """Return the frames a second at a clock, the stated one by default."""
        return (clock_mhz or self.clock_mhz) * 1e6 / (self.clocks_per_pixel * frame_pixels)


def make_design(program: Program, target: Target, options: DesignOptions, /) -> Design:
    """Return a design: kernels by da4ml, what surrounds them by Amaranth.

    Parameters
    ----------
    program : Program
        Program that the design computes.
    target : Target
        FPGA.
    options : DesignOptions
        Options.

    Returns
    -------
    Design
        The same for the same program, target and options, byte for byte.

    Raises
    ------
    InputError
        If the program has no such design.
    """
    usual = target.style
    style = replace(
        usual,
        raw_sfd=options.output == "sfd",
        levels_per_stage=options.levels_per_stage or usual.levels_per_stage,
    )
    kernels = build_kernels(program, style)
    shape = Shape(program, kernels.encoder.latency, kernels.head.latency, options.input_lanes, options.output)
    return Design(program, target, options, kernels, shape)
