"""CSRs (control and status registers) of a front end, accessed over AXI4-Lite."""

from collections.abc import Mapping

from amaranth.hdl import Array, Cat, Const, Module, Signal, Value
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.csr import axi_lite
from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice
from seq2seqlite.hardware.wire.front_end_registers import Register

__all__ = ["FrontEndRegisters"]

GROUP = 4
"""Number of CSRs that a read selects among in one pipeline stage."""


class FrontEndRegisters(Component):
    """CSRs of a front end, built from their definition.

    Parameters
    ----------
    registers : tuple of Register
        Definition, in the order of the addresses.
    constants : mapping of int
        Values of the registers of kind ``"constant"``, by name.

    Attributes
    ----------
    aw*, w*, b*, ar*, r* : in, out
        AXI4-Lite subordinate; see :func:`~seq2seqlite.hardware.gateware.csr.axi_lite`. One access is in
        progress at a time.
    events : Signal(number of counters), in
        One strobe for each counter, in the order of the addresses.
    (a setting or an index, in lower case) : Signal(bits), out
        Value of the register.
    (a data register, in lower case) : Signal(bits), out
        Value that is written.
    (a data register, in lower case)_write : Signal(1), out
        Strobe when it is written. The index before it increments afterwards.
    """

    def __init__(self, registers: tuple[Register, ...], constants: Mapping[str, int]) -> None:
        self.registers, self.constants = registers, dict(constants)
        self.counters = [register.name for register in registers if register.kind == "counter"]
        ports = {}
        for register in registers:
            if register.kind in {"setting", "index", "data"}:
                ports[register.name.lower()] = Out(register.bits, init=register.reset)
            if register.kind == "data":
                ports[f"{register.name.lower()}_write"] = Out(1)
        super().__init__({**axi_lite(), **ports, "events": In(len(self.counters))})

    def elaborate(self, platform: object) -> Module:
        """Build the registers, the counters and the bus interface."""
        m = Module()
        counters = {name: Signal(33, name=name.lower()) for name in self.counters}
        events = delayed(m, self.events, 1, name="events", reset_less=False)
        for index, counter in enumerate(counters.values()):
            with m.If(events[index] & ~counter[32]):  # the extra bit marks a saturated counter
                m.d.sync += counter.eq(counter + 1)
        self._write(m)
        readable: dict[str, Value] = {name: Const(value, 32) for name, value in self.constants.items()}
        for register in self.registers:
            if register.kind in {"setting", "index"}:
                readable[register.name] = getattr(self, register.name.lower())
        self._read(m, readable | counters)
        return m

    def _write(self, m: Module) -> None:
        """Build the write channels: accept address and data, decode, write, respond."""
        m.submodules.aw, m.submodules.w = address, words = RegisterSlice(6), RegisterSlice(36)
        m.d.comb += [
            address.i.valid.eq(self.awvalid),
            address.i.payload.eq(self.awaddr[2:]),
            self.awready.eq(address.i.ready),
            words.i.valid.eq(self.wvalid),
            words.i.payload.eq(Cat(self.wdata, self.wstrb)),
            self.wready.eq(words.i.ready),
        ]
        decode, write, respond = Signal(), Signal(), Signal()
        m.d.comb += [
            decode.eq(address.o.valid & words.o.valid & ~write & ~respond & ~self.bvalid),
            address.o.ready.eq(write),
            words.o.ready.eq(write),
        ]
        m.d.sync += [write.eq(decode), respond.eq(write)]
        data, strobes = words.o.payload[:32], words.o.payload[32:]
        mask = Cat(*(strobe.replicate(8) for strobe in strobes))
        index: Signal | None = None
        for place, register in enumerate(self.registers):
            if register.kind not in {"setting", "index", "data"}:
                continue
            name = register.name.lower()
            value, decoded = getattr(self, name), Signal(name=f"writes_{name}")
            m.d.sync += decoded.eq(decode & (address.o.payload == place))
            with m.If(decoded):
                m.d.sync += value.eq((data & mask) | (value & ~mask))
            if register.kind == "data":
                strobe = getattr(self, f"{name}_write")
                m.d.sync += strobe.eq(decoded)
                if index is not None:
                    with m.If(strobe):
                        m.d.sync += index.eq(index + 1)
            index = value if register.kind == "index" else None
        with m.If(respond):
            m.d.sync += self.bvalid.eq(1)
        with m.Elif(self.bready):
            m.d.sync += self.bvalid.eq(0)

    def _read(self, m: Module, readable: dict[str, Value]) -> None:
        """Build the read channels: decode the low address bits, then the others; one clock cycle each."""
        m.submodules.ar = address = RegisterSlice(6)
        decode, decoded = Signal(), Signal()
        m.d.comb += [
            address.i.valid.eq(self.arvalid),
            address.i.payload.eq(self.araddr[2:]),
            self.arready.eq(address.i.ready),
            decode.eq(address.o.valid & ~decoded & ~self.rvalid),
            address.o.ready.eq(decoded),
        ]
        group_index = Signal(len(address.o.payload))
        m.d.sync += [decoded.eq(decode), group_index.eq(address.o.payload // GROUP)]
        values = [readable.get(register.name, Const(0, 32)) for register in self.registers]
        groups = []
        for begin in range(0, len(values), GROUP):
            chosen = Signal(33, name=f"group_{begin // GROUP}", reset_less=True)
            members = values[begin : begin + GROUP]
            members += [Const(0, 32)] * (GROUP - len(members))
            m.d.sync += chosen.eq(Array(members)[address.o.payload % GROUP])
            groups.append(chosen)
        with m.If(decoded):
            m.d.sync += [self.rvalid.eq(1), self.rdata.eq(0)]
            with m.Switch(group_index):
                for group, chosen in enumerate(groups):
                    with m.Case(group):
                        # A saturated counter reads as all ones.
                        m.d.sync += self.rdata.eq(chosen[:32] | chosen[32].replicate(32))
        with m.Elif(self.rready):
            m.d.sync += self.rvalid.eq(0)
