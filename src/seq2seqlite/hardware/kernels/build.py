"""The three kernels of a program, for one style of FPGA."""

from collections.abc import Sequence
from dataclasses import dataclass

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.kernels.duplicate import registers_shared_out
from seq2seqlite.hardware.kernels.graph import Graph, Kind
from seq2seqlite.hardware.kernels.lower import Multipliers, head_graph, step_graph
from seq2seqlite.hardware.kernels.schedule import fewest_stages, schedule
from seq2seqlite.hardware.kernels.verilog import verilog
from seq2seqlite.integer import Program

__all__ = ["Kernel", "KernelStyle", "Kernels", "build_kernels"]


@dataclass(frozen=True)
class KernelStyle:
    """What suits an FPGA.

    Parameters
    ----------
    multipliers : str
        ``"dsp"``: a DSP block each; ``"shift-add"``: AND gates and adders.
    levels_per_stage : float
        What a clock has time for, in delays of an adder with the way to it.
    copies : int
        Most registers that share the loads of a value in a stage.
    loads : int
        Users of a register in a stage before there is a copy.
    near_users : int
        Users of a shared sum that need no clock for the way to them; 0: however many.
    raw_sfd : bool
        Whether the head gives the total beside short and long: lifetimes do not need it.
    """

    multipliers: Multipliers = "dsp"
    levels_per_stage: float = 2.0
    copies: int = 2
    loads: int = 4
    near_users: int = 0
    raw_sfd: bool = False

    def __post_init__(self) -> None:
        if self.multipliers not in {"dsp", "shift-add"}:
            raise InputError(f"multipliers={self.multipliers!r} is unknown; choose dsp or shift-add")
        if not 1 <= self.levels_per_stage <= 64:
            raise InputError(
                f"levels_per_stage={self.levels_per_stage} must be 1 to 64: a stage has at least an adder"
            )
        if not 1 <= self.copies <= 64:
            raise InputError(f"copies={self.copies} must be 1 to 64")
        if self.loads < 1:
            raise InputError(f"loads={self.loads} must be 1 or more")
        if self.near_users < 0:
            raise InputError(f"near_users={self.near_users} must be 0 or more")

    @property
    def channels(self) -> tuple[int, ...]:
        """Outputs of the head: 0 total, 1 short, 2 long."""
        return (0, 1, 2) if self.raw_sfd else (1, 2)


@dataclass(frozen=True)
class Kernel:
    """One module.

    Parameters
    ----------
    name : str
        Its name.
    verilog : str
        Its text.
    latency : int
        Clocks from ``d`` to ``q``, all registers counted.
    input_bits, output_bits : int
        Widths of ``d`` and ``q``.
    register_bits : int
        Flip-flops, copies included.
    adder_bits : int
        Bits of all adders: about the look-up tables of a part with carry chains.
    multipliers : int
        Products in DSP blocks.
    """

    name: str
    verilog: str
    latency: int
    input_bits: int
    output_bits: int
    register_bits: int
    adder_bits: int
    multipliers: int


@dataclass(frozen=True)
class Kernels:
    """The modules of a program.

    Parameters
    ----------
    encoder, decoder : Kernel
        ``encoder_step`` and ``decoder_step``, of one latency.
    head : Kernel
        ``head``.
    """

    encoder: Kernel
    decoder: Kernel
    head: Kernel


def build_kernels(program: Program, style: KernelStyle, /) -> Kernels:
    """Return the kernels of a program.

    Parameters
    ----------
    program : Program
        Program.
    style : KernelStyle
        What suits the FPGA.

    Returns
    -------
    Kernels
        The same for the same program and style, byte for byte.

    Raises
    ------
    InputError
        If the program's write-back is not ``round``.

    Examples
    --------
    >>> from seq2seqlite.integer import load_program
    >>> kernels = build_kernels(load_program("seq2seqlite-tcspc-80mhz-tiny"), KernelStyle())
    >>> kernels.encoder.input_bits, kernels.encoder.output_bits, kernels.head.output_bits
    (72, 64, 16)
    >>> kernels.encoder.latency == kernels.decoder.latency
    True
    """
    formats, units = program.formats, program.units
    encoder = step_graph(program, "encoder", style.multipliers)
    decoder = step_graph(program, "decoder", style.multipliers)
    head = head_graph(program, style.channels)
    # One ring length for both: the shorter one's spare stages go where they cost the fewest registers.
    pace = style.levels_per_stage, style.near_users
    stages = max(fewest_stages(graph, *pace) for graph in (encoder, decoder))
    bits = formats.state.bits
    state = [bits] * units
    shortest = fewest_stages(head, *pace)
    return Kernels(
        _kernel("encoder_step", encoder, style, stages, ([*state, formats.input.bits], bits)),
        _kernel("decoder_step", decoder, style, stages, (state, bits)),
        _kernel("head", head, style, shortest, (state, formats.output.bits)),
    )


def _kernel(
    name: str, graph: Graph, style: KernelStyle, stages: int, widths: tuple[Sequence[int], int]
) -> Kernel:
    input_bits, output_bits = widths
    placed = schedule(graph, style.levels_per_stage, stages, style.near_users)
    copies = registers_shared_out(graph, placed, style.copies, style.loads)
    text = verilog(name, graph, placed, input_bits=input_bits, output_bits=output_bits, copies=copies)
    adders = [node for node in graph.nodes if node.kind is Kind.ADD]
    return Kernel(
        name,
        text,
        latency=stages + 1,
        input_bits=sum(input_bits),
        output_bits=output_bits * len(graph.outputs),
        register_bits=placed.register_bits + sum(input_bits) + copies.bits(graph),
        adder_bits=sum(node.width - node.overlap for node in adders),
        multipliers=sum(node.kind is Kind.MULTIPLY for node in graph.nodes),
    )
