"""Memory of a board system for a front end: its controller, clock domains and pads."""

from dataclasses import dataclass, field
from typing import Any

from amaranth.back import rtlil
from litex.build.io import DDROutput, SDRInput, SDROutput
from migen import ClockDomain, ClockSignal, If, Instance, ResetSignal, Signal
from migen.fhdl.specials import Tristate
from migen.genlib.resetsync import AsyncResetSynchronizer

from seq2seqlite.hardware.boards.board import BoardMemory
from seq2seqlite.hardware.boards.dram import DRAM, dram_files
from seq2seqlite.hardware.boards.dram_training import DRAM_TRAINING, DramTraining
from seq2seqlite.hardware.boards.sdram import SDRAM, Sdram, SdramTiming, sdram_pins
from seq2seqlite.hardware.frontends.axi import axi_manager
from seq2seqlite.hardware.wire.memory_status import STATUS_BITS

__all__ = ["MemoryParts", "add_engine_clock", "add_memory"]

SDRAM_PHASE = 90
"""Phase of the clock of an SDR SDRAM behind that of its controller, in degrees."""
INIT_HZ = 25e6
"""Clock of the start of the DDR3 PHY, as in targets/lambdaconcept_ecpix5.py of LiteX-Boards."""
POWER_ON_CLOCKS = 1 << 16
"""Cycles of the input clock before the PLL starts, likewise."""
HOLD_CLOCKS = 1 << 7
"""Cycles of that clock for which both domains stay in reset after the PHY has stopped the clock."""


@dataclass
class MemoryParts:
    """Memory of a system.

    Parameters
    ----------
    connections : dict
        Connections of the core.
    files : dict of str
        Verilog and RTLIL of the controller by file name.

    See Also
    --------
    add_memory : Add the memory of a board.
    """

    connections: dict[str, Any]
    files: dict[str, str] = field(default_factory=dict)


def add_engine_clock(system: Any, memory: BoardMemory | None, engine_hz: float, /) -> None:
    """Add the clock of the engines to a system, whose PLL already has that of the network side.

    An SDR SDRAM has the same clock with another phase. DDR3 needs twice the frequency, which its PHY can
    stop; the clock of the engines is half of that. The domains are then reset together, because packets cross
    from one to the other.
    """
    pll = system.pll
    if memory is None or memory.kind == "sdr":
        pll.create_clkout(system.cd_engine, engine_hz)
        if memory is not None:
            # The memory gets commands and data in the middle of its clock cycle, or close to it.
            system.cd_sdram = ClockDomain("sdram", reset_less=True)
            pll.create_clkout(system.cd_sdram, engine_hz, phase=SDRAM_PHASE, with_reset=False)
        return
    system.cd_fast, system.cd_fast_pll = (ClockDomain(n, reset_less=True) for n in ("fast", "fast_pll"))
    system.cd_init = ClockDomain("init")
    pll.create_clkout(system.cd_fast_pll, 2 * engine_hz, with_reset=False)
    pll.create_clkout(system.cd_init, INIT_HZ)
    system.phy_stop, system.phy_reset = Signal(), Signal()
    system.specials += [
        Instance(
            "ECLKSYNCB", i_ECLKI=ClockSignal("fast_pll"), i_STOP=system.phy_stop, o_ECLKO=system.cd_fast.clk
        ),
        Instance(
            "CLKDIVF",
            p_DIV="2.0",
            i_ALIGNWD=0,
            i_CLKI=ClockSignal("fast"),
            i_RST=system.phy_reset,
            o_CDIVX=system.cd_engine.clk,
        ),
    ]
    system.cd_power_on = ClockDomain("power_on", reset_less=True)
    waits = Signal(max=POWER_ON_CLOCKS, reset=POWER_ON_CLOCKS - 1)
    system.comb += [system.cd_power_on.clk.eq(pll.clkin), system.starting.eq(waits != 0)]
    system.sync.power_on += If(system.starting, waits.eq(waits - 1))
    left, hold = Signal(max=HOLD_CLOCKS, reset=HOLD_CLOCKS - 1), Signal(reset=1)
    system.sync.init += [
        If(system.phy_stop | system.phy_reset, left.eq(HOLD_CLOCKS - 1)).Elif(left != 0, left.eq(left - 1)),
        hold.eq((left != 0) | system.phy_stop | system.phy_reset),
    ]
    for domain in (system.cd_sys, system.cd_engine):
        system.specials += AsyncResetSynchronizer(domain, ~pll.locked | hold)


