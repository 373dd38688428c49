"""CSRs (control and status registers) of a front end, accessed over AXI4-Lite."""

from collections.abc import Mapping

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.axi_lite import accept_writes, answer_reads, axi_lite
from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.hardware.wire.front_end_registers import Register, register_addresses

__all__ = ["FrontEndRegisters"]


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
        AXI4-Lite subordinate; see :func:`~seq2seqlite.hardware.gateware.axi_lite.axi_lite`. One access is in
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
        self.kinds = {register.name: register.kind for register in registers}
        self.counters = [name for name, kind in self.kinds.items() if kind == "counter"]
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
        places = register_addresses(self.registers)
        answer_reads(m, self, {places[name]: value for name, value in (readable | counters).items()})
        return m

    def _write(self, m: Module) -> None:
        """Build the write channels, and what they write."""
        writes, index = accept_writes(m, self), None
        for name, address in register_addresses(self.registers).items():
            kind = self.kinds[name]
            if kind not in {"setting", "index", "data"}:
                continue
            value, decoded = getattr(self, name.lower()), writes.at(address, name=name)
            with m.If(decoded):
                m.d.sync += value.eq(writes.over(value))
            if kind == "data":
                strobe = getattr(self, f"{name.lower()}_write")
                m.d.sync += strobe.eq(decoded)
                if index is not None:
                    with m.If(strobe):
                        m.d.sync += index.eq(index + 1)
            index = value if kind == "index" else None
