"""DDR3 memory of a board: LiteDRAM's controller and PHY, with a sequencer in place of a processor.

It is a module of its own, so that its utilisation can be reported. Its clock is that of the engines, so that
the AXI4 port needs no crossing of clock domains.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from litedram.core import LiteDRAMCore
from litedram.frontend.axi import LiteDRAMAXI2Native, LiteDRAMAXIPort
from litedram.init import get_sdram_phy_init_sequence
from litedram.modules import MT41K256M16
from litedram.phy import ECP5DDRPHY
from litex.gen import LiteXModule
from litex.soc.interconnect import csr_bus
from migen import ClockDomain, ClockSignal, Instance, ResetSignal, Signal

from seq2seqlite.hardware.boards.board import DDR3
from seq2seqlite.hardware.boards.dram_program import WORD_BITS, DramWaits, TrainingProgram, training_program
from seq2seqlite.hardware.boards.dram_training import CSR_ADDRESS_BITS, DRAM_TRAINING
from seq2seqlite.hardware.frontends.axi import axi_manager
from seq2seqlite.hardware.wire.memory_status import STATUS_BITS

__all__ = ["DRAM", "Dram", "DramFiles", "dram_files", "ecp5_phy"]

DRAM = DDR3.module
"""Name of the module."""
PORTS = {"clk": 1, "rst": 1, "clk2x": 1, "init_clk": 1, "init_rst": 1}
OUTPUTS = {"stop": 1, "reset": 1, "status": STATUS_BITS}
LANES, PHASES, RATE = 2, 2, "1:2"
BANKS = {"dfii": 0, "ddrphy": 1}
PAGING = 0x800
"""Bytes of the CSRs of a module."""


@dataclass(frozen=True)
class DramFiles:
    """Verilog of the memory, and the program of its sequencer.

    Parameters
    ----------
    verilog : str
        Module :data:`DRAM`, which instantiates the sequencer.
    program : TrainingProgram
        Program of the sequencer.

    See Also
    --------
    dram_files : Files of a memory.
    """

    verilog: str
    program: TrainingProgram


class Dram(LiteXModule):
    """Controller, PHY and sequencer of a DDR3 memory.

    Parameters
    ----------
    phy : module of LiteDRAM
        PHY with ``settings``, ``dfi`` and the CSRs of :class:`~litedram.phy.ECP5DDRPHY`.
    memory : module of LiteDRAM
        Geometry and times of the memory.
    clock_hz : float
        Frequency of the controller.
    waits : DramWaits
        Waits of the sequencer.

    Attributes
    ----------
    ports : dict of Signal
        Ports by name: ``clk``, ``rst``; ``clk2x``, ``init_clk`` and ``init_rst`` of the PHY; ``stop`` and
        ``reset``, by which the PHY halts and resets these domains; ``status``; and ``s_axi_*``, an AXI4
        subordinate without IDs.
    program : TrainingProgram
        Program of the sequencer.
    """

    def __init__(self, phy: Any, memory: Any, *, clock_hz: float, waits: DramWaits) -> None:
        manager = axi_manager(
            address_bits=_address_bits(memory.geom_settings, phy.settings), data_bits=DDR3.data_bits
        )
        widths = {**PORTS, **OUTPUTS} | {f"s_axi_{name}": member.shape for name, member in manager.items()}
        self.ports = {name: Signal(width, name_override=name) for name, width in widths.items()}
        self.cd_sys, self.cd_sys2x, self.cd_init = (
            ClockDomain(name, reset_less=name == "sys2x") for name in ("sys", "sys2x", "init")
        )
        self.comb += [
            self.cd_sys.clk.eq(self.ports["clk"]),
            self.cd_sys.rst.eq(self.ports["rst"]),
            self.cd_sys2x.clk.eq(self.ports["clk2x"]),
            self.cd_init.clk.eq(self.ports["init_clk"]),
            self.cd_init.rst.eq(self.ports["init_rst"]),
        ]
        self.ddrphy = phy
        self.core = core = LiteDRAMCore(phy, memory.geom_settings, memory.timing_settings, clock_hz)
        self._axi(core.crossbar.get_port(), manager)
        csrs = self._training()
        settings = phy.settings
        initialisation, _ = get_sdram_phy_init_sequence(settings, memory.timing_settings)
        self.program = training_program(
            csrs,
            initialisation,
            read_phase=settings.rdphase,
            write_phase=settings.wrphase,
            lanes=LANES,
            delays=settings.delays,
            bitslips=settings.bitslips,
            waits=waits,
        )

    def _axi(self, port: Any, manager: Mapping[str, Any]) -> None:
        """Connect the AXI4 port to a port of the controller."""
        axi = LiteDRAMAXIPort(port.data_width, manager["awaddr"].shape)
        self.frontend = LiteDRAMAXI2Native(axi, port)
        for name, member in manager.items():
            channel = name[:2] if name.startswith(("aw", "ar")) else name[:1]
            inner = getattr(getattr(axi, channel), name.removeprefix(channel))
            outer = self.ports[f"s_axi_{name}"]
            self.comb += inner.eq(outer) if member.flow.name == "Out" else outer.eq(inner)

    def _training(self) -> dict[str, tuple[int, ...]]:
        """Add the CSR bus and the sequencer; return the word addresses of the CSRs, the lowest word first."""
        widths = {"data_width": WORD_BITS, "address_width": CSR_ADDRESS_BITS}
        source = SimpleNamespace(dfii=self.core.dfii, ddrphy=self.ddrphy)
        self.banks = csr_bus.CSRBankArray(
            source, lambda name, _memory: BANKS[name], paging=PAGING, ordering="little", **widths
        )
        bus = csr_bus.Interface(**widths)
        self.interconnect = csr_bus.Interconnect(bus, self.banks.get_buses())
        self.specials += Instance(
            DRAM_TRAINING,
            i_aclk=ClockSignal("sys"),
            i_aresetn=~ResetSignal("sys"),
            o_csr_adr=bus.adr,
            o_csr_we=bus.we,
            o_csr_re=bus.re,
            o_csr_dat_w=bus.dat_w,
            i_csr_dat_r=bus.dat_r,
            o_status=self.ports["status"],
        )
        places: dict[str, tuple[int, ...]] = {}
        for _, csrs, bank, registers in self.banks.banks:
            address = {id(csr): bank * PAGING // 4 + at for at, csr in enumerate(registers.simple_csrs)}
            for csr in csrs:
                parts = csr.get_simple_csrs() if hasattr(csr, "get_simple_csrs") else [csr]
                places[csr.name] = tuple(address[id(part)] for part in parts)
        return places


def ecp5_phy(pads: Any, clock_hz: float, /) -> Any:
    """Return LiteDRAM's PHY of the ECP5 for a memory at pads."""
    return ECP5DDRPHY(pads, sys_clk_freq=clock_hz)


