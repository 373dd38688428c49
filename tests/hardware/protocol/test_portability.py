"""The Verilog of a design means the same to every simulator, as Verilog and as SystemVerilog."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from seq2seqlite.hardware.cosim.stream import Access, compile_stream
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.eda.process import run_tool
from seq2seqlite.hardware.gateware.parameters import TOP, packet_clocks
from seq2seqlite.hardware.stimulus import made_up_counts
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.hardware.wire.results import beats_from_counts, records_from_result, words_from_records
from seq2seqlite.integer import run

from .conftest import write_verilog

BENCH = Path(__file__).with_name("event_bench.v")
OUT_BITS = 32
N_PIXELS, GAPS, STALLS, SEED = 40, 0.2, 0.3, 5
MIN_PHOTONS, FLUSH_CLOCKS = 100, 4096


@pytest.fixture(scope="module")
def design(tiny):
    return make_design(tiny, find_target("xc7k410t"), DesignOptions(result_width=OUT_BITS))


@pytest.fixture(scope="module")
def verilog(design):
    return design.plan().execute()


def test_combinational_processes_are_woken_at_time_0(verilog):
    """In SystemVerilog an initial value is no event: outputs would stay X until an input changes."""
    for name in ("engine.v", "top.v"):
        text = verilog[name]
        woken = set(re.findall(r"if \((\\\S+ )\) begin end", text))
        assert woken, f"{name}: Yosys writes combinational processes in another way; look at yosys.WAKE_UP"
        for variable in woken:
            assert f"  reg {variable};\n  initial {variable}<= 0;\n" in text


def test_no_wire_is_without_bits(verilog):
    for name, text in verilog.items():
        assert "[-1:0]" not in text, name


def stimulus(design):
    program = design.program
    counts = made_up_counts(program, N_PIXELS)
    beats = beats_from_counts(counts, lanes=design.shape.lanes)
    expected = words_from_records(records_from_result(run(program, counts, min_photons=MIN_PHOTONS)))
    return beats, expected.reshape(-1)


def simulated_by_icarus(files, folder, beats, *, in_bits, generation):
    """Return the cycle of the first beat in, and cycle, data and tlast of each beat out."""
    program = shutil.which("iverilog")
    if program is None:
        pytest.fail("Icarus Verilog (iverilog) is not on the PATH; run: apt install iverilog")
    data = [int.from_bytes(words.astype("<u4").tobytes(), "little") for words in beats.words]
    lines = [f"{int(last) << in_bits | word:x}" for word, last in zip(data, beats.last, strict=True)]
    (folder / "beats.hex").write_text("\n".join(lines) + "\n")
    values = {
        "IN_BITS": in_bits,
        "OUT_BITS": OUT_BITS,
        "N_BEATS": len(beats),
        "N_EXPECTED": 4 * N_PIXELS,
        "SEED": SEED,
        "GAP": int(GAPS * 2**32),
        "STALL": int(STALLS * 2**32),
        "MIN_PHOTONS": MIN_PHOTONS,
        "FLUSH_CLOCKS": FLUSH_CLOCKS,
    }
    compiled = folder / f"bench-{generation}"
    run_tool(
        "Icarus Verilog",
        [
            *(program, f"-g{generation}", "-s", "event_bench", "-o", compiled),
            *(f"-Pevent_bench.{name}={value}" for name, value in values.items()),
            *(BENCH, *files),
        ],
        log=folder / f"iverilog-{generation}.txt",
        time_limit_s=600,
    )
    log = folder / f"vvp-{generation}.txt"
    run_tool("vvp", ["vvp", "-n", compiled], log=log, time_limit_s=3600, cwd=folder)
    lines = log.read_text().splitlines()
    assert lines[-1] == f"end {len(beats)} {4 * N_PIXELS}"
    first = next(line for line in lines if line.startswith("first ")).split()[1]
    rows = [line.split() for line in lines if line[0].isdigit()]
    return int(first), [(int(cycle), int(data, 16), bool(int(last))) for cycle, data, last in rows]


def agree_cycle_by_cycle(design, folder):
    files, in_bits = write_verilog(design, folder), design.shape.beat_bits
    beats, expected = stimulus(design)
    verilator = compile_stream(
        files, top=TOP, in_bits=in_bits, out_bits=OUT_BITS, out_dir=folder / "verilator"
    ).run(
        beats,
        n_expected=4 * N_PIXELS,
        before=[Access(0x20, FLUSH_CLOCKS), Access(0x1C, MIN_PHOTONS)],
        gaps=GAPS,
        stalls=STALLS,
        seed=SEED,
    )
    np.testing.assert_array_equal(verilator.out.words[:, 0], expected)
    cycles = (verilator.out_clock - verilator.in_clock[0]).tolist()
    for generation in ("2005", "2012"):
        first, beats_out = simulated_by_icarus(files, folder, beats, in_bits=in_bits, generation=generation)
        assert [cycle - first for cycle, _, _ in beats_out] == cycles
        assert [data for _, data, _ in beats_out] == expected.tolist()
        assert [last for _, _, last in beats_out] == verilator.out.last.tolist()


@pytest.mark.hardware_full
def test_icarus_and_verilator_agree_cycle_by_cycle(design, tmp_path):
    agree_cycle_by_cycle(design, tmp_path)


@pytest.mark.hardware_full
def test_they_agree_about_engines_behind_packets_of_few_beats(odd_program, tmp_path):
    """Three clock cycles for a packet, and delay lines in memories."""
    options = DesignOptions(engines=6, lanes=8, result_width=OUT_BITS)
    design = make_design(odd_program(1), find_target("ecp5-25f"), options)
    assert (design.shape.words, packet_clocks(6)) == (3, 3)
    agree_cycle_by_cycle(design, tmp_path)
