"""Generation of a flat Verilog module from a scheduled graph."""

from collections.abc import Iterator, Sequence

from seq2seqlite.hardware.kernels.delay_lines import DelayLines, Line
from seq2seqlite.hardware.kernels.duplicate import Copies
from seq2seqlite.hardware.kernels.graph import Graph, Kind, Node
from seq2seqlite.hardware.kernels.schedule import ADDED, Schedule

__all__ = ["verilog"]


def verilog(
    name: str,
    graph: Graph,
    schedule: Schedule,
    /,
    *,
    input_bits: Sequence[int],
    output_bits: int,
    copies: Copies,
    lines: DelayLines,
) -> str:
    """Return the Verilog source of a kernel.

    Parameters
    ----------
    name : str
        Name of the module.
    graph : Graph
        Graph of the kernel.
    schedule : Schedule
        Schedule of the graph.
    input_bits : sequence of int
        Width of each input in ``d``, lowest first.
    output_bits : int
        Width of each output in ``q``.
    copies : Copies
        Duplicated registers.
    lines : DelayLines
        Values that wait in memories.

    Returns
    -------
    str
        Identical for identical arguments.
    """
    return "\n".join(_Module(graph, schedule, copies, lines).text(name, input_bits, output_bits)) + "\n"


class _Module:
    """Generator of the lines of a module."""

    def __init__(self, graph: Graph, schedule: Schedule, copies: Copies, lines: DelayLines) -> None:
        self.graph, self.schedule, self.copies, self.lines = graph, schedule, copies, lines
        self._lines_of = lines.of_node

    def text(self, name: str, input_bits: Sequence[int], output_bits: int) -> Iterator[str]:
        graph, schedule = self.graph, self.schedule
        n = len(graph.outputs) * output_bits
        yield f"module {name} (input clk, input [{sum(input_bits) - 1}:0] d, output [{n - 1}:0] q);"
        yield "  // Rounded sums drop low bits, and an input without a non-zero weight is unused."
        yield "  // Registers are duplicated to limit fan-out; keep prevents synthesis from merging them."
        yield "  // verilator lint_off UNUSEDSIGNAL"
        yield from self._inputs(input_bits)
        for stage in range(1, schedule.stages + 2):
            yield (
                f"\n  // stage {stage}"
                if stage <= schedule.stages
                else "\n  // wires after the last register"
            )
            for i, node in enumerate(graph.nodes):
                if schedule.stage[i] == stage and node.kind is not Kind.INPUT:
                    yield from self._node(i, node)
            yield from self._registers(stage)
        yield from self._memories()
        yield ""
        for k, i in enumerate(graph.outputs):
            bits = _span(self._value(i, schedule.stages + 1), 0, 0, output_bits)
            yield f"  assign q[{(k + 1) * output_bits - 1}:{k * output_bits}] = {bits};"
        yield "  // verilator lint_on UNUSEDSIGNAL"
        yield "endmodule"

    def _inputs(self, input_bits: Sequence[int]) -> Iterator[str]:
        first = 0
        used = {operand for node in self.graph.nodes for operand in node.operands} | set(self.graph.outputs)
        for i, bits in zip(self.graph.inputs, input_bits, strict=True):
            width = self.graph.nodes[i].width
            if i in used:
                yield from self._register(i, 1, f"d[{first + width - 1}:{first}]")
            first += bits

    def _registers(self, stage: int) -> Iterator[str]:
        for i, node in enumerate(self.graph.nodes):
            if self.schedule.stage[i] <= stage < self.schedule.last[i] and node.kind is not Kind.CONSTANT:
                value = f"{self._name(i, stage)}{self._added(i, node, stage)}"
                line = next((one for one in self._lines_of.get(i, ()) if one.first <= stage < one.last), None)
                if line is None:
                    yield from self._register(i, stage + 1, value)
                elif stage + 1 == line.last:
                    yield f"  wire [{node.width - 1}:0] {self._name(i, line.last)};"

    def _memories(self) -> Iterator[str]:
        """Write each memory with its address counter, from and to registers of its lines."""
        for number, (memory, width) in enumerate(zip(self.lines.memories, self.lines.widths, strict=True)):
            name, place, depth = f"line{number}", f"line{number}_place", memory[0].depth
            bits = (depth - 1).bit_length()
            ends = [", ".join(self._name(one.node, at(one)) for one in memory) for at in (_first, _last)]
            yield f"\n  // values that wait {depth + 1} clock cycles"
            yield f'  (* ram_style = "distributed" *) reg [{width - 1}:0] {name} [0:{depth - 1}];'
            yield f"  (* keep *) reg [{bits - 1}:0] {place} = {bits}'d0;"
            yield f"  reg [{width - 1}:0] {name}_read;"
            following = f"{place} == {bits}'d{depth - 1} ? {bits}'d0 : {place} + {bits}'d1"
            yield f"  (* keep *) always @(posedge clk) {place} <= {following};"
            yield f"  always @(posedge clk) {name}[{place}] <= {{{ends[0]}}};"
            yield f"  always @(posedge clk) {name}_read <= {name}[{place}];"
            yield f"  assign {{{ends[1]}}} = {name}_read;"

    def _register(self, i: int, stage: int, value: str) -> Iterator[str]:
        """Declare the registers that hold a value at the start of a stage."""
        count = self.copies.count.get((i, stage), 1)
        keep = "(* keep *) " if count > 1 else ""
        for copy in range(count):
            name = self._name(i, stage, copy)
            yield f"  {keep}reg [{self.graph.nodes[i].width - 1}:0] {name};"
            yield f"  {keep}always @(posedge clk) {name} <= {value};"

    def _added(self, i: int, node: Node, stage: int) -> str:
        """Return the addend of a product, in front of the second register of the DSP block."""
        if node.kind is not Kind.MULTIPLY or stage != self.schedule.stage[i] + 1:
            return ""
        operand = node.operands[ADDED]
        if self.graph.nodes[operand].high == self.graph.nodes[operand].low == 0:
            return ""
        return f" + {_span(self._value(operand, stage), node.shifts[0], 0, node.width)}"

    def _name(self, i: int, stage: int, copy: int = 0) -> str:
        base = self.graph.names.get(i, f"n{i}") + (f"_c{copy}" if copy else "")
        return base if stage == self.schedule.stage[i] else f"{base}_at{stage}"

    def _value(self, i: int, stage: int, user: int | None = None) -> "_Value":
        node = self.graph.nodes[i]
        copy = self.copies.of_user.get((i, user), 0) if user is not None else 0
        return _Value(node, self._name(i, stage, copy))

    def _node(self, i: int, node: Node) -> Iterator[str]:
        name, width = self._name(i, self.schedule.stage[i]), node.width
        operands = [self._value(operand, self.schedule.stage[i], i) for operand in node.operands]
        head = f"  wire [{width - 1}:0] {name} = "
        if node.kind is Kind.ADD:
            yield from _addition(head, name, node, operands)
        elif node.kind is Kind.MULTIPLY:
            yield from _product(head, operands[:ADDED])
        else:
            yield head + _expression(node, operands) + ";"


