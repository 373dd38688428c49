"""Cocotb tests of the toy design: that bench, bus models and simulator work together."""

import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)


async def start(dut):
    cocotb.start_soon(Clock(dut.aclk, 10, unit="ns").start())
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.aclk, dut.aresetn, False)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.aclk, dut.aresetn, False)
    registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.aclk, dut.aresetn, False)
    dut.aresetn.value = 0
    await ClockCycles(dut.aclk, 4)
    dut.aresetn.value = 1
    await ClockCycles(dut.aclk, 2)
    return source, sink, registers


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def packets_pass(dut):
    source, sink, _ = await start(dut)
    rng = random.Random(1)  # noqa: S311
    source.set_pause_generator(iter(lambda: rng.random() < 0.3, None))
    sink.set_pause_generator(iter(lambda: rng.random() < 0.5, None))
    packets = [[rng.randrange(65536) for _ in range(rng.randrange(1, 20))] for _ in range(20)]
    for packet in packets:
        await source.send(AxiStreamFrame(b"".join(value.to_bytes(2, "little") for value in packet)))
    for packet in packets:
        frame = await sink.recv()
        data = bytes(frame.tdata)
        assert [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)] == packet


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def registers_hold(dut):
    _, _, registers = await start(dut)
    assert await registers.read_dword(0x00) == 0x53325351
    await registers.write_dword(0x04, 0xDEADBEEF)
    assert await registers.read_dword(0x04) == 0xDEADBEEF


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def this_one_fails(dut):
    await start(dut)
    assert int(dut.m_axis_tvalid.value) == 1, "nothing was sent"
