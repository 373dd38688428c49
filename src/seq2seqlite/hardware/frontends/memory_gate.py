"""Gate at the AXI4 manager of a front end, which ends its bursts before a reset."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.frontends.axi import axi_manager

__all__ = ["MemoryGate"]

MAX_BURSTS = 1 << 16


class MemoryGate(Component):
    """Gate between a front end and its memory.

    While ``stop`` is high or ``ready`` is low, no burst begins, and those that have begun end. The front end
    may be reset, without its memory, when ``stopped`` is high. Data is passed on after its address was
    accepted.

    Parameters
    ----------
    address_bits, data_bits : int
        Widths of the AXI4 manager.

    Attributes
    ----------
    stop : Signal(1), in
        Whether no further burst begins.
    ready : Signal(1), in
        Whether the memory is initialised. Until then, the front end drops frames that do not fit its FIFO.
    stopped : Signal(1), out
        Whether no burst is outstanding, one clock cycle later.
    i_*, o_* : in, out
        AXI4 managers: that of the front end, and that to the memory.
    """

    def __init__(self, *, address_bits: int, data_bits: int) -> None:
        self.manager = axi_manager(address_bits=address_bits, data_bits=data_bits)
        super().__init__(
            {
                "stop": In(1),
                "ready": In(1),
                "stopped": Out(1),
                **{f"i_{name}": member.flip() for name, member in self.manager.items()},
                **{f"o_{name}": member for name, member in self.manager.items()},
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the counters of bursts, and the gates of the channels."""
        m = Module()
        gates = {"aw": Signal(), "ar": Signal(), "w": Signal()}
        for name, member in self.manager.items():
            inner, outer = getattr(self, f"i_{name}"), getattr(self, f"o_{name}")
            source, sink = (inner, outer) if member.flow is Out else (outer, inner)
            channel = name[:2] if name[:2] in gates else name[:1]
            is_handshake = name in {f"{channel}valid", f"{channel}ready"}
            passes = gates[channel] if channel in gates and is_handshake else 1
            m.d.comb += sink.eq(source & passes if is_handshake else source)
        begun = {}
        for name in ("aw", "ar"):
            valid, ready, offered = getattr(self, f"o_{name}valid"), getattr(self, f"o_{name}ready"), Signal()
            m.d.sync += offered.eq(valid & ~ready)
            m.d.comb += gates[name].eq((~self.stop & self.ready) | offered)
            begun[name] = valid & ready
        written = self.o_wvalid & self.o_wready & self.o_wlast
        answered = self.o_bvalid & self.o_bready
        read = self.o_rvalid & self.o_rready & self.o_rlast
        counts = []
        for up, down in ((begun["aw"], written), (begun["aw"], answered), (begun["ar"], read)):
            count = Signal(range(MAX_BURSTS))
            m.d.sync += count.eq(count + up - down)
            counts.append(count)
        m.d.comb += gates["w"].eq(counts[0] != 0)
        busy = Cat(self.o_awvalid, self.o_arvalid, *counts).any()
        m.d.sync += self.stopped.eq(self.stop & ~busy)
        return m