def add_memory(system: Any, memory: BoardMemory, /) -> MemoryParts:
    """Add the memory of a board to a system, with its clock."""
    core: dict[str, Any] = {}
    controller: dict[str, Any] = {}
    manager = axi_manager(address_bits=memory.address_bits, data_bits=memory.data_bits)
    for name, member in manager.items():
        signal = Signal(member.shape, name=f"axi_{name}")
        outer = member.flow.name == "Out"
        core[f"{'o' if outer else 'i'}_m_axi_{name}"] = signal
        controller[f"{'i' if outer else 'o'}_s_axi_{name}"] = signal
    status = Signal(STATUS_BITS, name="memory_status")
    core["i_memory_status"] = controller["o_status"] = status
    files = _sdram(system, controller) if memory.kind == "sdr" else _dram(system, controller)
    return MemoryParts(core, files)


def _sdram(system: Any, connections: dict[str, Any]) -> dict[str, str]:
    """Add an SDR SDRAM, and the pads with their registers."""
    pads, clock = system.platform.request("sdram"), ClockSignal("engine")
    system.comb += [pads.cs_n.eq(0), pads.cke.eq(1)]
    system.specials += DDROutput(1, 0, system.platform.request("sdram_clock"), ClockSignal("sdram"))
    ports = {}
    for name, member in sdram_pins().items():
        ports[name] = Signal(member.shape, name=f"sdram_{name}")
        connections[f"{'i' if name == 'dq_i' else 'o'}_{name}"] = ports[name]
    for name in ("a", "ba", "ras_n", "cas_n", "we_n", "dm"):
        pad = getattr(pads, name)
        system.specials += [SDROutput(ports[name][bit], pad[bit], clock) for bit in range(len(pad))]
    # nextpnr has no place for a register of the enable at the pads; it is valid a clock cycle earlier.
    released = Signal(reset=1)
    system.sync.engine += released.eq(~ports["dq_oe"])
    for bit in range(len(pads.dq)):
        driven, received = Signal(), Signal()
        system.specials += [
            SDROutput(ports["dq_o"][bit], driven, clock),
            SDRInput(received, ports["dq_i"][bit], clock),
            Tristate(pads.dq[bit], driven, ~released, received),
        ]
    system.specials += Instance(SDRAM, i_aclk=clock, i_aresetn=~ResetSignal("engine"), **connections)
    sdram = Sdram(SdramTiming(system.engine_hz / 1e6))
    return {f"{SDRAM}.il": rtlil.convert(sdram, name=SDRAM, emit_src=False)}


def _dram(system: Any, connections: dict[str, Any]) -> dict[str, str]:
    """Add a DDR3 memory."""
    pads = system.platform.request("ddram")
    files = dram_files(system.platform, pads, system.engine_hz)
    for name, *_ in pads.layout:
        flow = "io" if name in {"dq", "dqs_p"} else "o"
        connections[f"{flow}_ddram_{name}"] = getattr(pads, name)
    system.specials += Instance(
        DRAM,
        i_clk=ClockSignal("engine"),
        i_rst=ResetSignal("engine"),
        i_clk2x=ClockSignal("fast"),
        i_init_clk=ClockSignal("init"),
        i_init_rst=ResetSignal("init"),
        o_stop=system.phy_stop,
        o_reset=system.phy_reset,
        **connections,
    )
    training = rtlil.convert(DramTraining(files.program), name=DRAM_TRAINING, emit_src=False)
    return {f"{DRAM}.v": files.verilog, f"{DRAM_TRAINING}.il": training}
