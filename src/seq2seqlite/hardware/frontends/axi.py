"""Ports of an AXI4 manager with one ID, as a front end connects to memory."""

from amaranth.lib.wiring import In, Member, Out

__all__ = ["INCR", "axi_manager"]

INCR = 1
"""AxBURST of an incrementing burst."""


def axi_manager(*, address_bits: int, data_bits: int) -> dict[str, Member]:
    """Return the ports of an AXI4 manager, without prefix. There are no IDs: all bursts stay in order."""
    address = {"addr": Out(address_bits), "len": Out(8), "size": Out(3), "burst": Out(2), "valid": Out(1)}
    return {
        **{f"aw{name}": member for name, member in address.items()},
        "awready": In(1),
        "wdata": Out(data_bits),
        "wstrb": Out(data_bits // 8),
        "wlast": Out(1),
        "wvalid": Out(1),
        "wready": In(1),
        "bresp": In(2),
        "bvalid": In(1),
        "bready": Out(1),
        **{f"ar{name}": member for name, member in address.items()},
        "arready": In(1),
        "rdata": In(data_bits),
        "rresp": In(2),
        "rlast": In(1),
        "rvalid": In(1),
        "rready": Out(1),
    }