def dram_files(
    platform: Any,
    pads: Any,
    clock_hz: float,
    /,
    *,
    phy: Callable[[Any, float], Any] = ecp5_phy,
    memory: type = MT41K256M16,
    waits: DramWaits = DramWaits(),  # noqa: B008 - frozen
) -> DramFiles:
    """Return the files of the memory of a board.

    Parameters
    ----------
    platform : platform of LiteX
        Board, whose tools define the cells of the pads.
    pads : record of migen
        Pads of the memory, which are ports of the module.
    clock_hz : float
        Frequency of the controller.
    phy : callable
        Function that returns the PHY of pads and a frequency; another one in simulations.
    memory : module of LiteDRAM
        Type of the memory.
    waits : DramWaits
        Waits of the sequencer; shorter ones in simulations.

    See Also
    --------
    seq2seqlite.hardware.boards.soc.generate_system : System of a board.
    """
    controller = phy(pads, clock_hz)
    dram = Dram(controller, memory(clock_hz, RATE), clock_hz=clock_hz, waits=waits)
    init = getattr(controller, "init", None)
    if init is not None:
        dram.comb += [dram.ports["stop"].eq(init.stop), dram.ports["reset"].eq(init.reset)]
    ios = {*dram.ports.values(), *(pads.flatten() if pads is not None else ())}
    text = str(platform.get_verilog(dram, ios=ios, name=DRAM))
    # LiteX declares the data as inputs, because the cells of nextpnr have no bidirectional port.
    return DramFiles(BIDIRECTIONAL.sub(r"\1inout \2", text), dram.program)


BIDIRECTIONAL = re.compile(r"^(\s*)input (\s*wire\s*(?:\[\d+:0\])?\s*ddram_dqs?(?:_p)?\b)", re.MULTILINE)


def _address_bits(geometry: Any, settings: Any) -> int:
    """Return the width of a byte address."""
    word_bytes: int = settings.databits // 8
    words: int = geometry.bankbits + geometry.rowbits + geometry.colbits
    return words + word_bytes.bit_length() - 1
