"""Clock domain of a core, from its pins."""

from amaranth.hdl import ClockDomain, Module, Signal

__all__ = ["add_domain"]


def add_domain(m: Module, aclk: Signal, aresetn: Signal, /) -> None:
    """Add the domain ``sync`` of a core, with a registered reset to limit the fan-out of the pin."""
    m.domains.sync = domain = ClockDomain()
    reset = Signal(init=1, reset_less=True)
    m.d.sync += reset.eq(~aresetn)
    m.d.comb += [domain.clk.eq(aclk), domain.rst.eq(reset)]
