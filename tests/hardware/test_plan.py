"""Designs are prepared without a tool; Yosys runs once, by an explicit call."""

import hashlib
import subprocess

import pytest

from seq2seqlite.hardware.design import DesignOptions, make_design, verilog_files
from seq2seqlite.hardware.eda import yosys
from seq2seqlite.hardware.project import write_project
from seq2seqlite.hardware.targets import find_target


def tiny_design(odd_program):
    return make_design(odd_program(0), find_target("xc7k410t"), DesignOptions(engines=2))


@pytest.fixture
def no_process(monkeypatch):
    def refuse(*args, **_):
        raise AssertionError(f"a process was started: {args}")

    monkeypatch.setattr(subprocess, "Popen", refuse)


def public_attributes(thing):
    return {name: getattr(thing, name) for name in dir(thing) if not name.startswith("_")}


def test_reading_a_design_or_its_plan_starts_no_tool(odd_program, no_process):
    design = tiny_design(odd_program)
    assert {"shape", "latency_clocks", "clocks_per_pixel", "plan"} <= set(public_attributes(design))
    plan = design.plan()
    assert {"files", "digests", "sha256", "execute"} <= set(public_attributes(plan))
    assert public_attributes(design.with_engines(3))["clocks_per_pixel"] < design.clocks_per_pixel
    with pytest.raises(AssertionError, match="a process was started"):
        plan.execute()


def test_a_plan_has_the_digests_of_its_files(odd_program, no_process):
    plan = tiny_design(odd_program).plan()
    assert plan.verilog_names == verilog_files(odd_program(0))
    assert set(plan.files) == {"encoder_step.v", "decoder_step.v", "head.v", "engine.il", "top.il"}
    for name, text in plan.files.items():
        assert plan.digests[name] == hashlib.sha256(text.encode()).hexdigest()
    assert plan.sha256 == tiny_design(odd_program).plan().sha256
    assert plan.sha256 != tiny_design(odd_program).with_engines(3).plan().sha256


def test_a_project_is_written_with_one_run_of_yosys(odd_program, tmp_path, monkeypatch):
    runs, run_tool = [], yosys.run_tool

    def counted(name, *args, **options):
        runs.append(name)
        return run_tool(name, *args, **options)

    monkeypatch.setattr(yosys, "run_tool", counted)
    project = write_project(tiny_design(odd_program), tmp_path / "project")
    assert runs == ["Yosys"]
    assert tuple(path.name for path in project.verilog) == verilog_files(odd_program(0))
