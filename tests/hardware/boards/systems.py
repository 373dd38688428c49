"""Systems with a core that sends each packet back."""

from pathlib import Path

from amaranth.lib.wiring import In, Out

from seq2seqlite.hardware.boards.project import Core
from seq2seqlite.hardware.frontends.axi import axi_manager
from seq2seqlite.hardware.link.camera_port import camera_ports
from seq2seqlite.hardware.link.link import packet_ports
from seq2seqlite.hardware.plan import BuildPlan

HERE = Path(__file__).parent


def echo_core(program):
    verilog = (HERE / "echo_core.v").read_text()
    return Core(program, BuildPlan({"echo_core.v": verilog}), "echo_core", "echo_link")


def camera_stub(program, memory):
    """Return a core with the ports of one with a camera, and nothing inside."""
    axi = axi_manager(address_bits=memory.address_bits, data_bits=memory.data_bits)
    ports = {
        "aclk": In(1), "aresetn": In(1), **packet_ports(), **camera_ports(16), "camera_wanted": Out(1),
        **{f"m_axi_{name}": member for name, member in axi.items()}, "memory_status": In(32),
    }  # fmt: skip
    lines = [
        f"{'output' if member.flow is Out else 'input'} [{member.shape - 1}:0] {name}"
        for name, member in ports.items()
    ]
    verilog = f"module camera_stub (\n{', '.join(lines)}\n);\nendmodule\n"
    plan = BuildPlan({"camera_stub.v": verilog})
    return Core(program, plan, "camera_stub", "stub_link", ("stub_front_end",))
