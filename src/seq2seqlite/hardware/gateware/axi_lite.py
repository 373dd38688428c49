"""AXI4-Lite subordinate of control and status registers: ports, write channels and read channels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Member, Out

from seq2seqlite.hardware.gateware.pipeline import copied
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice

__all__ = ["ADDRESS_BITS", "Writes", "accept_writes", "answer_reads", "axi_lite", "connect_ports"]

ADDRESS_BITS = 8
"""Address bits of the CSRs of an engine or a front end."""
GROUP = 4
"""Number of CSRs that a read selects among in one pipeline stage."""


def axi_lite(*, address_bits: int = ADDRESS_BITS) -> dict[str, Member]:
    """Return the ports of an AXI4-Lite subordinate, without prefix."""
    return {
        "awaddr": In(address_bits),
        "awprot": In(3),  # ignored, as arprot; system tools expect the ports
        "awvalid": In(1),
        "awready": Out(1),
        "wdata": In(32),
        "wstrb": In(4),
        "wvalid": In(1),
        "wready": Out(1),
        "bresp": Out(2),
        "bvalid": Out(1),
        "bready": In(1),
        "araddr": In(address_bits),
        "arprot": In(3),
        "arvalid": In(1),
        "arready": Out(1),
        "rdata": Out(32),
        "rresp": Out(2),
        "rvalid": Out(1),
        "rready": In(1),
    }


def connect_ports(m: Module, outer: Any, inner: Any, ports: Mapping[str, Member], /, *, prefix: str) -> None:
    """Connect the ports of a component, named with a prefix, to those of a part of it, named without."""
    for name, member in ports.items():
        port, own = getattr(outer, f"{prefix}{name}"), getattr(inner, name)
        m.d.comb += port.eq(own) if member.flow is Out else own.eq(port)


@dataclass(frozen=True)
class Writes:
    """Writes that an AXI4-Lite subordinate accepts, one at a time.

    Parameters
    ----------
    m : Module
        Module of the registers.
    decode : Signal(1)
        High for one clock cycle per write.
    address : Value
        Address of the write in words of 32 bits, valid with ``decode`` and one clock cycle later.
    data, mask : Value
        Data, and the bits of the bytes whose strobe is set; valid with ``address``.
    """

    m: Module
    decode: Signal
    address: Value
    data: Value
    mask: Value

    def at(self, address: int, /, *, name: str) -> Signal:
        """Return a strobe of the writes to a byte address, one clock cycle after ``decode``."""
        strobe = Signal(name=f"writes_{name.lower()}")
        self.m.d.sync += strobe.eq(self.decode & (self.address == address >> 2))
        return strobe

    def over(self, old: Value, /) -> Value:
        """Return the new value of a register: bytes without their strobe keep their value."""
        return (self.data & self.mask) | (old & ~self.mask)


def accept_writes(m: Module, bus: Any, /) -> Writes:
    """Build the write channels: accept address and data, decode, write, respond; one clock cycle each."""
    m.submodules.aw, m.submodules.w = address, words = RegisterSlice(6), RegisterSlice(36)
    m.d.comb += [
        address.i.valid.eq(bus.awvalid),
        address.i.payload.eq(bus.awaddr[2:]),
        bus.awready.eq(address.i.ready),
        words.i.valid.eq(bus.wvalid),
        words.i.payload.eq(Cat(bus.wdata, bus.wstrb)),
        bus.wready.eq(words.i.ready),
    ]
    decode, write, respond = Signal(), Signal(), Signal()
    m.d.comb += [
        decode.eq(address.o.valid & words.o.valid & ~write & ~respond & ~bus.bvalid),
        address.o.ready.eq(write),
        words.o.ready.eq(write),
    ]
    m.d.sync += [write.eq(decode), respond.eq(write)]
    with m.If(respond):
        m.d.sync += bus.bvalid.eq(1)
    with m.Elif(bus.bready):
        m.d.sync += bus.bvalid.eq(0)
    mask = Cat(*(strobe.replicate(8) for strobe in words.o.payload[32:]))
    return Writes(m, decode, address.o.payload, words.o.payload[:32], mask)


def answer_reads(m: Module, bus: Any, values: Mapping[int, Value], /) -> None:
    """Build the read channels: copy the low address bits, decode them, then the others, and answer.

    Each step takes one clock cycle.

    Parameters
    ----------
    m : Module
        Module of the registers.
    bus : Component
        Component with the ports of :func:`axi_lite`.
    values : mapping of int to Value
        Registers by byte address. Bit 32 of a value, if it has one, marks a saturated counter, which reads as
        all ones. Other addresses read as 0.
    """
    m.submodules.ar = address = RegisterSlice(6)
    decode, copying, decoded, answers = (Signal() for _ in range(4))
    m.d.comb += [
        address.i.valid.eq(bus.arvalid),
        address.i.payload.eq(bus.araddr[2:]),
        bus.arready.eq(address.i.ready),
        decode.eq(address.o.valid & ~copying & ~decoded & ~answers & ~bus.rvalid),
        address.o.ready.eq(answers),
    ]
    group_index = Signal(range(2 ** len(address.o.payload) // GROUP))
    m.d.sync += [
        copying.eq(decode),
        decoded.eq(copying),
        answers.eq(decoded),
        group_index.eq(address.o.payload // GROUP),
    ]
    found: Value = Const(0, 32)
    for group in range((max(values) >> 2) // GROUP + 1):
        chosen = Signal(33, name=f"group_{group}", reset_less=True)
        members = Array(values.get(4 * (group * GROUP + index), Const(0, 32)) for index in range(GROUP))
        m.d.sync += chosen.eq(members[copied(m, address.o.payload % GROUP, name=f"place_{group}")])
        addressed = Signal(32, name=f"addressed_{group}", reset_less=True)
        value = chosen[:32] | chosen[32].replicate(32)
        m.d.sync += addressed.eq(Mux(group_index == group, value, 0))
        found |= addressed
    # Without reset, because its place is at the pins.
    answer = Signal(32, name="answer", reset_less=True)
    m.d.comb += bus.rdata.eq(answer)
    with m.If(answers):
        m.d.sync += [bus.rvalid.eq(1), answer.eq(found)]
    with m.Elif(bus.rready):
        m.d.sync += bus.rvalid.eq(0)
