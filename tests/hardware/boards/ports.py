"""Simulation of the ports between a network or a serial line and the core, which answers with each packet."""

import numpy as np
from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal
from amaranth.sim import Simulator

NETWORK_S, ENGINES_S = 16e-9, 11e-9


def simulate(port, feed, *, until, idle_clocks=200, seed=0):
    """Simulate a port whose core sends back each packet, with random pauses; return what the core received.

    ``feed`` is a coroutine function of the simulation context, ``until`` ends the simulation when it returns
    true, and all packets of the core are (peer, words).
    """
    top = Module()
    top.domains.network, top.domains.engines = ClockDomain("network"), ClockDomain("engines")
    top.submodules.port = port
    top.d.comb += [
        port.clk.eq(ClockSignal("network")),
        port.rst.eq(ResetSignal("network")),
        port.aclk.eq(ClockSignal("engines")),
        port.aresetn.eq(~ResetSignal("engines")),
    ]
    received, dropped = [], [0]
    rng = np.random.default_rng(seed)

    async def core(ctx):
        packet = []
        while True:
            ctx.set(port.rx_ready, int(rng.random() < 0.7))
            _, _, valid, ready, data, last, peer, lost = await ctx.tick("engines").sample(
                port.rx_valid, port.rx_ready, port.rx_data, port.rx_last, port.rx_peer, port.rx_dropped
            )
            dropped[0] += lost
            if valid and ready:
                packet.append((peer, data))
            if valid and ready and last:
                ctx.set(port.rx_ready, 0)
                peers = {peer for peer, _ in packet}
                assert len(peers) == 1, "the peer changed during a packet"
                received.append((peers.pop(), [word for _, word in packet]))
                packet = []
                await send(ctx, port, *received[-1])

    async def stimulus(ctx):
        await ctx.tick("network").repeat(4)
        await feed(ctx)
        for _ in range(100):
            if until():
                break
            await ctx.tick("network").repeat(idle_clocks)
        await ctx.tick("network").repeat(idle_clocks)

    simulator = Simulator(top)
    simulator.add_clock(NETWORK_S, domain="network")
    simulator.add_clock(ENGINES_S, domain="engines")
    simulator.add_testbench(core, background=True)
    simulator.add_testbench(stimulus)
    return simulator, received, dropped


async def send(ctx, port, peer, words):
    """Send a packet from the core."""
    ctx.set(port.tx_peer, peer)
    ctx.set(port.tx_length, 4 * len(words))
    ctx.set(port.tx_valid, 1)
    for index, word in enumerate(words):
        ctx.set(port.tx_data, word)
        ctx.set(port.tx_last, int(index == len(words) - 1))
        await ctx.tick("engines").until(port.tx_ready)
    ctx.set(port.tx_valid, 0)
