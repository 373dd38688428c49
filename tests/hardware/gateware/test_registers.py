"""Idle bit and interrupts of the control and status registers, over their bus."""

import pytest
from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal
from amaranth.sim import Simulator

from seq2seqlite.hardware.gateware.csr import COUNTERS, REGISTERS, Registers
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.plan import with_port_order


@pytest.fixture
def registers(odd_program):
    shape = Shape(odd_program(0), 10, 2, 1, "lifetimes", 0, "")
    return Registers(shape, 1, 32)


def simulate(registers, bench):
    m = Module()
    m.submodules.registers = registers
    m.domains.work = work = ClockDomain(local=True)
    m.d.comb += [work.clk.eq(ClockSignal()), work.rst.eq(ResetSignal() | registers.reset)]
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


async def write(ctx, bus, name, value, strobes=0xF):
    ctx.set(bus.awaddr, REGISTERS[name])
    ctx.set(bus.awprot, 0b111)  # ignored
    ctx.set(bus.wdata, value)
    ctx.set(bus.wstrb, strobes)
    for valid in (bus.awvalid, bus.wvalid):
        ctx.set(valid, 1)
    await ctx.tick()
    for valid in (bus.awvalid, bus.wvalid):
        ctx.set(valid, 0)
    ctx.set(bus.bready, 1)
    await ctx.tick().until(bus.bvalid)
    await ctx.tick()


async def read(ctx, bus, name):
    ctx.set(bus.araddr, REGISTERS[name])
    ctx.set(bus.arvalid, 1)
    await ctx.tick()
    ctx.set(bus.arvalid, 0)
    ctx.set(bus.rready, 1)
    value, _ = await ctx.tick().sample(bus.rdata).until(bus.rvalid), await ctx.tick()
    return value[0]


async def event(ctx, bus, *names):
    ctx.set(bus.events, sum(1 << COUNTERS.index(name) for name in names))
    await ctx.tick()
    ctx.set(bus.events, 0)
    await ctx.tick().repeat(6)


def test_idle_and_interrupts(registers):
    bus = registers

    async def bench(ctx):
        await ctx.tick().repeat(40)
        assert await read(ctx, bus, "STATUS") == 1
        await event(ctx, bus, "PIXELS_IN")
        await event(ctx, bus, "PIXELS_IN", "SHORT_PACKETS")
        assert (await read(ctx, bus, "STATUS"), await read(ctx, bus, "INTERRUPTS")) == (0, 0b10)
        await event(ctx, bus, "PIXELS_IN", "PIXELS_OUT")
        await event(ctx, bus, "PIXELS_OUT")
        assert await read(ctx, bus, "STATUS") == 0
        await event(ctx, bus, "PIXELS_OUT", "FRAMES_OUT")
        assert (await read(ctx, bus, "STATUS"), await read(ctx, bus, "INTERRUPTS")) == (1, 0b11)
        assert ctx.get(bus.irq) == 0  # nothing is enabled
        await write(ctx, bus, "INTERRUPT_ENABLE", 0b01)
        assert (ctx.get(bus.irq), await read(ctx, bus, "INTERRUPT_ENABLE")) == (1, 0b01)
        await write(ctx, bus, "INTERRUPTS", 0b10)
        await write(ctx, bus, "INTERRUPTS", 0b01, strobes=0b1110)  # no byte of a bit
        assert (ctx.get(bus.irq), await read(ctx, bus, "INTERRUPTS")) == (1, 0b01)
        await write(ctx, bus, "INTERRUPTS", 0b01)
        assert (ctx.get(bus.irq), await read(ctx, bus, "INTERRUPTS")) == (0, 0)
        await event(ctx, bus, "LONG_PACKETS")
        await write(ctx, bus, "INTERRUPT_ENABLE", 0b10)
        assert (ctx.get(bus.irq), await read(ctx, bus, "INTERRUPTS")) == (1, 0b10)
        await event(ctx, bus, "PIXELS_IN")
        await write(ctx, bus, "CONTROL", 1)  # a soft reset clears what is pending, not what is enabled
        await ctx.tick().repeat(40)
        assert (await read(ctx, bus, "STATUS"), await read(ctx, bus, "INTERRUPTS")) == (1, 0)
        assert (ctx.get(bus.irq), await read(ctx, bus, "INTERRUPT_ENABLE")) == (0, 0b10)

    simulate(registers, bench)


def test_ports_get_the_order_of_their_groups():
    other = "module \\top.u\n  wire width 3 input 0  \\a\nend\n"
    text = (
        "module \\top\n  wire width 3 input 2  \\a\n  wire width 1 input 4 signed \\b\n"
        "  wire width 2 output 3  \\x\n  wire width 1 \\c\nend\n" + other
    )
    assert with_port_order(text, "top", ["x", "a", "b"]) == (
        "module \\top\n  wire width 3 input 2  \\a\n  wire width 1 input 3 signed \\b\n"
        "  wire width 2 output 1  \\x\n  wire width 1 \\c\nend\n" + other
    )
