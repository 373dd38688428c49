"""DDR3 memory with LiteDRAM's model of PHY and memory, in which chosen settings of the read delays pass."""

from functools import reduce
from operator import or_

from litedram.modules import MT41K256M16
from litedram.phy import ECP5DDRPHY
from litedram.phy.dfi import Interface
from litedram.phy.model import SDRAM_VERBOSE_STD, SDRAMPHYModel
from litex.gen import LiteXModule
from litex.soc.interconnect.csr import CSR, AutoCSR, CSRStatus, CSRStorage
from litex_boards.platforms import lambdaconcept_ecpix5
from migen import If, Replicate, Signal

from seq2seqlite.hardware.boards.dram import RATE, dram_files
from seq2seqlite.hardware.boards.dram_program import DramWaits

LANES = 2
WAITS = DramWaits(0, 16)


class SmallMemory(MT41K256M16):
    """The times of the memory, and as few rows as its commands allow: 32 MiB."""

    nrows = 2048


ADDRESS_BITS = 25


class ModelPhy(LiteXModule, AutoCSR):
    """Model at the DFI, with the CSRs of the PHY of the ECP5.

    A byte lane whose bitslip and delay are not in its window reads inverted beats, and detects no burst.
    """

    def __init__(self, settings, clock_hz, windows):
        self._dly_sel = CSRStorage(LANES)  # LiteX takes the names of the CSRs from these lines
        self._rdly_dq_rst = CSR()
        self._rdly_dq_inc = CSR()
        self._rdly_dq_bitslip_rst = CSR()
        self._rdly_dq_bitslip = CSR()
        self._burstdet_clr = CSR()
        self._burstdet_seen = CSRStatus(LANES)
        self.settings = settings
        memory = SmallMemory(clock_hz, RATE)
        self.model = model = SDRAMPHYModel(memory, settings, clk_freq=clock_hz, verbosity=SDRAM_VERBOSE_STD)
        geometry = memory.geom_settings
        self.dfi = Interface(
            geometry.addressbits, geometry.bankbits, 1, settings.dfi_databits, settings.nphases
        )
        self.comb += self.dfi.connect(model.dfi, omit={"rddata"})
        for lane, window in enumerate(windows):
            delay, bitslip, selected = Signal(3, reset=5), Signal(2, reset=1), self._dly_sel.storage[lane]
            self.sync += [
                If(selected & self._rdly_dq_inc.re, delay.eq(delay + 1)),
                If(selected & self._rdly_dq_rst.re, delay.eq(0)),
                If(selected & self._rdly_dq_bitslip.re, bitslip.eq(bitslip + 1)),
                If(selected & self._rdly_dq_bitslip_rst.re, bitslip.eq(0)),
            ]
            passes = Signal()
            here = ((bitslip == b) & (delay == d) for b, d in sorted(window))
            self.comb += passes.eq(~selected & reduce(or_, here, 0))
            seen, valid = self._burstdet_seen.status[lane], model.dfi.phases[0].rddata_valid
            self.sync += [If(self._burstdet_clr.re, seen.eq(0)), If(valid & passes, seen.eq(1))]
            for phase, inner in zip(self.dfi.phases, model.dfi.phases, strict=True):
                self.comb += phase.rddata_valid.eq(valid)  # the model has it in the first phase only
                for at in range(8 * lane, len(inner.rddata), 8 * LANES):
                    self.comb += phase.rddata[at : at + 8].eq(
                        inner.rddata[at : at + 8] ^ Replicate(~passes, 8)
                    )


def model_files(clock_hz, windows):
    """Return the files of a memory; a violation of its times ends the simulation."""
    platform = lambdaconcept_ecpix5.Platform()
    settings = ECP5DDRPHY(platform.request("ddram"), sys_clk_freq=clock_hz).settings

    def phy(_pads, clock_hz):
        return ModelPhy(settings, clock_hz, windows)

    files = dram_files(platform, None, clock_hz, phy=phy, memory=SmallMemory, waits=WAITS)
    assert files.verilog.count("violation") > 100
    return files.verilog.replace("$display(", "$fatal(1, "), files.program


def bench(core_ports, name="dram_board"):
    """Return a module with the ports of a camera core, and the memory inside. Its memory ports are idle."""

    def width(member):
        return f"[{member.shape - 1}:0]"

    lines = [f"module {name} ("]
    ports = [
        f"    {'output' if member.flow.name == 'Out' else 'input'} {width(member)} {port}"
        for port, member in core_ports.items()
    ]
    lines += [",\n".join(ports), ");"]
    inside = {port: member for port, member in core_ports.items() if port.startswith("m_axi_")}
    for port, member in inside.items():
        lines.append(f"    wire {width(member)} {port}_inside;")
        lines += [f"    assign {port} = 0;"] * (member.flow.name == "Out")
    lines.append("    wire [31:0] status;")
    connections = {port: f"{port}_inside" if port in inside else port for port in core_ports}
    connections["memory_status"] = "status"
    lines.append(_instance("seq2seqlite_camera_core", connections))
    memory = {f"s_axi_{port.removeprefix('m_axi_')}": f"{port}_inside" for port in inside}
    clocks = {"clk": "aclk", "rst": "~aresetn", "clk2x": "1'b0", "init_clk": "1'b0", "init_rst": "1'b0"}
    lines.append(_instance("seq2seqlite_dram", {**clocks, **memory, "status": "status"}))
    return "\n".join([*lines, "endmodule", ""])


def _instance(module, connections):
    return f"    {module} the_{module} ({', '.join(f'.{port}({to})' for port, to in connections.items())});"
