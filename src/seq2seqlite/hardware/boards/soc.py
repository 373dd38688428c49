"""System around the core of a board, generated with LiteX: PLL, pins, Ethernet or a serial line.

The system has no processor and no bus: packets go from LiteEth or the serial line to the core and back.
"""

import re
import tempfile
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import permutations
from pathlib import Path
from typing import Any

from liteeth.core import LiteEthUDPIPCore
from liteeth.phy import ecp5rgmii, s7rgmii
from litex.build.generic_platform import IOStandard, Pins, Subsignal
from litex.gen import LiteXModule
from litex.soc.cores.clock import ECP5PLL, S7IDELAYCTRL, S7MMCM
from litex.soc.cores.uart import RS232PHY
from litex_boards.platforms import digilent_genesys2, lambdaconcept_ecpix5, radiona_ulx3s
from migen import Cat, ClockDomain, ClockSignal, If, Instance, ResetSignal, Signal

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.boards.board import Board, CameraPins, Part
from seq2seqlite.hardware.boards.packet_port import PACKET_PORT, core_ports
from seq2seqlite.hardware.boards.packet_store import WORD_BITS
from seq2seqlite.hardware.boards.serial_port import SERIAL_PORT
from seq2seqlite.hardware.boards.soc_memory import add_engine_clock, add_memory
from seq2seqlite.hardware.wire.link_packets import PEER_BITS
from seq2seqlite.hardware.wire.serial_frames import BAUD_RATE

__all__ = ["CONSTRAINTS", "SystemFiles", "SystemOptions", "generate_system"]

MAC_PREFIX = 0x02_53_32_53 << 16
"""First bytes of the MAC address, which is locally administered; the last two are those of the IP address."""
BROADCAST_HOST = 255
CAMERA_SIGNALS = ("clk", "valid", "first", "last", "ready", "wanted")
"""Signals of a camera next to its data: four inputs, two outputs."""
IDELAY_HZ, ETHERNET_HZ = 200e6, 125e6
CONSTRAINTS = {"open": ".lpf", "vivado": ".xdc"}
"""Suffix of the file with the constraints."""
CROSSING = ("sys_clk", "engine_clk", "eth_rx_clk", "eth_tx_clk")
"""Nets of the clock domains that are connected by asynchronous FIFOs only."""


@dataclass(frozen=True)
class SystemOptions:
    """Options of a system.

    Parameters
    ----------
    sys_clock_mhz, engine_clock_mhz : float
        Frequencies of the network side and of the core. The PLL reaches them within 1 %.
    ip_address : str
        IPv4 address of the board; not used by boards with a serial line.
    udp_port : int
        UDP port; likewise.

    See Also
    --------
    generate_system : Generate the system of a board.
    """

    sys_clock_mhz: float
    engine_clock_mhz: float
    ip_address: str
    udp_port: int

    def __post_init__(self) -> None:
        for name in ("sys_clock_mhz", "engine_clock_mhz"):
            value = getattr(self, name)
            if not MIN_MHZ <= value <= MAX_MHZ:
                raise InputError(f"{name}={value} must be {MIN_MHZ} to {MAX_MHZ}")
        try:
            address = IPv4Address(self.ip_address)
        except ValueError:
            raise InputError(
                f"ip_address={self.ip_address!r} must be an IPv4 address (e.g. 192.168.1.50)"
            ) from None
        if address.is_multicast or address.packed[-1] == BROADCAST_HOST or not int(address):
            raise InputError(f"ip_address={self.ip_address} must be the address of a host")


MIN_MHZ, MAX_MHZ = 40.0, 125.0
"""Limits of the clock frequencies. Ethernet takes 31.25 million words a second from the network side."""


