"""A board core of a direct program as a compiled simulation, built once a run."""

import pytest

from seq2seqlite.hardware.cosim.board import compile_board
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.project import read_project, write_project
from seq2seqlite.hardware.targets import find_target


@pytest.fixture(scope="session")
def board_of(built_once):
    """A function that returns the project of a program and the compiled simulation of its board."""

    def build(program, **options):
        design = make_design(program, find_target("ecp5-85f"), DesignOptions(**options))
        with built_once(f"board-{program.name}") as folder:
            written = (folder / "project").exists()
            project = (
                read_project(folder / "project") if written else write_project(design, folder / "project")
            )
            return project, compile_board(project, out_dir=folder)

    return build


@pytest.fixture(scope="session")
def direct_program(odd_direct_program):
    return odd_direct_program(9)  # responses matter to 9


@pytest.fixture(scope="session")
def direct_board(direct_program, board_of):
    return board_of(direct_program, lanes=2, result_width=64, responses=3)
