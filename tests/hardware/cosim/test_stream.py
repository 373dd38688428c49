"""The bulk harness against a design of known behaviour, and against designs that misbehave."""

from pathlib import Path

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.stream import Access, StreamSimulator, compile_stream
from seq2seqlite.hardware.eda.verilator import Compilation
from seq2seqlite.hardware.wire.beats import Beats

TOY = Path(__file__).with_name("toy_stream.v")
OFFSET, DELIVERED = 0x04, 0x08


def simulator(
    folder: Path, in_bits: int = 16, out_bits: int = 32, text: str | None = None
) -> StreamSimulator:
    file = folder / "toy.v"
    file.write_text(text or TOY.read_text())
    return compile_stream(
        [file],
        top="toy_stream",
        in_bits=in_bits,
        out_bits=out_bits,
        out_dir=folder / "build",
        compilation=Compilation(verilator=(f"-GIN={in_bits}", f"-GOUT={out_bits}")),
    )


def random_beats(n: int, in_bits: int, seed: int = 1) -> Beats:
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 2 ** min(in_bits, 32), (n, -(-in_bits // 32)), dtype=np.uint32)
    return Beats(words, rng.random(n) < 0.2)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return simulator(tmp_path_factory.mktemp("toy"))


@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0), (0.5, 0), (0, 0.7), (0.4, 0.6)])
def test_every_beat_comes_once_in_order_whatever_the_gaps(toy, gaps, stalls):
    beats = random_beats(500, 16)
    run = toy.run(beats, n_expected=500, gaps=gaps, stalls=stalls, seed=3)
    assert (run.end, run.unstable) == ("done", 0)
    np.testing.assert_array_equal(run.out.words, beats.words)
    np.testing.assert_array_equal(run.out.last, beats.last)
    assert (np.diff(run.in_clock) > 0).all()
    assert (run.out_clock > run.in_clock).all()
    if gaps == stalls == 0:
        assert run.out_clock[-1] - run.out_clock[0] == 499


def test_registers_are_written_before_and_read_after_the_stream(toy):
    run = toy.run(
        random_beats(7, 16),
        n_expected=7,
        before=[Access(OFFSET, 1000), Access(OFFSET), Access(0)],
        after=[Access(DELIVERED), Access(0xFC)],
    )
    assert run.registers == (1000, 1000, 0x53325351, 7, 0)
    assert run.responses == ("okay",) * 5
    np.testing.assert_array_equal(run.out.words, random_beats(7, 16).words + 1000)


def test_registers_are_accessed_in_their_order_during_the_stream(toy):
    beats = Beats(np.zeros((300, 1), np.uint32), np.zeros(300, np.bool_))
    during = [
        Access(OFFSET, 4, after_beats=100),
        Access(DELIVERED, until=128, after_beats=100),  # read until 128 beats were delivered
        Access(OFFSET, 8, after_beats=250),
    ]
    run = toy.run(beats, n_expected=300, during=during, gaps=0.3, stalls=0.3, seed=4)
    offsets = run.out.words[:, 0]
    assert run.end == "done"
    assert run.registers == (4, 128, 8)
    assert (np.diff(offsets.astype(np.int64)) >= 0).all()
    changes = np.searchsorted(offsets, [4, 8])
    assert 100 <= changes[0] < 110
    assert 250 <= changes[1] < 260


@pytest.mark.parametrize(("in_bits", "out_bits"), [(256, 64)])
def test_wide_ports(tmp_path, in_bits, out_bits):
    beats = random_beats(50, in_bits)
    run = simulator(tmp_path, in_bits, out_bits).run(beats, n_expected=50, gaps=0.3, stalls=0.3)
    np.testing.assert_array_equal(run.out.words, beats.words[:, : out_bits // 32])


def test_beats_out_that_nobody_awaits_are_recorded(toy):
    assert len(toy.run(random_beats(9, 16), n_expected=3, drain_clocks=20).out) == 9


def test_a_design_that_stalls_is_reported(toy):
    run = toy.run(random_beats(9, 16), n_expected=10, idle_limit=50)
    assert (run.end, len(run.out)) == ("stalled", 9)


def test_a_design_that_changes_an_offered_beat_is_caught(tmp_path):
    text = (
        TOY.read_text()
        .replace("m_axis_tdata <= s_axis_tdata + offset;", "")
        .replace("if (s_axis_tready) begin", "m_axis_tdata <= s_axis_tdata; if (s_axis_tready) begin")
    )
    assert simulator(tmp_path, text=text).run(random_beats(100, 16), stalls=0.5).unstable > 0


def test_registers_that_do_not_answer(tmp_path):
    text = TOY.read_text().replace("wire read = s_axil_arvalid", "wire read = 0 && s_axil_arvalid")
    run = simulator(tmp_path, text=text).run(random_beats(1, 16), before=[Access(0)], idle_limit=100)
    assert run.end == "registers hang"
    assert run.registers == ()


def test_what_is_no_stimulus(toy):
    with pytest.raises(InputError, match=r"gaps=1 must be a probability, at least 0 and below 1"):
        toy.run(random_beats(1, 16), gaps=1)
    with pytest.raises(InputError, match=r"beats of 2 words do not fit s_axis_tdata of 16 bits, which has 1"):
        toy.run(random_beats(1, 64))