@dataclass(frozen=True)
class SystemFiles:
    """Generated system of a board.

    Parameters
    ----------
    verilog : str
        Verilog of the top-level module, which has the name of the board.
    constraints : str
        Pins and frequencies of the inputs, as LPF; for Vivado as XDC, with the paths between clock domains.
    sys_clock_mhz, engine_clock_mhz : float
        Frequencies of the PLL.
    memory : mapping of str
        Files of the controller of the memory by name, Verilog (``.v``) and RTLIL (``.il``).

    See Also
    --------
    generate_system : Generate the system of a board.
    """

    verilog: str
    constraints: str
    sys_clock_mhz: float
    engine_clock_mhz: float
    memory: Mapping[str, str] = field(default_factory=dict)


class _System(LiteXModule):
    """PLL, LEDs, and the core behind the port of the board's link."""

    def __init__(
        self, board: Board, platform: Any, options: SystemOptions, core: str, camera: CameraPins | None
    ) -> None:
        self.options, self.platform, self.board = options, platform, board
        is_xilinx = board.tools == "vivado"
        self.cd_sys, self.cd_engine = ClockDomain("sys"), ClockDomain("engine")
        self.starting = Signal()  # of a memory, for which the PLL waits
        self.pll = S7MMCM(speedgrade=-board.part(None).speed) if is_xilinx else ECP5PLL()
        dropped = Signal()
        inputs = {
            "ecpix5": self._ecpix5_inputs,
            "ulx3s": self._ulx3s_inputs,
            "genesys2": self._genesys2_inputs,
        }[board.name]
        inputs(dropped)
        memory = None if camera is None else board.memory
        # The domains of a system with DDR3 have another reset; see add_engine_clock.
        self.pll.create_clkout(
            self.cd_sys, options.sys_clock_mhz * 1e6, with_reset=memory is None or memory.kind != "ddr3"
        )
        add_engine_clock(self, memory, options.engine_clock_mhz * 1e6)
        if is_xilinx:  # for the delays of the Ethernet inputs
            self.cd_idelay = ClockDomain("idelay")
            self.pll.create_clkout(self.cd_idelay, IDELAY_HZ)
            self.idelayctrl = S7IDELAYCTRL(self.cd_idelay)
        outputs = dict(self.pll.clkouts)
        try:
            found = self.pll.compute_config()  # adds an output for the feedback
        except ValueError:
            raise InputError(
                f"the PLL of board {board.name} cannot make sys_clock_mhz={options.sys_clock_mhz:g} and "
                f"engine_clock_mhz={options.engine_clock_mhz:g} together; choose other frequencies"
            ) from None
        self.pll.clkouts = outputs
        names = ("clkout0_freq", "clkout1_freq") if is_xilinx else ("clko0_freq", "clko1_freq")
        self.sys_hz, self.engine_hz = (found[name] for name in names)
        if memory is not None and memory.kind == "ddr3":
            self.engine_hz /= 2
        ports = {
            name: Signal(member.shape, name=f"core_{name}")
            for name, member in core_ports().items()
            if name not in {"aclk", "aresetn"}
        }
        clocked = {"i_aclk": ClockSignal("engine"), "i_aresetn": ~ResetSignal("engine")}
        link = {"udp": self._ethernet, "serial": self._serial_line}[board.link]
        module, signals = link()
        flows = {name: ("o", "i") if name.startswith("rx_") else ("i", "o") for name in ports}
        flows["rx_ready"], flows["tx_ready"] = flows["tx_data"], flows["rx_data"]
        self.specials += Instance(
            module,
            i_clk=ClockSignal("sys"),
            i_rst=ResetSignal("sys"),
            o_dropped=dropped,
            **clocked,
            **signals,
            **{f"{flows[name][0]}_{name}": signal for name, signal in ports.items()},
        )
        inner = {f"{flows[name][1]}_{name}": signal for name, signal in ports.items()}
        self.memory_files: dict[str, str] = {}
        if camera is not None and memory is not None:
            parts = add_memory(self, memory)
            self.memory_files = parts.files
            inner |= {**self._camera(camera), **parts.connections}
        self.specials += Instance(core, **clocked, **inner)

    def _camera(self, pins: CameraPins) -> dict[str, Any]:
        """Add the pins of the camera, and return the connections of the core to them."""
        platform = self.platform
        signals = [Subsignal("data", Pins(" ".join(pins.data)))]
        signals += [Subsignal(name, Pins(getattr(pins, name))) for name in CAMERA_SIGNALS]
        platform.add_extension([("camera", 0, *signals, IOStandard("LVCMOS33"))])
        pads = platform.request("camera")
        platform.add_period_constraint(pads.clk, 1e3 / pins.clock_mhz)
        inner: dict[str, Any] = {
            f"i_camera_{name}": getattr(pads, name) for name in ("data", *CAMERA_SIGNALS[:4])
        }
        inner |= {f"o_camera_{name}": getattr(pads, name) for name in CAMERA_SIGNALS[4:]}
        return inner

    def _ecpix5_inputs(self, dropped: Signal) -> None:
        platform = self.platform
        self.pll.register_clkin(platform.request("clk100"), 100e6)
        self.comb += self.pll.reset.eq(~platform.request("rst_n") | self.starting)
        led = platform.request("rgb_led", 0)  # low: on
        lit = Signal(2)
        self.comb += [led.g.eq(~lit[0]), led.r.eq(~lit[1]), led.b.eq(1)]
        self._leds(lit, dropped)

    def _ulx3s_inputs(self, dropped: Signal) -> None:
        platform = self.platform
        self.pll.register_clkin(platform.request("clk25"), 25e6)
        self.comb += [
            self.pll.reset.eq(platform.request("rst")),
            platform.request("wifi_gpio0").eq(1),  # otherwise the ESP32 resets the FPGA
        ]
        self._leds(Cat(platform.request("user_led", 0), platform.request("user_led", 1)), dropped)

    def _genesys2_inputs(self, dropped: Signal) -> None:
        platform = self.platform
        self.pll.register_clkin(platform.request("clk200"), 200e6)
        self.comb += self.pll.reset.eq(~platform.request("cpu_reset_n"))
        self._leds(Cat(platform.request("user_led", 0), platform.request("user_led", 1)), dropped)

    def _leds(self, lit: Any, dropped: Signal) -> None:
        """Blink the first LED from the clock of the engines; light the second one after a dropped packet."""
        count, hold = Signal(26), Signal(24)
        self.sync.engine += count.eq(count + 1)
        self.sync += If(dropped, hold.eq(-1)).Elif(hold != 0, hold.eq(hold - 1))
        self.comb += lit.eq(Cat(count[-1], hold != 0))

    def _ethernet(self) -> tuple[str, dict[str, Any]]:
        """Add LiteEth, and return the module of the port with its connections."""
        options, platform = self.options, self.platform
        address = int(IPv4Address(options.ip_address))
        pads = {"clock_pads": platform.request("eth_clocks"), "pads": platform.request("eth")}
        if self.board.tools == "vivado":  # delays as in targets/digilent_genesys2.py
            self.ethphy = s7rgmii.LiteEthPHYRGMII(**pads)
        else:  # data and clock of the receiver are aligned by the PHY, as in targets/lambdaconcept_ecpix5.py
            self.ethphy = ecp5rgmii.LiteEthPHYRGMII(**pads, rx_delay=0.0)
        # 32 bits in the system clock: with 8 bits, LiteEth would need 125 MHz for its whole data path.
        self.ethcore = LiteEthUDPIPCore(
            self.ethphy,
            mac_address=MAC_PREFIX | address & 0xFFFF,
            ip_address=address,
            clk_freq=self.sys_hz,
            dw=WORD_BITS,
            with_ip_broadcast=False,
            with_sys_datapath=True,
        )
        port = self.ethcore.udp.crossbar.get_port(options.udp_port, dw=WORD_BITS)
        source, sink = port.source, port.sink
        peer = Signal(PEER_BITS)
        self.comb += [
            sink.src_port.eq(options.udp_port),
            Cat(sink.ip_address, sink.dst_port).eq(peer),
            If(sink.last, sink.last_be.eq(1 << (WORD_BITS // 8 - 1))),
        ]
        return PACKET_PORT, {
            "i_i_data": source.data,
            "i_i_valid": source.valid,
            "o_i_ready": source.ready,
            "i_i_last": source.last,
            "i_i_peer": Cat(source.ip_address, source.src_port),
            "i_i_length": source.length,
            "i_i_error": source.error != 0,
            "o_o_data": sink.data,
            "o_o_valid": sink.valid,
            "i_o_ready": sink.ready,
            "o_o_last": sink.last,
            "o_o_peer": peer,
            "o_o_length": sink.length,
        }

    def _serial_line(self) -> tuple[str, dict[str, Any]]:
        """Add the UART, and return the module of the port with its connections."""
        self.uart = uart = RS232PHY(self.platform.request("serial"), self.sys_hz, BAUD_RATE)
        self.comb += uart.source.ready.eq(1)
        return SERIAL_PORT, {
            "i_i_byte": uart.source.data,
            "i_i_valid": uart.source.valid,
            "o_o_byte": uart.sink.data,
            "o_o_valid": uart.sink.valid,
            "i_o_ready": uart.sink.ready,
        }


def generate_system(
    board: Board,
    part: Part,
    options: SystemOptions,
    /,
    *,
    core: str,
    camera: CameraPins | None = None,
) -> SystemFiles:
    """Generate the system of a board.

    The working directory of the process changes during the call, because LiteX writes to it.

    Parameters
    ----------
    board : Board
        Board.
    part : Part
        FPGA of the board.
    options : SystemOptions
        Options.
    core : str
        Name of the module of the core, which is a black box.
    camera : CameraPins, optional
        Pins of a camera, of a core with a front end; its memory is that of the board.

    Returns
    -------
    SystemFiles
        The same text for the same parameters and versions of LiteX.

    Raises
    ------
    InputError
        If the PLL cannot make the frequencies.

    See Also
    --------
    seq2seqlite.hardware.boards.project.write_board : Write the project of a board.
    """
    platforms = {
        "ecpix5": lambda: lambdaconcept_ecpix5.Platform(device=part.name.split("-")[1]),
        "ulx3s": lambda: radiona_ulx3s.Platform(device="-".join(part.name.split("-")[:2])),
        "genesys2": digilent_genesys2.Platform,
    }
    platform = platforms[board.name]()
    system = _System(board, platform, options, core, camera)
    with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as folder:
        with chdir(folder):
            platform.build(system, build_dir=".", build_name=board.name, run=False)
        verilog = (Path(folder) / f"{board.name}.v").read_text(encoding="utf-8")
        suffix = CONSTRAINTS[board.tools]
        constraints = (Path(folder) / f"{board.name}{suffix}").read_text(encoding="utf-8").rstrip() + "\n"
    if board.tools == "vivado":
        fastest_ns = 1e9 / max(system.sys_hz, system.engine_hz, ETHERNET_HZ)
        constraints += "".join(
            f"set_max_delay -datapath_only -from {_clock_of(source)} -to {_clock_of(sink)} {fastest_ns:g}\n"
            for source, sink in permutations(CROSSING, 2)
        )
    memory = {name: CHANGING.sub("", text) for name, text in system.memory_files.items()}
    clocks_mhz = system.sys_hz / 1e6, system.engine_hz / 1e6
    return SystemFiles(CHANGING.sub("", verilog), constraints, *clocks_mhz, memory)


def _clock_of(net: str) -> str:
    return f"[get_clocks -of_objects [get_nets {net}]]"


CHANGING = re.compile(r"^//.*(?:Date|LiteX sha1|Auto-Generated by LiteX).*\n", re.MULTILINE)
"""Lines of LiteX's header that depend on the time and the working directory."""