def _first(line: Line) -> int:
    return line.first


def _last(line: Line) -> int:
    return line.last


class _Value:
    """Value of a node in a stage."""

    def __init__(self, node: Node, name: str) -> None:
        self.node, self.name = node, name

    def bits(self, low: int, high: int) -> str:
        """Return the Verilog of bits ``low`` to ``high - 1``, which must exist."""
        if self.node.kind is Kind.CONSTANT:
            size = high - low
            return f"{size}'d{(self.node.low >> low) & ((1 << size) - 1)}"
        if low == 0 and high == self.node.width:
            return self.name
        return f"{self.name}[{low}]" if high == low + 1 else f"{self.name}[{high - 1}:{low}]"


def _span(value: _Value, shift: int, low: int, high: int) -> str:
    """Return the Verilog of bits ``low`` to ``high - 1`` of ``value << shift``, sign-extended as needed."""
    parts = []
    top = shift + value.node.width
    if value.node.kind is Kind.CONSTANT:
        return f"{high - low}'d{((value.node.low << shift) >> low) & ((1 << (high - low)) - 1)}"
    if high > top:
        n = high - max(low, top)
        sign = value.bits(value.node.width - 1, value.node.width)
        parts.append((f"{{{n}{{{sign}}}}}" if n > 1 else sign) if value.node.signed else f"{n}'d0")
    if low < top and high > shift:
        parts.append(value.bits(max(low, shift) - shift, min(high, top) - shift))
    if low < shift:
        parts.append(f"{min(shift, high) - low}'d0")
    return parts[0] if len(parts) == 1 else f"{{{', '.join(parts)}}}"


