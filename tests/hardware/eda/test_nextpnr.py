"""A tiny counter on an ECP5, down to the bitstream."""

import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.eda import process
from seq2seqlite.hardware.eda.nextpnr import bitstream, place_and_route
from seq2seqlite.hardware.eda.process import ToolError
from seq2seqlite.hardware.eda.yosys import Synthesis, synthesize

COUNTER = """
module add (input clk, input [15:0] a, output reg [15:0] q = 0);
  always @(posedge clk) q <= q + a;
endmodule
module counter (input clk, output reg [3:0] led);
  wire [15:0] q;
  add one (clk, 16'd3, q);
  always @(posedge clk) led <= q[15:12];
endmodule
"""


@pytest.fixture(scope="module")
def netlist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counter")
    (folder / "counter.v").write_text(COUNTER)
    kept = Synthesis(keep=("add",))  # nextpnr gets one level whatever was kept
    return synthesize([folder / "counter.v"], top="counter", family="ecp5", out_dir=folder, synthesis=kept)


def test_a_counter_is_routed_and_becomes_a_bitstream(netlist, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "HEARTBEAT_S", 0.05)  # it takes less than a second at times
    beats = []
    result = place_and_route(
        netlist.netlist_json,
        device="ecp5-25f",
        speed=6,
        freq_mhz=100,
        out_dir=tmp_path,
        heartbeat=lambda *beat: beats.append(beat),
    )
    assert result.routed
    assert 150 < result.clock_mhz < 800  # a carry chain of 16 bits; the seed and the version decide
    assert result.use["TRELLIS_FF"].used == netlist.resources.ff == 20
    assert result.use["TRELLIS_COMB"].available == 24288
    assert result.use["MULT18X18D"].share == 0
    assert 1000 / result.clock_mhz == pytest.approx(
        sum(part.delay_ns for part in result.critical_path), rel=1e-3
    )
    assert 0 < result.logic_share < 1
    assert beats
    assert {name for name, _, _ in beats} == {"nextpnr"}
    bits = bitstream(result.textcfg)
    assert bits.suffix == ".bit"
    assert bits.stat().st_size > 100_000


def test_pins_that_the_package_has_not(netlist, tmp_path):
    (tmp_path / "pins.lpf").write_text('LOCATE COMP "clk" SITE "ZZ99";\n')
    with pytest.raises(ToolError, match=r"^nextpnr failed with exit code \d+: ERROR: .*ZZ99"):
        place_and_route(
            netlist.netlist_json,
            device="ecp5-25f",
            speed=6,
            freq_mhz=100,
            out_dir=tmp_path,
            lpf=tmp_path / "pins.lpf",
        )


def test_what_is_no_device(netlist, tmp_path):
    with pytest.raises(InputError, match=r"device='ecp5-99f' is unknown; choose one of ecp5-12f, ecp5-25f"):
        place_and_route(netlist.netlist_json, device="ecp5-99f", speed=6, freq_mhz=100, out_dir=tmp_path)
    with pytest.raises(InputError, match=r"speed=5 is not a speed grade of an ECP5; choose 6, 7 or 8"):
        place_and_route(netlist.netlist_json, device="ecp5-25f", speed=5, freq_mhz=100, out_dir=tmp_path)
