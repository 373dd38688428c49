"""The bank of responses alone, of one block memory and of several."""

import dataclasses

import numpy as np
import pytest
from amaranth.sim import Simulator

from seq2seqlite.decay import TimeAxis
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.response_bank import ResponseBank

LATENCY = 9


@pytest.mark.parametrize(
    ("n_gates", "responses", "columns", "depth", "blocks"),
    [(24, 5, 2, 1024, 1), (24, 43, 2, 1024, 2), (100, 64, 2, 1024, 7), (100, 64, 3, 2048, 12)],
)
def test_the_bank_gives_the_codes_that_were_written(  # noqa: PLR0917
    odd_direct_program, n_gates, responses, columns, depth, blocks
):
    axis = TimeAxis(n_gates=n_gates, gate_width_ns=0.1, period_ns=12.5)
    program = dataclasses.replace(odd_direct_program(9, n_columns=columns), axis=axis)
    shape = Shape(program, 10, 0, 1, "lifetimes", responses, "")
    assert (1 << shape.bank_block_bits, shape.bank_blocks(shape.bank_block_bits)) == (depth, blocks)
    bank = ResponseBank(shape, LATENCY)
    rng, n = np.random.default_rng(0), shape.bank_words
    codes = rng.integers(0, 1 << shape.response_bits, n).tolist()
    # Both ends of each block, and some words between them.
    ends = [address for start in range(0, n, 1024) for address in (start, min(start + 1023, n - 1))]
    addresses = [*ends, *rng.integers(0, n, 60).tolist()]
    found = []

    async def bench(ctx):
        for address in addresses:
            ctx.set(bank.write, {"enable": 1, "address": address, "codes": codes[address]})
            await ctx.tick()
        ctx.set(bank.write, {"enable": 0, "address": 0, "codes": 0})
        await ctx.tick().repeat(3)
        for address in [*addresses, *[0] * LATENCY]:
            gate = min(address, n_gates - 1)
            ctx.set(bank.base, address - gate)
            ctx.set(bank.gate, gate)
            found.append(ctx.get(bank.codes))
            await ctx.tick()

    simulator = Simulator(bank)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert found[LATENCY:] == [codes[address] for address in addresses]
