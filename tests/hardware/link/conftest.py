"""Board cores as compiled simulations, each built once a run."""

import pytest

from seq2seqlite.hardware.cosim.board import compile_board
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.eda.verilator import Compilation
from seq2seqlite.hardware.project import read_project, write_project
from seq2seqlite.hardware.targets import find_target

from .camera_boards import series_of

QUICK = Compilation(optimisation="-O0")


@pytest.fixture(scope="session")
def direct_program(direct_design):
    return direct_design.project.program


@pytest.fixture(scope="session")
def direct_board(direct_design, built_once):
    """The project of a direct program with five responses, and the compiled simulation of its board."""
    with built_once("direct-board") as folder:
        return direct_design.project, compile_board(direct_design.project, out_dir=folder, compilation=QUICK)


@pytest.fixture(scope="session")
def narrow_board(odd_program, built_once):
    """The project of a program with counts of 8 bits, and the compiled simulation of its board."""
    options = DesignOptions(lanes=2, count_bits=8)
    design = make_design(odd_program(4, n_gates=11), find_target("ecp5-85f"), options)
    with built_once("narrow-board") as folder:
        written = (folder / "project").exists()
        project = read_project(folder / "project") if written else write_project(design, folder / "project")
        return project, compile_board(project, out_dir=folder, compilation=QUICK)


@pytest.fixture(scope="session")
def decoder_board(odd_program, built_once):
    """The project of a program with a decoder, and the compiled simulation of its board."""
    design = make_design(odd_program(4, n_gates=11), find_target("ecp5-85f"), DesignOptions(lanes=4))
    with built_once("decoder-board") as folder:
        written = (folder / "project").exists()
        project = read_project(folder / "project") if written else write_project(design, folder / "project")
        return project, compile_board(project, out_dir=folder, compilation=QUICK)


@pytest.fixture(scope="session")
def camera_board(odd_program, built_once):
    """The project of a program with a decoder, a front end, and the compiled simulation of its board."""
    design = make_design(odd_program(1, n_gates=11), find_target("ecp5-85f"), DesignOptions(lanes=2))
    with built_once("camera-board") as folder:
        written = (folder / "project").exists()
        project = read_project(folder / "project") if written else write_project(design, folder / "project")
        series = series_of(project)
        board = compile_board(project, out_dir=folder, series=series, port_bits=16, compilation=QUICK)
        return project, series, board


@pytest.fixture(scope="session")
def direct_camera_board(direct_design, built_once):
    """The same for one-bit frames, and a direct program with a response map."""
    project = direct_design.project
    series = series_of(project, frame_bits=16, map_bits=3)
    with built_once("direct-camera-board") as folder:
        board = compile_board(project, out_dir=folder, series=series, port_bits=16, compilation=QUICK)
        return project, series, board
