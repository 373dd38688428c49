"""Delay lines: values that a kernel needs many stages later, in distributed memory instead of registers.

The state of a unit, for example, is an operand of the first and of the last sums of a step. On an FPGA whose
LUTs are not shift registers, each stage between them is a flip-flop per bit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from seq2seqlite.hardware.kernels.duplicate import Copies
from seq2seqlite.hardware.kernels.graph import Graph, Kind
from seq2seqlite.hardware.kernels.schedule import ADDED, Schedule

__all__ = ["DelayLines", "Line", "delay_lines"]

MEMORY_DEPTH = 16
"""Depth of a distributed memory of an ECP5 (TRELLIS_DPR16X4)."""
MEMORY_WIDTH = 32
"""Most bits of a memory with its own address counter, which limits the fan-out of the counter."""
BLOCK_BITS, BLOCK_LUT = 4, 6
"""Bits of a TRELLIS_DPR16X4, and its LUTs with those of its write port."""


@dataclass(frozen=True)
class Line:
    """Delay line of a node: replaces its registers of the stages after ``first``, up to ``last``.

    Parameters
    ----------
    node : int
        Index of the node.
    first, last : int
        Stages at whose start a register holds the value: the one that is written to the memory, and the one
        that is read from it.
    """

    node: int
    first: int
    last: int

    @property
    def depth(self) -> int:
        """Words of the memory. Its output register adds a clock cycle."""
        return self.last - self.first - 1


@dataclass(frozen=True)
class DelayLines:
    """Delay lines of a kernel, and the memories that they share.

    Parameters
    ----------
    memories : tuple of tuple of Line
        Lines of the same depth, by memory.
    widths : tuple of int
        Width of each memory.
    """

    memories: tuple[tuple[Line, ...], ...] = ()
    widths: tuple[int, ...] = ()

    @property
    def of_node(self) -> Mapping[int, tuple[Line, ...]]:
        """Lines by the index of their node."""
        found: dict[int, tuple[Line, ...]] = {}
        for line in (line for memory in self.memories for line in memory):
            found[line.node] = (*found.get(line.node, ()), line)
        return found

    @property
    def saved_register_bits(self) -> int:
        """Flip-flops that the memories replace, less those of their address counters."""
        depths = [memory[0].depth for memory in self.memories]
        counters = sum((depth - 1).bit_length() for depth in depths)
        return sum(width * depth for width, depth in zip(self.widths, depths, strict=True)) - counters

    @property
    def luts(self) -> int:
        """LUTs of the memories and of their address counters."""
        counters = sum((memory[0].depth - 1).bit_length() + 1 for memory in self.memories)
        return sum(-(-width // BLOCK_BITS) * BLOCK_LUT for width in self.widths) + counters


def delay_lines(graph: Graph, schedule: Schedule, copies: Copies, minimum: int, /) -> DelayLines:
    """Find the values of a kernel that wait for at least ``minimum`` stages; 0: none.

    Parameters
    ----------
    graph, schedule, copies : Graph, Schedule, Copies
        Graph of the kernel, its schedule, and its duplicated registers, which stay registers.
    minimum : int
        Fewest stages of a delay line, 3 or more.

    Returns
    -------
    DelayLines
    """
    if not minimum:
        return DelayLines()
    by_depth: dict[int, list[Line]] = {}
    for wait in _waits(graph, schedule, copies):
        for line in _lines(wait, minimum):
            by_depth.setdefault(line.depth, []).append(line)
    memories, widths = [], []
    for _, lines in sorted(by_depth.items()):
        memory: list[Line] = []
        width = 0
        for line in lines:
            bits = graph.nodes[line.node].width
            if memory and width + bits > MEMORY_WIDTH:
                memories.append(tuple(memory))
                widths.append(width)
                memory, width = [], 0
            memory.append(line)
            width += bits
        memories.append(tuple(memory))
        widths.append(width)
    return DelayLines(tuple(memories), tuple(widths))


def _stages_of_use(graph: Graph, schedule: Schedule) -> list[set[int]]:
    """Return the stages in which each node is an operand, or an output."""
    stages: list[set[int]] = [set() for _ in graph.nodes]
    for i, node in enumerate(graph.nodes):
        for place, operand in enumerate(node.operands):
            later = int(node.kind is Kind.MULTIPLY and place == ADDED)
            stages[operand].add(schedule.stage[i] + later)
    for i in graph.outputs:
        stages[i].add(schedule.stages + 1)
    return stages


def _waits(graph: Graph, schedule: Schedule, copies: Copies) -> Iterator[Line]:
    """Return the registers of each node between two stages of use."""
    for i, stages in enumerate(_stages_of_use(graph, schedule)):
        kind, begin = graph.nodes[i].kind, schedule.stage[i]
        if kind in {Kind.CONSTANT, Kind.MULTIPLY}:  # a product has registers in its DSP block
            continue
        # A sum is registered before it is written, because the write port of a memory is slow.
        start = begin if kind is Kind.INPUT else begin + 1
        for before, after in pairwise(sorted({start, *(stage for stage in stages if stage > start)})):
            # Duplicated registers follow a register of their own.
            yield Line(i, before, after - 1 if copies.count.get((i, after), 1) > 1 else after)


def _lines(wait: Line, minimum: int) -> Iterator[Line]:
    """Return the delay lines of a value that waits, none of them deeper than a memory."""
    first = wait.first
    while wait.last - first >= minimum:
        last = min(wait.last, first + MEMORY_DEPTH + 1)
        yield Line(wait.node, first, last)
        first = last
