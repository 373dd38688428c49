"""A design: one program, one target, so many engines, as Verilog."""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.gateware.shape import PACKET_CLOCKS, Shape
from seq2seqlite.hardware.kernels import Kernels, build_kernels
from seq2seqlite.hardware.records import RECORD_BITS
from seq2seqlite.hardware.targets import LANES, RESULT_WIDTHS, Target
from seq2seqlite.integer import Program

__all__ = ["MAX_ENGINES", "VERILOG_FILES", "Design", "DesignOptions", "make_design"]

MAX_ENGINES = 64
VERILOG_FILES = ("encoder_step.v", "decoder_step.v", "head.v", "engine.v", "top.v")
"""Names of :attr:`Design.verilog`."""


@dataclass(frozen=True)
class DesignOptions:
    """Choices for a design; InputError of one that does not exist.

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
    """A design, not yet on disk.

    Parameters
    ----------
    program : Program
        What it computes.
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

    @cached_property
    def verilog(self) -> dict[str, str]:
        """Text by file name: ``top.v``, ``engine.v`` and the kernels."""
        kernels = (self.kernels.encoder, self.kernels.decoder, self.kernels.head)
        return {f"{kernel.name}.v": kernel.verilog for kernel in kernels} | _gateware(
            self.shape, self.options
        )

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
        What it computes.
    target : Target
        FPGA.
    options : DesignOptions
        Choices.

    Returns
    -------
    Design
        The same for the same program, target and options, byte for byte.

    Raises
    ------
    InputError
        If the program has no such design.
    ToolError
        If Yosys is missing, once its Verilog is asked for.
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


def _gateware(shape: Shape, options: DesignOptions) -> dict[str, str]:
    from amaranth.back import rtlil

    from seq2seqlite.hardware.gateware.engine import Engine
    from seq2seqlite.hardware.gateware.top import ENGINE, TOP, Top
    from seq2seqlite.hardware.tools.yosys import verilog_from_rtlil

    top = Top(shape, options.engines, options.result_width)
    engine = verilog_from_rtlil(rtlil.convert(Engine(shape), name=ENGINE, emit_src=False))
    return {
        "engine.v": _with_copies(_kept(engine, ENGINE)),
        "top.v": verilog_from_rtlil(rtlil.convert(top, name=TOP, emit_src=False)),
    }


def _with_copies(verilog: str) -> str:
    """Mark registers that share the loads of one, so that synthesis does not make one of them again.

    Amaranth gives the attribute to the signal; Yosys looks for it at the flip-flop, made of the block.
    """
    kept = re.findall(r"\(\* keep = \S+ \*\)\s+reg (?:\[\S+\] )?(\w+)", verilog)
    blocks = re.compile(rf"^( *)(always @\(posedge \S+\)\s+(?:{'|'.join(kept)}) <= )", re.MULTILINE)
    return blocks.sub(r"\1(* keep *) \2", verilog) if kept else verilog


def _kept(verilog: str, module: str) -> str:
    """Mark a module as one that synthesis must not dissolve: it is then done once for all its instances."""
    return verilog.replace(f"\nmodule {module}(", f"\n(* keep_hierarchy *)\nmodule {module}(", 1)
