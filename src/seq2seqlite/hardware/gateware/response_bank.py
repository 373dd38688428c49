"""Bank of responses: the memory that an engine reads, and the loader that fills it through the CSRs."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.integer import MAX_BANK

__all__ = [
    "BASE_LATENCY",
    "INDEX_BITS",
    "LOOKUP_LATENCY",
    "ResponseBank",
    "ResponseLoader",
    "bank_write_layout",
    "base_address",
    "looked_up",
]

INDEX_BITS = (MAX_BANK - 1).bit_length()
"""Width of the index of a response."""
WORD_BITS = 32
"""Width of a CSR, in which the codes of a gate are written."""
BASE_LATENCY = 3
"""Latency of :func:`base_address`, in clock cycles."""
LOOKUP_LATENCY = 2
"""Latency of :func:`looked_up`, in clock cycles."""
FAN_IN_BITS = 2
"""A pipeline stage selects among ``2**FAN_IN_BITS`` block memories."""
SETTLING_CLOCKS = 16
"""Clock cycles after which no packet can still find a response that was just opened."""


def base_address(m: Module, index: Value, n_gates: int, /, *, name: str) -> Signal:
    """Return ``index * n_gates``, :data:`BASE_LATENCY` clock cycles later, with one adder per stage."""
    terms: list[Value] = [Mux(index[bit], n_gates << bit, 0) for bit in range(INDEX_BITS)]
    for stage in range(BASE_LATENCY):
        sums = []
        for first in range(0, len(terms), 2):
            total = sum(terms[first + 1 : first + 2], terms[first])
            later = Signal(Value.cast(total).shape(), name=f"{name}_{stage}_{first // 2}", reset_less=True)
            m.d.sync += later.eq(total)
            sums.append(later)
        terms = list(sums)
    (found,) = terms
    assert isinstance(found, Signal)
    return found


def bank_write_layout(shape: Shape, /) -> data.StructLayout:
    """Return the layout of a write to the banks of all engines: strobe, address, and codes of a gate."""
    return data.StructLayout({"enable": 1, "address": shape.index_bits, "codes": shape.response_bits})


class ResponseBank(Component):
    """Memory of the responses of an engine, read at one gate of one slot per clock cycle.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine.
    latency : int
        Latency from ``base`` and ``gate`` to ``codes``, in clock cycles; at least that of the pipeline.

    Attributes
    ----------
    base : Signal(index_bits), in
        Address of the first gate of the response of a slot.
    gate : Signal(range(n_gates)), in
        Gate.
    codes : Signal(response_bits), out
        Codes of all columns of the response, the first column in the lowest bits.
    write : Signal(bank_write_layout(shape)), in
        Codes to write. The reader must not use the response at the same time.
    """

    def __init__(self, shape: Shape, latency: int) -> None:
        self.shape_, self.latency = shape, latency
        whole = 1 << shape.bank_block_bits
        depths = [min(whole, shape.bank_words - start) for start in range(0, shape.bank_words, whole)]
        self._blocks = [Memory(shape=shape.response_bits, depth=depth, init=[]) for depth in depths]
        super().__init__(
            {
                "base": In(shape.index_bits),
                "gate": In(range(shape.n_gates)),
                "codes": Out(shape.response_bits),
                "write": In(bank_write_layout(shape)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build block memories with registers around them, because they are slow.

        Synthesis would divide one deep memory and select among its blocks without a register in between.
        """
        m, inner = Module(), self.shape_.bank_block_bits
        address = Signal(self.shape_.index_bits, reset_less=True)
        m.d.sync += address.eq(self.base + self.gate)
        stages = -(-(len(self._blocks) - 1).bit_length() // FAN_IN_BITS)
        spare = self.latency - 3 - stages
        assert spare >= 0
        # The addresses are delayed rather than the codes, which are wider.
        read = delayed(m, address, spare, name="address")
        written = delayed(m, self.write.address, 1, name="written")
        new_codes = delayed(m, self.write.codes, 1, name="new_codes")
        codes = []
        for index, memory in enumerate(self._blocks):
            m.submodules[f"block_{index}"] = memory
            reader, writer = memory.read_port(), memory.write_port()
            enable = self.write.enable & (self.write.address[inner:] == index)
            m.d.comb += [
                reader.addr.eq(read),
                writer.en.eq(delayed(m, enable, 1, name=f"enable_{index}", reset_less=False)),
                writer.addr.eq(written),
                writer.data.eq(new_codes),
            ]
            codes.append(delayed(m, reader.data, 1, name=f"codes_{index}"))
        block = delayed(m, read[inner:], 2, name="block")
        for stage in range(stages):
            chosen = block[:FAN_IN_BITS]
            groups = [
                codes[first : first + (1 << FAN_IN_BITS)] for first in range(0, len(codes), 1 << FAN_IN_BITS)
            ]
            codes = [
                delayed(m, Array(group)[chosen], 1, name=f"chosen_{stage}_{index}")
                for index, group in enumerate(groups)
            ]
            block = delayed(m, block[FAN_IN_BITS:], 1, name=f"block_{stage}")
        m.d.comb += self.codes.eq(codes[0])
        return m


def load_status() -> data.StructLayout:
    """Return the layout of the status of the loader, as read in ``RESPONSE_STATUS``."""
    return data.StructLayout({"ready": 1, "loaded": 1, "failed": 1, "reserved": 5, "index": INDEX_BITS})


class ResponseLoader(Component):
    """Loader of responses: writes the banks of all engines, and knows which responses are complete.

    A response is opened, written gate by gate, and completed. From its opening to its completion it is
    missing for all packets. The banks are written only after all pixels that were received before the opening
    have been delivered, so that a pixel never sees a part of a response.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    max_pixels : int
        Maximum number of pixels in the design.

    Attributes
    ----------
    open, write, complete : Signal(1), in
        Strobes of writes to the CSRs ``RESPONSE_OPEN``, ``RESPONSE_WORD`` and ``RESPONSE_COMPLETE``.
    value : Signal(32), in
        Value written, valid with its strobe.
    accepted, delivered : Signal(1), in
        Strobe when the first beat of a packet was accepted, and when a result was delivered.
    discard : Signal(1), in
        High during a reset that discards all pixels.
    status : Signal(load_status()), out
        Value of ``RESPONSE_STATUS``.
    present, known : Signal(responses), out
        Which responses are complete, and which of them are not zero everywhere.
    bank : Signal(bank_write_layout(shape)), out
        Write port of the banks.
    """

    def __init__(self, shape: Shape, max_pixels: int) -> None:
        self.shape_, self.max_pixels = shape, max_pixels
        super().__init__(
            {
                "open": In(1),
                "write": In(1),
                "complete": In(1),
                "value": In(WORD_BITS),
                "accepted": In(1),
                "delivered": In(1),
                "discard": In(1),
                "status": Out(load_status()),
                "present": Out(shape.responses),
                "known": Out(shape.responses),
                "bank": Out(bank_write_layout(shape)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the state of the response that is open, and the flags of all responses."""
        m = Module()
        shape = self.shape_
        words = -(-shape.response_bits // WORD_BITS)
        total = words * shape.n_gates
        is_open, failed, any_code = Signal(), Signal(), Signal()
        written, word = Signal(range(total + 1)), Signal(range(max(words, 2)))
        index = Signal(INDEX_BITS)
        # The values are compared before they are used, and the flags are changed after that.
        opens, writes, completes = (
            delayed(m, getattr(self, name), 1, name=name, reset_less=False)
            for name in ("open", "write", "complete")
        )
        value = delayed(m, self.value, 1, name="value")
        is_total = delayed(m, self.value == total, 1, name="is_total")
        unknown = delayed(m, self.value >= shape.responses, 1, name="unknown")
        whole = delayed(m, written == total, 1, name="whole", reset_less=False)
        last = delayed(m, word == words - 1, 1, name="last", reset_less=False)
        ready = self._drained(m, opens)
        m.d.comb += [
            self.status.ready.eq(is_open & ready),
            self.status.failed.eq(failed),
            self.status.index.eq(index),
        ]
        chosen = Signal(shape.responses, reset_less=True)
        m.d.sync += chosen.eq(Cat(index == number for number in range(shape.responses)))
        base = base_address(m, index, shape.n_gates, name="base")
        gate = Signal(range(shape.n_gates + 1))
        codes = Signal(words * WORD_BITS, reset_less=True)
        stored, succeeds = Signal(), Signal()
        concluded = delayed(m, completes, 1, name="concluded", reset_less=False)
        m.d.sync += [
            stored.eq(0),
            succeeds.eq(completes & is_open & ready & ~failed & whole & is_total),
            self.bank.enable.eq(stored),
            self.bank.address.eq(base + gate),
            self.bank.codes.eq(codes),
        ]
        with m.If(stored):
            m.d.sync += [gate.eq(gate + 1), any_code.eq(any_code | codes[: shape.response_bits].any())]
        with m.If(opens):
            m.d.sync += [
                index.eq(value),
                is_open.eq(1),
                self.status.loaded.eq(0),
                failed.eq(unknown),
                *(signal.eq(0) for signal in (written, word, gate, any_code)),
            ]
        with m.Elif(writes):
            with m.If(is_open & ready & ~whole):
                m.d.sync += [
                    codes.eq(Cat(codes, value)[WORD_BITS:]),
                    written.eq(written + 1),
                    word.eq(Mux(last, 0, word + 1)),
                    stored.eq(last & ~failed),
                ]
            with m.Else():
                m.d.sync += failed.eq(1)
        with m.Elif(completes):
            m.d.sync += is_open.eq(0)
        with m.If(concluded):
            m.d.sync += [failed.eq(~succeeds), self.status.loaded.eq(succeeds)]
        with m.If(succeeds):
            m.d.sync += [
                self.present.eq(self.present | chosen),
                self.known.eq(Mux(any_code, self.known | chosen, self.known & ~chosen)),
            ]
        opened = delayed(m, opens, 2, name="opened", reset_less=False)
        with m.If(opened):
            m.d.sync += self.present.eq(self.present & ~chosen)
        return m

    def _drained(self, m: Module, opens: Signal) -> Signal:
        """Return whether all pixels that were received before the last opening have been delivered."""
        n_inside, before = Signal(range(self.max_pixels + 1)), Signal(range(self.max_pixels + 1))
        settling, drained = Signal(range(SETTLING_CLOCKS + 1)), Signal()
        m.d.sync += [
            n_inside.eq(n_inside + self.accepted - self.delivered),
            drained.eq((settling == 0) & (before == 0)),
        ]
        with m.If(opens):
            m.d.sync += [settling.eq(SETTLING_CLOCKS), drained.eq(0)]
        with m.Elif(settling != 0):
            m.d.sync += [settling.eq(settling - 1), drained.eq(0)]
            with m.If(settling == 1):
                m.d.sync += before.eq(n_inside - self.delivered)
        with m.Elif(self.delivered & (before != 0)):
            m.d.sync += before.eq(before - 1)
        with m.If(self.discard):
            m.d.sync += [n_inside.eq(0), before.eq(0)]
        return drained


def looked_up(m: Module, flags: Value, index: Value, /, *, name: str) -> Signal:
    """Return the flag of an index, :data:`LOOKUP_LATENCY` clock cycles later; 0 for an index without a flag.

    The selection among 64 flags is divided by registers, because it would be one of the slowest paths.
    """
    members = [flags[number] if number < len(flags) else Const(0, 1) for number in range(1 << INDEX_BITS)]
    half = INDEX_BITS // 2
    groups = [
        delayed(
            m, Array(members[first : first + (1 << half)])[index[:half]], 1, name=f"{name}_{first >> half}"
        )
        for first in range(0, len(members), 1 << half)
    ]
    found = Signal(name=name)
    m.d.sync += found.eq(Array(groups)[delayed(m, index[half:], 1, name=f"{name}_group")])
    return found
