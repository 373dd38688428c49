"""Compilation of the three kernels of a program for an FPGA family."""

from collections.abc import Sequence
from dataclasses import dataclass

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.kernels.delay_lines import delay_lines
from seq2seqlite.hardware.kernels.duplicate import registers_shared_out
from seq2seqlite.hardware.kernels.graph import Graph, Kind
from seq2seqlite.hardware.kernels.lower import Multipliers, head_graph, step_graph
from seq2seqlite.hardware.kernels.schedule import fewest_stages, schedule
from seq2seqlite.hardware.kernels.verilog import verilog
from seq2seqlite.integer import AnyProgram, DirectProgram, EncoderProgram

__all__ = ["Kernel", "KernelStyle", "Kernels", "build_encoder", "build_kernels"]


@dataclass(frozen=True)
class KernelStyle:
    """Compiler options that suit an FPGA family.

    Parameters
    ----------
    multipliers : str
        ``"dsp"``: one DSP block per multiplication; ``"shift-add"``: AND gates and adders.
    levels_per_stage : float
        Logic levels per pipeline stage, in delays of one adder with its routing.
    max_duplicates : int
        Maximum number of registers that hold the same value in a stage.
    max_fanout : int
        Fan-out at which a register is duplicated.
    direct_fanout : int
        Fan-out above which a shared sum gets a pipeline stage for routing; 0: never.
    delay_line : int
        Stages from which a value that waits is in distributed memory instead of registers, 3 or more;
        0: never.
    raw_sfd : bool
        Whether the head outputs the total in addition to the short and the long component. Lifetimes do not
        need it.

    See Also
    --------
    build_kernels : Compile the kernels of a program.
    """

    multipliers: Multipliers = "dsp"
    levels_per_stage: float = 2.0
    max_duplicates: int = 2
    max_fanout: int = 4
    direct_fanout: int = 0
    delay_line: int = 0
    raw_sfd: bool = False

    def __post_init__(self) -> None:
        if self.multipliers not in {"dsp", "shift-add"}:
            raise InputError(f"multipliers={self.multipliers!r} is unknown; choose dsp or shift-add")
        if not 1 <= self.levels_per_stage <= 64:
            raise InputError(
                f"levels_per_stage={self.levels_per_stage} must be 1 to 64; 1 is one adder per stage"
            )
        if not 1 <= self.max_duplicates <= 64:
            raise InputError(
                f"max_duplicates={self.max_duplicates} must be 1 to 64; 1 disables register duplication"
            )
        if self.max_fanout < 1:
            raise InputError(f"max_fanout={self.max_fanout} must be 1 or more")
        if self.direct_fanout < 0:
            raise InputError(f"direct_fanout={self.direct_fanout} must be 0 or more; 0 is unlimited")
        if self.delay_line != 0 and self.delay_line < 3:
            raise InputError(f"delay_line={self.delay_line} must be 3 or more, or 0 for registers only")

    @property
    def channels(self) -> tuple[int, ...]:
        """Outputs of the head: 0 total, 1 short, 2 long."""
        return (0, 1, 2) if self.raw_sfd else (1, 2)


@dataclass(frozen=True)
class Kernel:
    """Compiled kernel: one Verilog module.

    Parameters
    ----------
    name : str
        Name of the module.
    verilog : str
        Verilog source.
    latency : int
        Latency from ``d`` to ``q`` in clock cycles, including input and output registers.
    input_bits, output_bits : int
        Widths of ``d`` and ``q``.
    register_bits : int
        Number of flip-flops, including duplicated registers.
    adder_bits : int
        Total width of all adders, close to the number of LUTs on an FPGA with carry chains.
    multipliers : int
        Number of multiplications in DSP blocks.
    memory_luts : int
        Number of LUTs of delay lines in distributed memory.

    See Also
    --------
    Kernels : Compiled kernels of a program.
    seq2seqlite.hardware.cosim.kernel.compile_kernel : Compile the simulation of a kernel.
    """

    name: str
    verilog: str
    latency: int
    input_bits: int
    output_bits: int
    register_bits: int
    adder_bits: int
    multipliers: int
    memory_luts: int = 0


@dataclass(frozen=True)
class Kernels:
    """Compiled kernels of a program.

    Parameters
    ----------
    encoder, decoder : Kernel
        ``encoder_step`` and ``decoder_step``, which have the same latency.
    head : Kernel
        ``head``. A direct program has neither this nor a decoder: both are None.

    See Also
    --------
    build_kernels : Compile the kernels of a program.
    """

    encoder: Kernel
    decoder: Kernel | None = None
    head: Kernel | None = None

    @property
    def all(self) -> tuple[Kernel, ...]:
        """The kernels that the program has."""
        return tuple(kernel for kernel in (self.encoder, self.decoder, self.head) if kernel is not None)


