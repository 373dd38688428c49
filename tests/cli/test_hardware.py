"""`seq2seqlite lower` and `seq2seqlite hardware`, from the command line."""

import json
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from rich.console import Console

from seq2seqlite.cli.app import main
from seq2seqlite.hardware.cosim.design import compile_project
from seq2seqlite.hardware.eda.nextpnr import Clock, PlaceAndRouteResult, Segment, Use
from seq2seqlite.hardware.explore import Candidate, Demand, best_candidate
from seq2seqlite.hardware.implementation import Placed
from seq2seqlite.hardware.resources.estimate import Estimate
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.integer import read_program, run, write_program

TINY = "seq2seqlite-tcspc-80mhz-tiny"
EXPLORE = ["hardware", "explore", "--frame", "5x5", "--fps", "30", "--target", "xc7k410t"]


@pytest.fixture
def program_file(odd_program, tmp_path):
    path = tmp_path / "odd.program"
    # As many gates as need few reducers, and one unit: Yosys takes half the time of three units.
    write_program(path, odd_program(5, units=1, n_gates=31))
    return path


@pytest.fixture(scope="module")
def simulation_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("simulation")


@pytest.fixture
def compiled_once(simulation_folder, monkeypatch):
    """Simulations of the same Verilog are compiled once, in a folder that the tests share."""
    command = import_module("seq2seqlite.cli.hardware.simulate")
    monkeypatch.setattr(
        command, "compile_project", lambda project, **_: compile_project(project, out_dir=simulation_folder)
    )


