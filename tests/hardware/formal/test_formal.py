"""Formal checks: every property holds, and each of its faults is found."""

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, ClockDomain, Module, Signal

from seq2seqlite.hardware.eda.process import ToolError
from seq2seqlite.hardware.eda.yosys import prove
from seq2seqlite.hardware.frontends.parameters import SeriesShape

from .properties import PROPERTIES, TINY, burst_addresses


def _cases(pairs):
    """Return the cases of properties; those that take long are for `make test-hardware`."""
    return [
        pytest.param(*pair, marks=[] if PROPERTIES[pair[0]].quick else [pytest.mark.hardware_full])
        for pair in pairs
    ]


@pytest.mark.parametrize("name", _cases((name,) for name in PROPERTIES))
def test_a_property_holds(name):
    found = PROPERTIES[name].prove()
    assert found.outcome == ("proved" if PROPERTIES[name].induction else "bounded")


@pytest.mark.parametrize(
    ("name", "fault"), _cases((name, fault) for name, one in PROPERTIES.items() for fault in one.faults)
)
def test_a_fault_is_found(name, fault):
    assert PROPERTIES[name].prove(fault).outcome == "refuted"


@pytest.mark.parametrize(
    "shape",
    [
        TINY,
        SeriesShape(7, 201, data_bits=32, tile_pixels=16),
        SeriesShape(6, 130, data_bits=64, tile_pixels=32, count_bits=16),
        SeriesShape(3, 64, data_bits=64, tile_pixels=64),
    ],
)
def test_the_bursts_of_a_frame_cover_its_buffer_once(shape):
    """The order that is proved for the addresses covers every byte of the buffer."""
    covered = [address + byte for address in burst_addresses(shape) for byte in range(shape.burst_bytes)]
    assert sorted(covered) == list(range(shape.frame_bytes))


def _counter(*, limit, assumed=None):
    """Return a counter of two bits with an enable, asserted to be at most ``limit``."""
    m, enable, count = Module(), Signal(name="enable"), Signal(2)
    m.domains.sync = domain = ClockDomain(reset_less=True)
    m.d.sync += count.eq(count + enable)
    m.d.comb += Assert(count <= limit)
    if assumed is not None:
        m.d.comb += Assume(count <= assumed)
    return rtlil.convert(m, ports=[domain.clk, enable], name="top", emit_src=False)


def test_outcomes_of_a_check():
    refuted = prove(_counter(limit=2), top="top", steps=6)
    assert (refuted.outcome, refuted.steps) == ("refuted", 4)  # 0, 1, 2, 3
    assert prove(_counter(limit=2), top="top", steps=3).outcome == "bounded"
    assert prove(_counter(limit=2, assumed=2), top="top", steps=3, induction=True).outcome == "proved"
    with pytest.raises(ToolError, match="neither a proof nor a counterexample within 2 clock cycles"):
        prove(_counter(limit=2), top="top", steps=2, induction=True)