def build_kernels(program: AnyProgram, style: KernelStyle, /) -> Kernels:
    """Compile the kernels of a program.

    Parameters
    ----------
    program : Program or DirectProgram
        Program to compile.
    style : KernelStyle
        Compiler options.

    Returns
    -------
    Kernels
        Byte-identical for the same program and style.

    Raises
    ------
    InputError
        If the write-back of the program is not ``round``.

    See Also
    --------
    seq2seqlite.hardware.kernels.schedule.schedule : Assign the nodes of a graph to pipeline stages.
    seq2seqlite.hardware.design.make_design :
        Build a design: compile the kernels, and derive the parameters of the gateware.

    Examples
    --------
    >>> from seq2seqlite.integer import load_program
    >>> kernels = build_kernels(load_program("seq2seqlite-tcspc-80mhz-tiny"), KernelStyle())
    >>> kernels.encoder.input_bits, kernels.encoder.output_bits, kernels.head.output_bits
    (72, 64, 16)
    >>> kernels.encoder.latency == kernels.decoder.latency
    True
    """
    if isinstance(program, DirectProgram):
        return Kernels(build_encoder(program, style))
    formats, units = program.formats, program.units
    encoder = step_graph(program, "encoder", style.multipliers)
    decoder = step_graph(program, "decoder", style.multipliers)
    head = head_graph(program, style.channels)
    # Both rings have the same length. The scheduler places the spare stages of the shorter kernel where they
    # need the fewest register bits.
    timing = style.levels_per_stage, style.direct_fanout
    stages = max(fewest_stages(graph, *timing) for graph in (encoder, decoder))
    bits = formats.state.bits
    state = [bits] * units
    shortest = fewest_stages(head, *timing)
    return Kernels(
        _kernel("encoder_step", encoder, style, stages, (_encoder_inputs(program), bits)),
        _kernel("decoder_step", decoder, style, stages, (state, bits)),
        _kernel("head", head, style, shortest, (state, formats.output.bits)),
    )


def build_encoder(program: EncoderProgram, style: KernelStyle, /) -> Kernel:
    """Compile the encoder step alone, of any program.

    Parameters
    ----------
    program : EncoderProgram
        Program to compile.
    style : KernelStyle
        Compiler options.

    Returns
    -------
    Kernel
        ``encoder_step``, with the fewest stages. Its inputs are the state, the input code and the codes of
        the response.

    See Also
    --------
    build_kernels : Compile all kernels of a program with a decoder.
    """
    graph, formats = step_graph(program, "encoder", style.multipliers), program.formats
    stages = fewest_stages(graph, style.levels_per_stage, style.direct_fanout)
    return _kernel("encoder_step", graph, style, stages, (_encoder_inputs(program), formats.state.bits))


def _encoder_inputs(program: EncoderProgram) -> list[int]:
    """Return the widths of the inputs of the encoder step: state, input code, and codes of the response."""
    formats = program.formats
    response = [] if formats.response is None else [formats.response.bits] * program.n_columns
    return [*[formats.state.bits] * program.units, formats.input.bits, *response]


def _kernel(
    name: str, graph: Graph, style: KernelStyle, stages: int, widths: tuple[Sequence[int], int]
) -> Kernel:
    input_bits, output_bits = widths
    placed = schedule(graph, style.levels_per_stage, stages, style.direct_fanout)
    copies = registers_shared_out(graph, placed, style.max_duplicates, style.max_fanout)
    lines = delay_lines(graph, placed, copies, style.delay_line)
    text = verilog(
        name, graph, placed, input_bits=input_bits, output_bits=output_bits, copies=copies, lines=lines
    )
    adders = [node for node in graph.nodes if node.kind is Kind.ADD]
    return Kernel(
        name,
        text,
        latency=stages + 1,
        input_bits=sum(input_bits),
        output_bits=output_bits * len(graph.outputs),
        register_bits=placed.register_bits + sum(input_bits) + copies.bits(graph) - lines.saved_register_bits,
        adder_bits=sum(node.width - node.overlap for node in adders),
        multipliers=sum(node.kind is Kind.MULTIPLY for node in graph.nodes),
        memory_luts=lines.luts,
    )
