"""An FPGA design: one program on one target, with N engines."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.gateware.parameters import ENGINE, TOP, Shape, input_clocks
from seq2seqlite.hardware.kernels import Kernels, build_kernels
from seq2seqlite.hardware.plan import BuildPlan, with_port_order
from seq2seqlite.hardware.targets import LANES, RESULT_WIDTHS, Target
from seq2seqlite.hardware.wire.link_packets import COUNT_WIDTHS
from seq2seqlite.hardware.wire.results import DIRECT_RECORD_BITS, check_lifetime_codes
from seq2seqlite.integer import COUNT_BITS, MAX_BANK, AnyProgram, DirectProgram

__all__ = ["MAX_ENGINES", "Design", "DesignOptions", "make_design", "make_shape", "verilog_files"]

MAX_ENGINES = 64


def verilog_files(program: AnyProgram, /) -> tuple[str, ...]:
    """Return the names of the Verilog files of a design.

    See Also
    --------
    Design.plan : Build plan that produces them.
    """
    kernels = (
        ("encoder_step",) if isinstance(program, DirectProgram) else ("encoder_step", "decoder_step", "head")
    )
    return tuple(f"{name}.v" for name in (*kernels, "engine", "top"))


@dataclass(frozen=True)
class DesignOptions:
    """Options of a design. Raises `InputError` for an unsupported combination.

    Parameters
    ----------
    engines : int
        Number of parallel engines behind one stream.
    lanes : int
        Counts per input beat; 0 selects the smallest number with which a packet has no more beats than all
        engines together take clock cycles for a pixel.
    result_width : int
        Width of an output beat in bits.
    output : str
        ``"lifetimes"``, computed on the FPGA, or the raw ``"sfd"``.
    levels_per_stage : float
        Adder levels per pipeline stage of the kernels; 0 selects the default of the target.
    responses : int
        Responses that the bank of each engine holds, for programs that get the response.
    prefix : str
        Prefix of the names of all modules, so that several designs fit into one FPGA.
    count_bits : int
        Width of a count at the input, 8 or 16. Counts of 8 bits halve the data rate of the input.
    sequence_numbers : bool
        Whether packets have a sequence number, by which the design finds those that are missing.

    See Also
    --------
    make_design : Build a design: compile the kernels, and derive the parameters of the gateware.
    """

    engines: int = 1
    lanes: int = 0
    result_width: int = 32
    output: Literal["lifetimes", "sfd"] = "lifetimes"
    levels_per_stage: float = 0.0
    responses: int = MAX_BANK
    prefix: str = ""
    count_bits: int = COUNT_BITS
    sequence_numbers: bool = False

    def __post_init__(self) -> None:
        if self.engines not in range(1, MAX_ENGINES + 1):
            raise InputError(f"engines={self.engines} must be between 1 and {MAX_ENGINES}")
        if self.lanes not in (0, *LANES):
            raise InputError(
                f"lanes={self.lanes} must be one of {', '.join(map(str, LANES))}, or 0 for the default"
            )
        if self.result_width not in RESULT_WIDTHS:
            raise InputError(
                f"result_width={self.result_width} must be one of {', '.join(map(str, RESULT_WIDTHS))}"
            )
        if self.responses not in range(1, MAX_BANK + 1):
            raise InputError(f"responses={self.responses} must be between 1 and {MAX_BANK}")
        if not re.fullmatch(r"([A-Za-z_]\w{0,39})?", str(self.prefix), re.ASCII):
            raise InputError(
                f"prefix={self.prefix!r} must be at most 40 letters, digits and underscores, and not start "
                "with a digit"
            )
        if self.count_bits not in COUNT_WIDTHS:
            raise InputError(
                f"count_bits={self.count_bits} must be one of {', '.join(map(str, COUNT_WIDTHS))}"
            )
        if not isinstance(self.sequence_numbers, bool):
            raise InputError(f"sequence_numbers={self.sequence_numbers!r} must be true or false")
        if self.output not in {"lifetimes", "sfd"}:
            raise InputError(f"output={self.output!r} must be 'lifetimes' or 'sfd'")

    @property
    def top(self) -> str:
        """Name of the top-level module."""
        return self.prefix + TOP

    @property
    def engine(self) -> str:
        """Name of the module of an engine."""
        return self.prefix + ENGINE

    def input_lanes(self, n_gates: int, /) -> int:
        """Return the counts per input beat of a design for pixels of ``n_gates``."""
        enough = (lanes for lanes in LANES if -(-n_gates // lanes) * self.engines <= n_gates)
        return self.lanes or next(enough, LANES[-1])


@dataclass(frozen=True)
class Design:
    """FPGA design in memory. No attribute starts a tool; :meth:`plan` prepares the Verilog.

    Parameters
    ----------
    program : Program
        Program that the design computes.
    target : Target
        FPGA.
    options : DesignOptions
        Options of the design.
    kernels : Kernels
        Step kernels.
    shape : Shape
        Parameters of the gateware.

    See Also
    --------
    make_design : Build a design: compile the kernels, and derive the parameters of the gateware.
    seq2seqlite.hardware.project.write_project : Write the project of a design.
    """

    program: AnyProgram
    target: Target
    options: DesignOptions
    kernels: Kernels
    shape: Shape

    def plan(self) -> BuildPlan:
        """Return the build plan: kernels as Verilog, gateware as RTLIL by Amaranth.

        No tool runs before :meth:`~seq2seqlite.hardware.plan.BuildPlan.execute`, which returns the files
        :func:`verilog_files`.
        """
        from amaranth.back import rtlil

        from seq2seqlite.hardware.gateware.engine import Engine
        from seq2seqlite.hardware.gateware.top import PORT_GROUPS, Top, top_ports

        options = self.options
        top = Top(self.shape, options.engines, options.result_width)
        ports = top_ports(self.shape, options.result_width)
        files = {
            f"{kernel.name}.v": kernel.verilog.replace(
                f"module {kernel.name} ", f"module {options.prefix}{kernel.name} ", 1
            )
            for kernel in self.kernels.all
        }
        files["engine.il"] = rtlil.convert(Engine(self.shape), name=options.engine, emit_src=False)
        converted = rtlil.convert(top, name=options.top, emit_src=False)
        files["top.il"] = with_port_order(converted, options.top, ports)
        return BuildPlan(files, kept=(options.engine,), headings=PORT_GROUPS)

    def with_engines(self, engines: int, /) -> "Design":
        """Return the same design with another number of engines."""
        return self._with_options(engines=engines)

    def with_ports(self, lanes: int, result_width: int, /) -> "Design":
        """Return the same design with other widths of input and output."""
        return self._with_options(lanes=lanes, result_width=result_width)

    def _with_options(self, **changes: int) -> "Design":
        options = replace(self.options, **changes)  # type: ignore[arg-type]
        lanes = options.input_lanes(self.shape.n_gates)
        return replace(self, options=options, shape=replace(self.shape, lanes=lanes))

    @property
    def clock_mhz(self) -> float:
        """Nominal clock frequency: that of the target, reduced in proportion to the length of a stage."""
        default = self.target.style.levels_per_stage
        return self.target.clock_mhz * min(1.0, default / (self.options.levels_per_stage or default))

    @property
    def clocks_per_pixel(self) -> float:
        """Clock cycles per pixel in the steady state, limited by the engines, the input or the output."""
        shape, options = self.shape, self.options
        beats = shape.payloads * shape.record_beats(options.result_width)
        return max(input_clocks(shape, options.engines), float(beats))

    @property
    def latency_clocks(self) -> int:
        """Latency from the start of a batch to its first result, in clock cycles."""
        from seq2seqlite.hardware.gateware.engine import Engine

        return Engine.latency(self.shape)

    def frames_per_second(self, *, frame_pixels: int, clock_mhz: float | None = None) -> float:
        """Return the frame rate in frames per second; ``clock_mhz`` defaults to the nominal frequency."""
        return (clock_mhz or self.clock_mhz) * 1e6 / (self.clocks_per_pixel * frame_pixels)


def make_design(program: AnyProgram, target: Target, options: DesignOptions, /) -> Design:
    """Build a design: compile the kernels, and derive the parameters of the gateware.

    Parameters
    ----------
    program : Program or DirectProgram
        Program that the design computes.
    target : Target
        FPGA.
    options : DesignOptions
        Options.

    Returns
    -------
    Design
        Byte-identical for the same program, target and options.

    Raises
    ------
    InputError
        If the kernels or the records of results do not support the program, or the options do not fit it.

    See Also
    --------
    DesignOptions : Options of a design.
    seq2seqlite.hardware.project.write_project : Write the project of a design.
    seq2seqlite.integer.lower : Return the integer program of a student.
    """
    default = target.style
    style = replace(
        default,
        raw_sfd=options.output == "sfd",
        levels_per_stage=options.levels_per_stage or default.levels_per_stage,
    )
    if isinstance(program, DirectProgram) or program.errors is not None:
        _check_records(program, options)
    kernels = build_kernels(program, style)
    head_latency = 0 if kernels.head is None else kernels.head.latency
    return Design(
        program, target, options, kernels, make_shape(program, options, kernels.encoder.latency, head_latency)
    )


def make_shape(program: AnyProgram, options: DesignOptions, slots: int, head_latency: int, /) -> Shape:
    """Return the parameters of the gateware of a design.

    Parameters
    ----------
    program : Program or DirectProgram
        Program.
    options : DesignOptions
        Options.
    slots, head_latency : int
        Latencies of the step kernels and of the head kernel, in clock cycles.

    See Also
    --------
    make_design : Build a design.
    """
    return Shape(
        program,
        slots,
        head_latency,
        options.input_lanes(program.n_gates),
        options.output,
        options.responses if program.n_columns else 0,
        options.prefix,
        options.count_bits,
        options.sequence_numbers,
    )


def _check_records(program: AnyProgram, options: DesignOptions) -> None:
    """Check the options of a design whose records have standard errors."""
    direct = isinstance(program, DirectProgram)
    kind = "a direct program" if direct else "a program with standard errors"
    if options.output != "lifetimes":
        why = "it has no SFD" if direct else "raw SFDs have none"
        raise InputError(f"output={options.output!r} of {kind} must be 'lifetimes'; {why}")
    if DIRECT_RECORD_BITS % options.result_width:
        widths = ", ".join(str(width) for width in RESULT_WIDTHS if DIRECT_RECORD_BITS % width == 0)
        raise InputError(
            f"result_width={options.result_width} must be one of {widths} for {kind}, whose "
            f"records have {DIRECT_RECORD_BITS} bits"
        )
    if isinstance(program, DirectProgram):
        check_lifetime_codes(program)