def _addition(head: str, name: str, node: Node, operands: Sequence[_Value]) -> Iterator[str]:
    a, b, *carry = operands
    width, start = node.width, node.overlap
    first, second = _span(a, node.shifts[0], start, width), _span(b, node.shifts[1], start, width)
    lower = 1 if not node.subtract and node.shifts[0] > node.shifts[1] else 0
    low = f"{{{{}}, {_span(operands[lower], node.shifts[lower], 0, start)}}}" if start else "{}"
    if carry:
        # The carry-in is appended below both operands, so that synthesis does not infer a second adder.
        bit = carry[0].bits(0, 1)
        yield f"  wire [{width - start}:0] {name}_c = {{{first}, {bit}}} + {{{second}, {bit}}};"
        total = f"{name}_c[{width - start}:1]"
    elif start:
        yield f"  wire [{width - start - 1}:0] {name}_h = {first} {'-' if node.subtract else '+'} {second};"
        total = f"{name}_h"
    else:
        total = f"{first} {'-' if node.subtract else '+'} {second}"
    yield head + low.replace("{}", total, 1) + ";"


def _product(head: str, operands: Sequence[_Value]) -> Iterator[str]:
    factors = [
        f"$signed({value.bits(0, value.node.width)})"
        if value.node.signed
        else f"$signed({{1'b0, {value.bits(0, value.node.width)}}})"
        for value in operands
    ]
    yield "  // verilator lint_off WIDTH"
    yield f"{head}{' * '.join(factors)};"
    yield "  // verilator lint_on WIDTH"


def _expression(node: Node, operands: Sequence[_Value]) -> str:
    a = operands[0]
    if node.kind is Kind.BITS:
        return _span(a, 0, node.shifts[0], node.shifts[0] + node.width)
    if node.kind is Kind.JOIN:
        upper = _span(a, node.shifts[0], operands[1].node.width, node.width)
        return f"{{{upper}, {operands[1].bits(0, operands[1].node.width)}}}"
    if node.kind is Kind.MASK:
        bit = operands[1].bits(0, 1)
        return f"{_span(a, 0, 0, node.width)} & {{{node.width}{{{bit}}}}}"
    if node.kind is Kind.CLIP:
        return _clip(node, operands)
    top = a.node.width - a.node.signed
    upper = f"{a.bits(node.shifts[0], top)}" if top > node.shifts[0] else ""
    if node.kind is Kind.ANY:
        return f"|{upper}"
    sign = a.bits(a.node.width - 1, a.node.width)
    if node.kind is Kind.ABOVE:
        return f"~{sign} & |{upper}"
    lowest = f"~|{a.bits(0, node.shifts[0])}"  # the code without a positive counterpart
    return f"{sign} & (~&{upper} | {lowest})" if upper else f"{sign} & {lowest}"


def _clip(node: Node, operands: Sequence[_Value]) -> str:
    low, above, below, *sign = operands
    bits = node.shifts[0]
    flags = [flag if flag.node.kind is not Kind.CONSTANT else None for flag in (above, below)]

    def cut(first: int, last: int) -> str:
        text = _span(low, 0, first, last)
        if flags[0] is not None:
            text = f"({text} | {{{last - first}{{{flags[0].bits(0, 1)}}}}})"
        return text if flags[1] is None else f"{text} & ~{{{last - first}{{{flags[1].bits(0, 1)}}}}}"

    if not sign:
        return cut(0, min(bits, node.width))
    lowest = " | ".join([_span(low, 0, 0, 1), *(flag.bits(0, 1) for flag in flags if flag is not None)])
    parts = [sign[0].bits(0, 1)] if node.width > bits else []
    if bits > 1:
        parts.append(cut(1, min(bits, node.width)))
    return f"{{{', '.join([*parts, lowest])}}}"