def test_lower_writes_the_program(tmp_path, capsys):
    out, found = tmp_path / "tiny.program", tmp_path / "found.json"
    assert main(["lower", "--model", TINY, "--out", str(out), "--json", str(found)]) == 0
    result = json.loads(found.read_text())
    assert read_program(out).sha256 == result["sha256"]
    assert result["exact_in_float32"] is True
    assert result["sha256"][:16] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lower", "--model", TINY, "--out", "x.npz"], "--out x.npz must end in .program, not in '.npz'"),
        (["lower", "--model", "seq2seqlite-tcspc-80mhz-kd", "--out", "x.program"], "is a float network"),
        (
            ["hardware", "build", "--model", TINY, "--target", "ecp5-25f", "--engines", "9", "--out", "new"],
            "more than ecp5-25f has",
        ),
        (["hardware", "build", "--model", TINY, "--target", "z", "--out", "new"], "target 'z' is unknown"),
        (["hardware", "simulate"], "give either a PROJECT folder (written by hardware build) or --model"),
        (["hardware", "synthesize", "nowhere"], "nowhere is not a hardware project"),
        (
            ["hardware", "place-and-route", "--model", TINY, "--target", "xc7k410t"],
            "place and route does not support target xc7k410t; build the project for an ECP5",
        ),
        (
            ["hardware", "explore", "--frame", "big", "--fps", "30", "--target", "xc7k410t"],
            "frame='big' must be width x height in pixels; use e.g. --frame 500x500",
        ),
        (
            EXPLORE,
            "students of different instruments cannot be compared; give --instrument (iccd, narrow-gate, ",
        ),
        (
            [*EXPLORE, "--instrument", "camera"],
            "instrument 'camera' is unknown; choose one of iccd, narrow-gate, ",
        ),
        (
            [*EXPLORE, "--instrument", "iccd", "--model", TINY],
            f"model {TINY} is one of instrument tcspc-80mhz, not of iccd",
        ),
        (
            ["hardware", "simulate", "--model", TINY, "--gaps", "1"],
            "gaps=1.0 must be a probability, at least 0 and below 1",
        ),
        (
            ["hardware", "simulate", "--model", TINY, "--lost", "1"],
            "lost=1.0 must be a probability, at least 0 and below 1",
        ),
        (
            ["hardware", "build", "--model", TINY, "--target", "kv260", "--out", "a", "--count-bits", "12"],
            "count_bits=12 must be one of 8, 16",
        ),
        (
            ["hardware", "simulate", "--model", TINY, "--seed", "-1"],
            "Invalid value for '--seed': Input should be greater than or equal to 0",
        ),
        (
            ["hardware", "hls", "--model", TINY, "--out", "new", "--seed", str(2**40)],
            "Invalid value for '--seed': Input should be less than or equal to 4294967295",
        ),
        (
            ["hardware", "synthesize", "--model", TINY, "--time-limit-s", "nan"],
            "time_limit_s=nan must be > 0, in seconds (e.g. 7200)",
        ),
        (
            ["hardware", "simulate-board", "--self-test", "--loss", "1"],
            "loss=1.0 must be a probability, at least 0 and below 1 (option --loss)",
        ),
        (
            ["hardware", "simulate-board", "--json", "new.json"],
            "--json writes the result of a self-test; add --self-test or omit --json",
        ),
        (["hardware", "simulate-board", "unknown"], "model 'unknown' is unknown; choose one of"),
        (["hardware", "report", "nowhere", "--out", "new"], "nowhere is not a hardware project"),
        (["hardware", "fly"], "No such command 'fly'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("compiled_once")
def test_from_a_program_to_a_report(program_file, tmp_path):
    project, found = tmp_path / "project", tmp_path / "found.json"
    build = ["hardware", "build", "--model", str(program_file), "--target", "ecp5-25f", "--out", str(project)]
    assert main([*build, "--json", str(found)]) == 0
    assert json.loads(found.read_text())["clocks_per_pixel"] == 31
    simulate = ["hardware", "simulate", str(project), "--n", "150", "--stalls", "0.2"]
    found = tmp_path / "simulated.json"
    assert main([*simulate, "--json", str(found)]) == 0
    result = json.loads(found.read_text())
    assert (result["pixels"], result["mismatches"], result["clocks_per_pixel"]) == (150, 0, 31)
    found = tmp_path / "synthesized.json"
    assert main(["hardware", "synthesize", str(project), "--json", str(found)]) == 0
    result = json.loads(found.read_text())
    assert result.keys() >= {"lut", "ff", "dsp", "bram36", "device_share"}
    assert 0 < result["engine"]["lut"] < result["lut"] < 5_900  # a ceiling: it took 5,330
    assert main(["hardware", "report", str(project), "--out", str(tmp_path / "report")]) == 0
    report = json.loads((tmp_path / "report" / "hardware.json").read_text())
    assert report["designs"][0]["measured"]["synthesis"]["lut"] == result["lut"]
    assert report["designs"][0]["frames_per_second_measured"] == {}
    page = (tmp_path / "report" / "report.html").read_text()
    assert "<h3>Measured</h3>" in page
    assert "<h3>Estimated</h3>" in page
    # The same folder takes the next build, of which nothing was measured yet.
    assert main([*build, "--engines", "2"]) == 0
    assert main(["hardware", "report", str(project), "--out", str(tmp_path / "report")]) == 0
    report = json.loads((tmp_path / "report" / "hardware.json").read_text())
    assert report["designs"][0]["measured"] == {}


def placed(folder):
    bits = folder / "place-and-route" / "top.bit"
    result = PlaceAndRouteResult(
        clock_mhz=101.5,
        clock_domains={"aclk": Clock(101.5, 100.0)},
        crossing_ns=0.0,
        crossing_share=0.0,
        routed=True,
        use={"TRELLIS_FF": Use(7, 24288), "DCCA": Use(0, 56)},
        critical_path=(Segment("clk-to-q", 0.5, "a.Q", ""),),
        seconds=1.0,
        peak_memory_bytes=1,
        textcfg=bits.with_suffix(".config"),
        report=bits.with_suffix(".json"),
        log=bits.with_suffix(".log"),
    )
    return Placed(6, result, bits)


def test_place_and_route_names_files_that_stay(program_file, tmp_path, monkeypatch, capsys):
    command = import_module("seq2seqlite.cli.hardware.place_and_route")
    monkeypatch.setattr(command, "place_and_route_project", lambda project, **_: placed(project.folder))
    project, found = tmp_path / "project", tmp_path / "found.json"
    design = ["--model", str(program_file), "--target", "ecp5-25f"]
    assert main(["hardware", "build", *design, "--out", str(project)]) == 0
    capsys.readouterr()
    assert main(["hardware", "place-and-route", str(project), "--json", str(found)]) == 0
    result = json.loads(found.read_text())
    bits = project / "place-and-route" / "top.bit"
    assert (result["bitstream"], result["log"]) == (str(bits), str(bits.with_suffix(".log")))
    assert capsys.readouterr().out.splitlines() == [
        "routed, 101.5 MHz at speed grade 6",
        "TRELLIS_FF: 7 of 24,288",
        str(bits),
    ]
    assert main(["hardware", "place-and-route", *design, "--json", str(found)]) == 0
    result = json.loads(found.read_text())
    assert (result["project"], result["bitstream"], result["log"]) == (None, None, None)
    assert result["clock_mhz"] == 101.5
    assert ".bit" not in capsys.readouterr().out


@pytest.mark.usefixtures("compiled_once")
def test_a_pixel_that_differs_is_a_failure(program_file, tmp_path, monkeypatch, capsys):
    """A design of another program: its threshold for dark pixels is another than what it is compared with."""
    project, found = tmp_path / "project", tmp_path / "found.json"
    build = ["hardware", "build", "--model", str(program_file), "--target", "ecp5-25f", "--out", str(project)]
    assert main(build) == 0
    monkeypatch.setattr(
        "seq2seqlite.hardware.cosim.inputs.run", lambda program, counts, **options: run(program, counts[::-1])
    )
    assert main(["hardware", "simulate", str(project), "--n", "30", "--json", str(found)]) == 2
    mismatches = json.loads(found.read_text())["mismatches"]
    assert mismatches > 0
    assert f"30 pixels, {mismatches} mismatches with the program" in capsys.readouterr().out


def test_simulation_of_a_direct_program_uses_several_responses(direct_design, tmp_path, monkeypatch, capsys):
    command = import_module("seq2seqlite.cli.hardware.simulate")
    monkeypatch.setattr(command, "compile_project", lambda project, **_: direct_design)
    project, found = str(direct_design.project.folder), tmp_path / "found.json"
    words = ["hardware", "simulate", project, "--n", "60", "--json", str(found)]
    assert main([*words, "--gaps", "0.1"]) == 0
    result = json.loads(found.read_text())
    assert (result["pixels"], result["mismatches"], result["responses"]) == (60, 0, 4)
    assert "60 pixels, 4 responses in turn, 0 mismatches" in capsys.readouterr().out
    irfs = []
    for number in range(2):
        path = tmp_path / f"irf{number}.txt"
        times = np.arange(60) * 0.2
        np.savetxt(path, np.column_stack([times, 1e4 * np.exp(-((times - 1.4) ** 2) / (0.05 + number))]))
        irfs += ["--irf", str(path)]
    assert main([*words, *irfs]) == 0
    result = json.loads(found.read_text())
    assert (result["mismatches"], result["responses"], len(result["irf"])) == (0, 2, 2)


def test_packets_that_are_lost(program_file, tmp_path, capsys):
    project, found = str(tmp_path / "project"), tmp_path / "found.json"
    build = ["hardware", "build", "--model", str(program_file), "--target", "xc7k410t", "--out", project]
    assert main([*build, "--count-bits", "8", "--sequence-numbers"]) == 0
    words = ["hardware", "simulate", project, "--n", "60", "--lost", "0.2", "--json", str(found)]
    assert main(words) == 0
    result = json.loads(found.read_text())
    assert (result["pixels"], result["mismatches"]) == (60, 0)
    assert 5 < result["packets_lost"] < 20
    printed = " ".join(capsys.readouterr().out.split())  # lines are wrapped
    assert f"60 pixels, {result['packets_lost']} of them without a packet, 0 mism" in printed
    assert main([*build]) == 0
    assert main(words) == 2
    assert (
        "lost=0.2 needs a design with sequence numbers; build it with --sequence" in capsys.readouterr().err
    )


def test_an_irf_for_a_program_that_does_not_use_it(program_file, tmp_path, capsys):
    (tmp_path / "irf.txt").write_text("0 1\n0.1 9\n0.2 1\n")
    words = ["hardware", "simulate", "--model", str(program_file), "--irf", str(tmp_path / "irf.txt")]
    assert main([*words, "--target", "ecp5-25f"]) == 2
    assert "program odd-5 does not use a response; omit --irf" in capsys.readouterr().err


@pytest.mark.usefixtures("compiled_once")
def test_real_counts_of_a_file(program_file, tmp_path):
    decay = np.exp(-np.maximum(np.arange(31) - 4, 0) / 6) * (np.arange(31) >= 4)
    counts = np.random.default_rng(0).poisson(30 * decay, (6, 6, 31))
    axis = {"gate_width_ns": 0.4, "period_ns": 12.5}
    np.savez(tmp_path / "image.npz", tpsf=counts.astype(np.uint16), **axis)
    words = ["hardware", "simulate", "--model", str(program_file), "--target", "ecp5-25f", "--n", "36"]
    found = tmp_path / "found.json"
    pixels = ["--pixels", str(tmp_path / "image.npz"), "--min-photons", "1", "--json", str(found)]
    assert main([*words, *pixels]) == 0
    result = json.loads(found.read_text())
    assert (result["pixels"], result["mismatches"]) == (36, 0)


def test_a_program_makes_maps_as_its_network_does(tiny, tmp_path):
    write_program(tmp_path / "tiny.program", tiny)
    decays = np.exp(-np.maximum(np.arange(135) - 16, 0) / 20) * (np.arange(135) >= 16)
    counts = np.random.default_rng(0).poisson(40 * decays, (5, 5, 135))
    axis = {"gate_width_ns": 0.09, "period_ns": 12.5}
    np.savez(tmp_path / "image.npz", tpsf=counts.astype(np.uint16), **axis)
    maps = {}
    for name, model in (("network", TINY), ("program", str(tmp_path / "tiny.program"))):
        out = tmp_path / name
        assert main(["image", str(tmp_path / "image.npz"), "--model", model, "--out", str(out)]) == 0
        maps[name] = tifffile.imread(out / "tau_mean_ns.tif")
    np.testing.assert_allclose(maps["program"], maps["network"], atol=2 * tiny.reduction.tau_step_ns)


def test_explore_takes_programs_of_both_kinds(program_file, odd_direct_program, tmp_path):
    found, direct = tmp_path / "found.json", tmp_path / "direct.program"
    write_program(direct, odd_direct_program(9))
    words = ["hardware", "explore", "--frame", "64x64", "--fps", "300", "--target", "ecp5-45f", "--no-check"]
    models = ["--model", str(program_file), "--model", str(direct)]
    assert main([*words, *models, "--json", str(found)]) == 0
    rows = json.loads(found.read_text())
    assert {(row["model"], row["rmse_total"]) for row in rows} == {("odd-5", None), ("odd-direct-9", None)}


def test_explore_compares_by_the_bound_if_all_students_have_it():
    def candidate(name, rmse, over_bound, lut):
        program, size = SimpleNamespace(name=name), Estimate(lut, 0, 0, 0.0)
        return Candidate(SimpleNamespace(program=program), size, {}, 1.0, rmse, over_bound, fulfils=True)

    demand = Demand(find_target("xc7k410t"), 100, 1.0)
    known = [candidate("a", 0.02, 1.4, 10), candidate("b", 0.03, 1.1, 30), candidate("b", 0.03, 1.1, 20)]
    assert best_candidate(known, demand) is known[2]
    assert best_candidate([*known, candidate("c", 0.04, None, 5)], demand) is known[0]


def test_the_table_of_explore_fits_80_columns(capsys):
    command = import_module("seq2seqlite.cli.hardware.explore")
    row = {
        "model": "seq2seqlite-tcspc-80mhz-direct-int8",
        "engines": 12,
        "clock_mhz": 133.3,
        "frames_per_second": 1234.5,
        "lut": 1_234_567,
        "device_share": {"ff": 1.0, "dsp": 1.0, "bram36": 1.0},
        "rmse_over_bound": 1.234,
        "best": True,
        "fulfils": True,
    }
    Console(width=80).print(command._table([row, row | {"best": False}]))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("tcspc-80mhz-direct-int8" in line for line in lines) == 2
    assert any(line.split()[:1] == ["*"] for line in lines)
    assert "RMSE/" in lines[1]
    assert "bound" in lines[2]


def test_explore_answers(tmp_path, capsys):
    found = tmp_path / "found.json"
    words = ["hardware", "explore", "--frame", "64x64", "--fps", "300", "--target", "ecp5-45f"]
    assert main([*words, "--model", TINY, "--no-check", "--out", str(tmp_path), "--json", str(found)]) == 0
    rows = json.loads(found.read_text())
    assert all(row.keys() >= {"frames_per_second", "lut", "engines", "model"} for row in rows)
    best = [row for row in rows if row["best"]]
    assert len(best) == 1
    assert best[0]["frames_per_second"] >= 300
    assert best[0]["rmse_total"] == pytest.approx(0.0405, abs=1e-4)
    assert [row for row in rows if "provenance" in row] == best
    assert best[0]["provenance"]["versions"]["da4ml"]
    assert (tmp_path / "front.png").is_file()
    capsys.readouterr()
    assert main([*words[:5], "90000", *words[6:], "--model", TINY, "--no-check"]) == 2
    assert "no design reaches 90000 frames per second within 80% of ecp5-45f" in capsys.readouterr().err
