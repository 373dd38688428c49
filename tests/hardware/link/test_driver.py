"""The driver, the predictor and the C example with a simulated board, over UDP on this computer."""

import json
import socket
import subprocess
import threading
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import seq2seqlite
from seq2seqlite.cli.app import main
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.board import Faults, compile_board
from seq2seqlite.hardware.cosim.self_test import self_test
from seq2seqlite.hardware.eda.verilator import cpp_compiler
from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.gateware.register_map import constants
from seq2seqlite.hardware.host import Board, BoardError
from seq2seqlite.hardware.link_header import link_header
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts
from seq2seqlite.hardware.wire.link_packets import ANSWER, ErrorCode, Kind, packet, packet_from_bytes
from seq2seqlite.hardware.wire.results import records_from_result, words_from_records
from seq2seqlite.integer import ProgramPredictor, run_direct, write_program
from seq2seqlite.predictors import load_any_program, load_predictor

simulate_board_command = import_module("seq2seqlite.cli.hardware.simulate_board")
ROOT = Path(__file__).parents[3]
PATIENT_S = 200.0  # tests must not depend on the load of the machine
ALL_FAULTS = Faults(loss=0.01, duplicate=0.01, reorder=0.01, seed=2)


@contextmanager
def responder(answer):
    """Answer packets in Python, for boards that no simulation can be; yield the address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve():
            while True:
                data, peer = server.recvfrom(2000)
                if not data:
                    return
                found = answer(packet_from_bytes(data))
                if found is not None:
                    server.sendto(found, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"udp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", server.getsockname())
            thread.join()


def board_with(values):
    """Return the answers of a board whose CSRs have given values."""

    def answer(asked):
        if asked.kind == Kind.OPEN:
            return packet(Kind.OPEN | ANSWER, [10] * 9, session=int(asked.body[0]), sequence=asked.sequence)
        body = [values.get(int(address) & 0xFF, 0) for address in asked.body[::2]]
        return packet(
            asked.kind | ANSWER, body, session=asked.session, sequence=asked.sequence, argument=len(body)
        )

    return answer


@pytest.mark.parametrize("faults", [Faults(), ALL_FAULTS, Faults(0.15, 0.15, 0.15, seed=1)])
def test_faults_of_the_network_change_no_result(direct_board, faults):
    project, simulator = direct_board
    found = self_test(project, simulator, n=1200, seed=3, faults=faults)
    assert (found.pixels, found.mismatches, found.pixels_flagged, found.violations) == (1200, 0, 0, 0)
    faulty = faults != Faults()
    for name in ("packets_lost", "packets_duplicated", "packets_reordered"):
        assert (getattr(found, name) > 0) == faulty
    assert found.packets_repeated >= (found.packets_lost > 0)
    assert found.latency_cycles > project.shape.n_gates


def test_the_self_test_of_the_command_line(decoder_board, monkeypatch, tmp_path, capsys):
    project, simulator = decoder_board
    monkeypatch.setattr(simulate_board_command, "compile_board", lambda *_, **__: simulator)
    command = ["hardware", "simulate-board", str(project.folder), "--self-test", "--n", "300"]
    faults = ["--loss", "0.2", "--duplicate", "0.2", "--reorder", "0.2", "--seed", "1"]
    file = tmp_path / "found.json"
    assert main([*command, *faults, "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert (found["pixels"], found["mismatches"], found["pixels_flagged"]) == (300, 0, 0)
    assert min(found[key] for key in ("packets_lost", "packets_repeated", "latency_cycles")) > 0
    assert "300 pixels, 0 mismatches with the program" in capsys.readouterr().out
    assert main([*command, "--reset-after", "3"]) == 2
    assert "was reset, or another computer uses it" in capsys.readouterr().err


def test_a_board_with_counts_of_8_bits(narrow_board):
    project, simulator = narrow_board
    found = self_test(project, simulator, n=300, seed=2, faults=ALL_FAULTS)
    assert (found.pixels, found.mismatches, found.pixels_flagged, found.violations) == (300, 0, 0, 0)
    counts = np.full((2, 11), 256)
    with simulator.serve() as served, Board.open(served.address, timeout_s=PATIENT_S) as board:
        with pytest.raises(
            InputError, match=r"counts up to 256 do not fit the 8 bits of board udp://.*; build"
        ):
            board.results(project.program, counts)
        assert len(board.results(project.program, counts - 1)) == 2


@pytest.mark.hardware_full
def test_the_shipped_student_of_eight_units(tiny_design, tmp_path):
    project = tiny_design[1].project
    simulator = compile_board(project, out_dir=tmp_path)
    found = self_test(project, simulator, n=64 * 64, seed=1, faults=ALL_FAULTS)
    assert (found.pixels, found.mismatches, found.pixels_flagged, found.violations) == (4096, 0, 0, 0)


def test_a_port_in_use(decoder_board):
    _, simulator = decoder_board
    with (
        simulator.serve() as served,
        pytest.raises(InputError, match=rf"cannot use port {served.port} \(Address already in use\)"),
        simulator.serve(port=served.port),
    ):
        pass


def test_more_responses_than_the_board_holds(direct_board, direct_program):
    project, simulator = direct_board
    counts, bank = made_up_counts(direct_program, 70), made_up_bank(direct_program, 7)
    index = np.arange(70) % 7
    expected = records_from_result(run_direct(direct_program, counts, bank=bank, index=index))
    assert project.shape.responses == 5
    with (
        simulator.serve() as served,
        Board.open(served.address, program=direct_program, timeout_s=PATIENT_S) as board,
    ):
        for _ in range(2):
            found = board.results(direct_program, counts, bank=bank, index=index)
            np.testing.assert_array_equal(words_from_records(found), words_from_records(expected))
        few = records_from_result(
            run_direct(direct_program, counts, bank=bank, index=index, min_photons=1000)
        )
        found = board.results(direct_program, counts, bank=bank, index=index, min_photons=1000)
        np.testing.assert_array_equal(words_from_records(found), words_from_records(few))
        assert len(board.results(direct_program, counts[:0], bank=bank)) == 0
        with pytest.raises(InputError, match=r"counts of shape \(70, 23\) must have shape \(n, 24\)"):
            board.results(direct_program, counts[:, 1:], bank=bank)
        assert board.counters()["pixels"] == 210


def test_a_board_is_a_predictor_like_any_other(direct_board, direct_program, decay_image, tmp_path, capsys):
    _, simulator = direct_board
    file = tmp_path / "odd.program"
    write_program(file, direct_program)
    axis = direct_program.axis
    counts = np.random.default_rng(1).poisson(decay_image(np.full((6, 7), 2.0), photons=900).values)
    data = tmp_path / "decays.npz"
    np.savez(data, tpsf=counts, gate_width_ns=0.05, period_ns=axis.period_ns)
    with simulator.serve(faults=ALL_FAULTS) as served:
        name = f"board:{served.address}?model={file}&timeout_s={PATIENT_S:g}"
        board, software = load_predictor(name), load_predictor(file, backend="numpy")
        assert load_predictor(name).board is board.board
        response = np.exp(-0.5 * ((axis.starts_ns - 1.4) / 0.3) ** 2)
        for one, other in (
            (board, software),
            (board.with_response(response), software.with_response(response)),
        ):
            pixels = made_up_counts(direct_program, 50, seed=4) / 3
            for values, expected in zip(
                vars(one.lifetimes(pixels)).values(), vars(other.lifetimes(pixels)).values(), strict=True
            ):
                np.testing.assert_array_equal(values, expected)
        assert board.counters()["pixels"] == 100
        maps = {}
        for model in (name, str(file)):
            out = tmp_path / f"maps-{len(maps)}"
            assert main(["image", str(data), "--model", model, "--min-photons", "50", "--out", str(out)]) == 0
            maps[model] = out
        assert (
            main(["image", str(data), "--model", name, "--workers", "2", "--out", str(tmp_path / "x")]) == 2
        )
        streamed = seq2seqlite.stream(str(data), name, out=tmp_path / "stream", repeat=3, min_photons=50)
        assert (streamed["frames"], streamed["rejected"], streamed["predictor"]) == (3, 0, "FPGA board")
    assert "is a board, which one process uses" in capsys.readouterr().err
    import tifffile

    of_board, of_software = (tifffile.imread(min(out.glob("*.tif"))) for out in maps.values())
    np.testing.assert_array_equal(of_board, of_software)
    assert np.isfinite(of_board).any()


def test_a_board_that_is_reset_is_noticed_and_opened_again(direct_board, direct_program, tmp_path):
    _, simulator = direct_board
    counts, bank = made_up_counts(direct_program, 300), made_up_bank(direct_program, 2)
    file = tmp_path / "odd.program"
    write_program(file, direct_program)
    with simulator.serve(faults=Faults(reset_after=10)) as served:
        name = f"board:{served.address}?model={file}&timeout_s={PATIENT_S:g}"
        predictor = load_predictor(name)
        with pytest.raises(BoardError, match=r"^board udp://127\.0\.0\.1:\d+ was reset, or another computer"):
            predictor.board.results(direct_program, counts, bank=bank)
        again = load_predictor(name)
        assert again.board is not predictor.board
        expected = records_from_result(run_direct(direct_program, counts, bank=bank))
        found = again.board.results(direct_program, counts, bank=bank)
        np.testing.assert_array_equal(words_from_records(found), words_from_records(expected))
        with (
            Board.open(served.address, timeout_s=PATIENT_S),
            pytest.raises(BoardError, match="another computer uses it"),
        ):
            again.lifetimes(counts)
        assert served.statistics()["resets"] == 1


def test_a_stream_ends_with_its_board(direct_board, direct_program, decay_image, tmp_path, capsys):
    _, simulator = direct_board
    file, data = tmp_path / "odd.program", tmp_path / "decays.npz"
    write_program(file, direct_program)
    counts = np.random.default_rng(1).poisson(decay_image(np.full((6, 7), 2.0), photons=900).values)
    np.savez(data, tpsf=counts, gate_width_ns=0.05, period_ns=12.5)
    with simulator.serve(faults=Faults(reset_after=12)) as served:
        model = f"board:{served.address}?model={file}&timeout_s={PATIENT_S:g}"
        assert main(["stream", str(data), "--model", model, "--repeat", "0", "--min-photons", "50"]) == 2
    error = capsys.readouterr().err
    assert "was reset, or another computer uses it" in error
    assert "rejected" not in error


def test_another_program(direct_board, odd_direct_program):
    _, simulator = direct_board
    with simulator.serve() as served:
        with pytest.raises(BoardError, match=r"has program [0-9a-f]{16}, not odd-direct-5 \([0-9a-f]{16}\)"):
            Board.open(served.address, program=odd_direct_program(5), timeout_s=PATIENT_S)
        with pytest.raises(
            BoardError, match=r"not that of a shipped model; name its model: board:udp://.*\?model"
        ):
            load_predictor(f"board:{served.address}?timeout_s={PATIENT_S:g}")


def test_versions_and_designs_that_do_not_fit(tiny_shape):
    good = {REGISTERS[name]: value for name, value in constants(tiny_shape, 1, 32).items()}
    for name, value, text in (
        ("ID", 7, r"has a design with ID 0x00000007, not 0x53325351; load the bitstream"),
        ("VERSION", 9, r"has version 9 of the hardware specification, but this is version 2"),
    ):
        with (
            responder(board_with(good | {REGISTERS[name]: value})) as address,
            pytest.raises(BoardError, match=text),
        ):
            Board.open(address, timeout_s=PATIENT_S)

    def newer(asked):
        error = packet(Kind.ERROR, [asked.kind], sequence=asked.sequence, argument=ErrorCode.VERSION)
        return error[:1] + b"\x02" + error[2:]

    with (
        responder(newer) as address,
        pytest.raises(BoardError, match=r"has version 2 of the link, but this is version 1"),
    ):
        Board.open(address, timeout_s=PATIENT_S)


def test_the_shipped_model_of_a_board_is_found(tiny, tiny_shape):
    good = {REGISTERS[name]: value for name, value in constants(tiny_shape, 1, 32).items()}
    with responder(board_with(good)) as address:
        found = load_predictor(f"board:{address}?timeout_s={PATIENT_S:g}")
        assert (found.name, found.kind, found.instrument) == (tiny.name, "FPGA board", tiny.instrument)


@pytest.fixture
def tiny_shape(tiny):
    from seq2seqlite.hardware.design import DesignOptions, make_shape

    return make_shape(tiny, DesignOptions(), 20, 3)


def test_no_board(tmp_path, capsys):
    silent = pytest.raises(BoardError, match=r"does not answer within 0\.2 s; check its power")
    with responder(lambda _: None) as address, silent:
        Board.open(address, timeout_s=0.2)
    with pytest.raises(BoardError, match=r"no board at udp://127\.0\.0\.1:\d+ \(the port is closed\)"):
        Board.open(address, timeout_s=PATIENT_S)
    data = tmp_path / "decays.npz"
    np.savez(data, tpsf=np.ones((2, 2, 250)), gate_width_ns=0.05, period_ns=12.5)
    assert main(["image", str(data), "--model", f"board:{address}", "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "the port is closed" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "board:tcp://x:1",
            r"address='tcp://x:1' must be udp://host:port or serial://DEVICE, e\.g\. udp://192\.168\.1\.50:6000",
        ),
        ("board:udp://x:0", "must be udp://host:port"),
        ("board:udp://x:70000", "must be udp://host:port"),
        ("board:", "must be udp://host:port"),
        ("board:udp://x?colour=red", "has unknown options; only model and timeout_s may follow"),
        ("board:udp://127.0.0.1?timeout_s=long", "timeout_s=long of .* must be a number of seconds"),
        ("board:udp://127.0.0.1?timeout_s=-1", "timeout_s=-1 must be > 0"),
        ("board:udp://127.0.0.1?model=none", "model 'none' is unknown"),
    ],
)
def test_names_that_are_not_valid(name, text):
    with pytest.raises(InputError, match=text):
        load_predictor(name)


def test_a_board_has_no_back_end_and_no_program():
    with pytest.raises(InputError, match="backend='cpu' is for models of this package"):
        load_predictor("board:udp://127.0.0.1:9", backend="cpu")
    with pytest.raises(InputError, match="is a board; an integer program needs"):
        load_any_program("board:udp://127.0.0.1:9")


def test_the_c_example(decoder_board, tmp_path):
    project, simulator = decoder_board
    assert (project.folder / "link.h").read_text() == link_header()
    example = tmp_path / "board"
    source = ROOT / "examples" / "c" / "board.c"
    compiler = [cpp_compiler(), "-x", "c", "-std=gnu99", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*compiler, "-I", project.folder, "-o", example, source], check=True)
    counts = made_up_counts(project.program, 40)
    text = "\n".join(" ".join(map(str, pixel)) for pixel in counts.tolist())
    with simulator.serve(faults=ALL_FAULTS) as served:
        host, port = served.address.removeprefix("udp://").split(":")
        run = run_with([example, host, port], text)
        found = np.array([line.split() for line in run.stdout.splitlines()], float)
        failed = run_with([example, host, port], "1 2 3")
    closed = run_with([example, host, port], text)
    expected = ProgramPredictor(project.program).lifetimes(counts)
    columns = list(vars(expected).values())[:4]
    valid = np.isfinite(columns[0])
    assert 20 < valid.sum() < 40
    np.testing.assert_array_equal(np.isnan(found).all(axis=1), ~valid)
    for column, values in zip(found.T, columns, strict=True):
        np.testing.assert_allclose(column[valid], np.nan_to_num(values[valid]), atol=1e-6)
    assert (failed.returncode, failed.stderr) == (2, "a pixel is incomplete\n")
    assert (closed.returncode, closed.stderr.count("\n")) == (2, 1)


def run_with(command, text):
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=600, check=False)
