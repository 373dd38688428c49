"""Intermediate representation of a kernel: a graph of integer operations, before scheduling.

A node is an integer with a proven range. The graph does not represent binary points; the lowering keeps track
of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Graph", "Kind", "Node", "evaluate"]

Codes = NDArray[np.int64]


class Kind(Enum):
    """Operation of a node."""

    INPUT = "input"
    """Code at the input port of the module."""
    CONSTANT = "constant"
    """Constant."""
    ADD = "add"
    """``(a << shifts[0]) ± (b << shifts[1])``; a third operand, a bit, is added at :attr:`Node.overlap`."""
    BITS = "bits"
    """Bits from ``shifts[0]`` upwards: a division by a power of two, rounded down, or a bit field."""
    ANY = "any"
    """1 if any bit from ``shifts[0]`` upwards, except the sign, is 1."""
    ABOVE = "above"
    """1 if a signed value is more than ``2**shifts[0] - 1``."""
    BELOW = "below"
    """1 if a signed value is less than ``1 - 2**shifts[0]``."""
    CLIP = "clip"
    """Saturation. Operands: low bits, flags above and below, sign. A flag selects an end of the range."""
    MASK = "mask"
    """The first operand where the second, a bit, is 1; otherwise 0."""
    MULTIPLY = "multiply"
    """``a * b + (c << shifts[0])``, with the adder after the multiplier, as in a DSP block."""
    JOIN = "join"
    """``(a << shifts[0]) + b`` of operands whose bits do not overlap: wires only."""


@dataclass(frozen=True)
class Node:
    """Integer operation.

    Parameters
    ----------
    kind : Kind
        Operation.
    operands : tuple of int
        Indices of the operand nodes, all smaller than the index of the node itself.
    low, high : int
        Range of the value.
    shifts : tuple of int
        Shift amounts; see :class:`Kind`.
    subtract : bool
        Whether an ``ADD`` subtracts the second operand.
    """

    kind: Kind
    operands: tuple[int, ...]
    low: int
    high: int
    shifts: tuple[int, ...] = ()
    subtract: bool = False

    @property
    def signed(self) -> bool:
        """Whether the value can be negative."""
        return self.low < 0

    @property
    def width(self) -> int:
        """Width of the value in bits, at least 1.

        Examples
        --------
        >>> [Node(Kind.INPUT, (), low, high).width for low, high in ((0, 7), (-8, 7), (-1, 0), (0, 0))]
        [3, 4, 1, 1]
        """
        magnitude = max(self.high, 0).bit_length()
        if not self.signed:
            return max(magnitude, 1)
        return max(magnitude, (~self.low).bit_length()) + 1

    @property
    def overlap(self) -> int:
        """Lowest bit at which the operands of an ``ADD`` overlap; bits below it need no adder."""
        first, second = self.shifts
        # The borrow starts at the lowest bit of the subtrahend, so that bits below it pass unchanged.
        return second if self.subtract else max(first, second)


@dataclass
class Graph:
    """Integer operations in topological order, without duplicates.

    Examples
    --------
    >>> graph = Graph()
    >>> a, b = graph.input(-3, 3), graph.input(0, 7)
    >>> graph.nodes[graph.add(a, b, (0, 2), subtract=True)].low
    -31
    """

    nodes: list[Node] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    _known: dict[Node, int] = field(default_factory=dict, repr=False)

    def input(self, low: int, high: int, /) -> int:
        """Add an input and return its index."""
        self.nodes.append(Node(Kind.INPUT, (), low, high))
        self.inputs.append(len(self.nodes) - 1)
        return self.inputs[-1]

    def constant(self, value: int, /) -> int:
        """Add a constant and return its index."""
        return self._added(Node(Kind.CONSTANT, (), value, value))

    def add(
        self,
        a: int,
        b: int,
        shifts: tuple[int, int] = (0, 0),
        /,
        *,
        subtract: bool = False,
        carry: int | None = None,
        reach: tuple[int, int] | None = None,
    ) -> int:
        """Add a sum or difference; ``reach`` is its range if the caller knows a tighter one."""
        joined = self._joined(a, b, shifts)
        if joined is not None and not subtract and carry is None:
            return joined
        operands = (a, b) if carry is None else (a, b, carry)
        node = Node(Kind.ADD, operands, 0, 0, shifts, subtract)
        first, second = self.nodes[a], self.nodes[b]
        sign, ends = (-1, (second.high, second.low)) if subtract else (1, (second.low, second.high))
        low = (first.low << shifts[0]) + sign * (ends[0] << shifts[1])
        high = (first.high << shifts[0]) + sign * (ends[1] << shifts[1])
        if carry is not None:
            low += self.nodes[carry].low << node.overlap
            high += self.nodes[carry].high << node.overlap
        if reach is not None:
            low, high = max(low, reach[0]), min(high, reach[1])
        return self._added(Node(Kind.ADD, operands, low, high, shifts, subtract))

    def bits(self, a: int, start: int, /, *, keep: int | None = None) -> int:
        """Add a right shift by ``start``; with ``keep``, an unsigned bit field of ``keep`` bits."""
        node = self.nodes[a]
        if keep is None:
            low, high = node.low >> start, node.high >> start
        else:
            low, high = 0, (1 << keep) - 1
        if start == 0 and low <= node.low and node.high <= high:
            return a
        if node.kind is Kind.CONSTANT:
            return self.constant(node.low >> start & (high if keep else -1))
        return self._added(Node(Kind.BITS, (a,), low, high, (start,)))

    def mask(self, a: int, bit: int, /) -> int:
        """Add a mask: the value if ``bit`` is 1, otherwise 0."""
        node = self.nodes[a]
        return self._added(Node(Kind.MASK, (a, bit), min(node.low, 0), max(node.high, 0)))

    def multiply(self, a: int, b: int, c: int, shift: int, /, *, reach: tuple[int, int] | None = None) -> int:
        """Add ``a * b + (c << shift)``; ``reach`` is its range if the caller knows a tighter one."""
        first, second, third = self.nodes[a], self.nodes[b], self.nodes[c]
        ends = [x * y for x in (first.low, first.high) for y in (second.low, second.high)]
        low, high = min(ends) + (third.low << shift), max(ends) + (third.high << shift)
        if reach is not None:
            low, high = max(low, reach[0]), min(high, reach[1])
        return self._added(Node(Kind.MULTIPLY, (a, b, c), low, high, (shift,)))

    def clip(self, a: int, bits: int, /, *, signed: bool) -> int:
        """Add a saturation to ``2**bits - 1`` and, if signed, to minus that, otherwise to 0.

        It consists of bit tests and logic gates, because comparators need carry chains. Tests that the range
        of the value makes superfluous are omitted.
        """
        node, top = self.nodes[a], (1 << bits) - 1
        bottom = -top if signed else 0
        if bottom <= node.low and node.high <= top:
            return a
        low, high = (min(max(end, bottom), top) for end in (node.low, node.high))
        if low == high:
            return self.constant(low)
        above = below = sign = self.constant(0)
        if node.signed:
            sign = self._added(Node(Kind.BITS, (a,), 0, 1, (node.width - 1,)))
        if node.high > top:
            kind = Kind.ABOVE if signed and node.signed else Kind.ANY
            above = self._added(Node(kind, (a,), 0, 1, (bits,)))
        if node.low < bottom:
            below = self._added(Node(Kind.BELOW, (a,), 0, 1, (bits,))) if signed else sign
        operands = (self.bits(a, 0, keep=bits), above, below, *([sign] if signed and node.signed else []))
        return self._added(Node(Kind.CLIP, operands, low, high, (bits,)))

    def clip_to_power(self, a: int, bits: int, /) -> int:
        """Add a saturation to the range from 0 to ``2**bits``, both ends included."""
        found = self.clip(a, bits + 1, signed=False)
        if self.nodes[found].high <= 1 << bits:
            return found
        if self.nodes[found].low >= 1 << bits:
            return self.constant(1 << bits)
        top = self.bits(found, bits, keep=1)
        low, zero = self.bits(found, 0, keep=bits), self.constant(0)
        # The highest bit clears the others.
        rest = self._added(Node(Kind.CLIP, (low, zero, top), 0, (1 << bits) - 1, (bits,)))
        node = Node(Kind.JOIN, (top, rest), self.nodes[found].low, 1 << bits, (bits,))
        return self._added(node)

    def without_dead(self) -> "Graph":
        """Return the graph without dead nodes, which no output depends on. Inputs are kept."""
        live = set(self.outputs) | set(self.inputs)
        for i in reversed(range(len(self.nodes))):
            if i in live:
                live.update(self.nodes[i].operands)
        number = {old: new for new, old in enumerate(sorted(live))}
        nodes = []
        for old in sorted(live):
            node = self.nodes[old]
            operands = tuple(number[operand] for operand in node.operands)
            nodes.append(Node(node.kind, operands, node.low, node.high, node.shifts, node.subtract))
        return Graph(
            nodes,
            [number[i] for i in self.inputs],
            [number[i] for i in self.outputs],
            {number[i]: name for i, name in self.names.items() if i in number},
            {node: i for i, node in enumerate(nodes) if node.kind is not Kind.INPUT},
        )

    def _joined(self, a: int, b: int, shifts: tuple[int, int]) -> int | None:
        """Return a sum as wires if the bits of the operands do not overlap, otherwise None."""
        upper, lower = (a, b) if shifts[0] >= shifts[1] else (b, a)
        above, below = self.nodes[upper], self.nodes[lower]
        shift = abs(shifts[0] - shifts[1])
        if min(shifts) or below.signed or below.width > shift:
            return None
        low, high = (above.low << shift) + below.low, (above.high << shift) + below.high
        return self._added(Node(Kind.JOIN, (upper, lower), low, high, (shift,)))

    def _added(self, node: Node) -> int:
        found = self._known.get(node)
        if found is None:
            found = self._known[node] = len(self.nodes)
            self.nodes.append(node)
        return found


def evaluate(graph: Graph, inputs: Sequence[Codes], /) -> list[Codes]:
    """Evaluate a graph for arrays of input codes, to check it without a simulator.

    Parameters
    ----------
    graph : Graph
        Graph to evaluate.
    inputs : sequence of ndarray of int64, each of shape (n,)
        Codes in the order of the inputs.

    Returns
    -------
    list of ndarray of int64, each of shape (n,)
        Codes in the order of the outputs.

    Raises
    ------
    ArithmeticError
        If a value is outside the range of its node.
    """
    values: list[Codes] = []
    given = dict(zip(graph.inputs, inputs, strict=True))
    for i, node in enumerate(graph.nodes):
        value = given[i] if i in given else _value(node, [values[o] for o in node.operands], graph)
        if value.size and (value.min() < node.low or value.max() > node.high):
            raise ArithmeticError(
                f"values from {value.min()} to {value.max()} are outside the range of node {i}, {node}"
            )
        values.append(value)
    n = len(inputs[0])
    return [np.broadcast_to(values[i], n) for i in graph.outputs]


def _value(node: Node, operands: Sequence[Codes], graph: Graph) -> Codes:
    if node.kind is Kind.CONSTANT:
        return np.array([node.low], np.int64)
    a = operands[0]
    if node.kind is Kind.ADD:
        b = (-operands[1] if node.subtract else operands[1]) << node.shifts[1]
        carry = operands[2] << node.overlap if len(operands) > 2 else 0
        return np.asarray((a << node.shifts[0]) + b + carry)
    if node.kind is Kind.JOIN:
        return np.asarray((a << node.shifts[0]) + operands[1])
    if node.kind is Kind.MULTIPLY:
        return np.asarray(a * operands[1] + (operands[2] << node.shifts[0]))
    if node.kind is Kind.MASK:
        return a * operands[1]
    if node.kind is Kind.CLIP:
        return _clipped(node, operands)
    start = node.shifts[0]
    if node.kind is Kind.BITS:
        return a >> start if node.signed else (a >> start) & ((1 << node.width) - 1)
    if node.kind is Kind.ABOVE:
        return (a > (1 << start) - 1).astype(np.int64)
    if node.kind is Kind.BELOW:
        return (a < 1 - (1 << start)).astype(np.int64)
    below_sign = (1 << (graph.nodes[node.operands[0]].width - graph.nodes[node.operands[0]].signed)) - 1
    return ((a & below_sign) >> start > 0).astype(np.int64)


def _clipped(node: Node, operands: Sequence[Codes]) -> Codes:
    low, above, below, *sign = operands
    top = (1 << node.shifts[0]) - 1
    if not sign:
        return np.where(below == 1, 0, np.where(above == 1, top, low))
    return np.where(below == 1, -top, np.where(above == 1, top, low - (sign[0] << node.shifts[0])))
