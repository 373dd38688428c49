"""Pins for a design that is for no board."""

import json
import re

import pytest

from seq2seqlite.hardware.eda.pins import example_pins
from seq2seqlite.hardware.eda.process import ToolError


@pytest.fixture
def netlist(tmp_path):
    def written(**widths):
        ports = {name: {"direction": "input", "bits": list(range(n))} for name, n in widths.items()}
        path = tmp_path / "netlist.json"
        path.write_text(json.dumps({"modules": {"top": {"ports": ports}}}))
        return path

    return written


def located(text):
    return dict(re.findall(r'LOCATE COMP "(\S+)" SITE "(\S+)";\n', text))


def test_every_port_but_the_clock_has_a_pin_of_its_own(netlist):
    pins = located(
        example_pins(netlist(clk=1, a=40, b=1), "top", device="ecp5-85f", package="CABGA756", clock="clk")
    )
    assert list(pins) == [*(f"a[{i}]" for i in range(40)), "b"]
    assert len(set(pins.values())) == 41


def test_pins_are_neighbours(netlist):
    """The first are on the left side of the chip: in the package, columns of the first balls."""
    pins = located(
        example_pins(netlist(clk=1, a=8), "top", device="ecp5-85f", package="CABGA756", clock="clk")
    )
    assert {int(re.sub(r"\D", "", pin)) for pin in pins.values()} <= set(range(1, 7))


def test_a_package_that_is_too_small(netlist):
    with pytest.raises(
        ToolError, match="package CABGA381 of ecp5-85f has 205 pins, but the design needs 300; use a larger"
    ):
        example_pins(netlist(clk=1, a=300), "top", device="ecp5-85f", package="CABGA381", clock="clk")
