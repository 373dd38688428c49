"""Programs for the sequencer of a DDR3 memory: initialisation, and training of the read delays.

The steps are those of LiteDRAM's PHYs of the ECP5 and of the DFI injector, in which a processor would execute
them: see ``liblitedram/sdram.c`` of LiteX.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["SECTIONS", "DramWaits", "InitStep", "Op", "Step", "TrainingProgram", "training_program"]

SECTIONS = ("initialise", "reset", "delay", "bitslip", "test", "finish")
"""Parts of a program: initialise the memory; set delay and bitslip to 0; increment the delay; increment the
bitslip, and set the delay to 0; write and read patterns; give the memory to its controller."""

InitStep = tuple[str, int, int, str, int]
"""Comment, address, bank, command and delay: as LiteDRAM's ``get_sdram_phy_init_sequence`` returns them."""

COMMANDS = {
    "DFII_COMMAND_CS": 1 << 0,
    "DFII_COMMAND_WE": 1 << 1,
    "DFII_COMMAND_CAS": 1 << 2,
    "DFII_COMMAND_RAS": 1 << 3,
    "DFII_COMMAND_WRDATA": 1 << 4,
    "DFII_COMMAND_RDDATA": 1 << 5,
}
"""Bits of the CSR ``command`` of a phase of the DFI injector."""
CONTROLS = {
    "DFII_CONTROL_SEL": 1 << 0,
    "DFII_CONTROL_CKE": 1 << 1,
    "DFII_CONTROL_ODT": 1 << 2,
    "DFII_CONTROL_RESET_N": 1 << 3,
}
"""Bits of the CSR ``control`` of the DFI injector."""
POWER_UP = 5_000
"""Delay before the first command, in units of LiteDRAM: 200 µs (JESD79-3, 3.3.1) at 100 MHz."""
PATTERNS = (
    (0x5A3C_C369, 0x9E17_2BD4, 0x0FF0_A55A, 0xD82E_71B6),
    (0xC6A1_38F5, 0x2D94_E07B, 0x7316_5CE8, 0xA94F_0B32),
    (0x00FF_FF00, 0xF00F_0FF0, 0xCC33_5AA5, 0x36C9_93E1),
)
"""Words of the bursts that a test writes and reads, the first beat of 16 bits in the lowest bits of the first
word. Shifted by any number of beats, none of them is the same."""
WORD_BITS = 32


@dataclass(frozen=True)
class DramWaits:
    """Waits of the sequencer, in clock cycles.

    Parameters
    ----------
    unit_clocks : int
        Unit of LiteDRAM's delays, which is an iteration of a loop of a processor. With one clock cycle, 200
        units after the reset of the DLL would be less than the 512 cycles of the memory's clock (tDLLK).
    settle_clocks : int
        Least wait after a command, and after a change of a delay.

    See Also
    --------
    training_program : Program of a memory.
    """

    unit_clocks: int = 4
    settle_clocks: int = 64


class Op(IntEnum):
    """Operation of a step.

    See Also
    --------
    Step : Step of a program.
    """

    END = 0
    """End of the section."""
    WRITE = 1
    """Write ``value`` to a CSR."""
    WRITE_LANES = 2
    """Write the mask of the byte lanes that are being set."""
    WAIT = 3
    """Wait ``value`` clock cycles."""
    CHECK = 4
    """Compare a CSR with ``value``; byte ``i`` belongs to byte lane ``i`` modulo the number of lanes."""
    DETECT = 5
    """Check that the bits of a CSR are 1, one for each byte lane."""


@dataclass(frozen=True)
class Step:
    """Step of a program.

    Parameters
    ----------
    op : Op
        Operation.
    address : int
        Word address of a CSR.
    value : int
        Operand of 32 bits.

    See Also
    --------
    TrainingProgram : Program of a sequencer.
    """

    op: Op
    address: int = 0
    value: int = 0


@dataclass(frozen=True)
class TrainingProgram:
    """Program of a sequencer, and the settings that it tries.

    Parameters
    ----------
    sections : mapping of tuple of Step
        Steps by the names of :data:`SECTIONS`, without their ends.
    lanes : int
        Byte lanes of the memory, 1 or 2.
    delays, bitslips : int
        Numbers of settings, up to 8 and 4.

    See Also
    --------
    training_program : Program of a memory.
    """

    sections: Mapping[str, tuple[Step, ...]]
    lanes: int
    delays: int
    bitslips: int


def training_program(
    csrs: Mapping[str, Sequence[int]],
    initialisation: Sequence[InitStep],
    /,
    *,
    read_phase: int,
    write_phase: int,
    lanes: int,
    delays: int,
    bitslips: int,
    waits: DramWaits = DramWaits(),
) -> TrainingProgram:
    """Return the program of a memory with bursts of 8 beats of 16 bits.

    Parameters
    ----------
    csrs : mapping of sequence of int
        Word addresses of the CSRs of the DFI injector and of the PHY, by name; the lowest word first.
    initialisation : sequence of InitStep
        Commands that initialise the memory.
    read_phase, write_phase : int
        Phases of the read and write commands.
    lanes : int
        Byte lanes of the memory.
    delays, bitslips : int
        Numbers of settings of the PHY.
    waits : DramWaits
        Waits after the commands.

    See Also
    --------
    seq2seqlite.hardware.boards.dram_training.DramTraining : Sequencer.
    """
    writer = _Writer(csrs, waits)
    first = [writer.write("control", 0), writer.wait(POWER_UP)]
    for _, address, bank, command, delay in initialisation:
        if command.startswith("DFII_CONTROL"):
            first.append(writer.write("control", _bits(command, CONTROLS)))
        else:
            first += writer.command(0, address, bank, command)
        first.append(writer.wait(delay))
    test = [step for pattern in PATTERNS for step in _test(writer, pattern, read_phase, write_phase)]
    sections = {
        "initialise": first,
        "reset": writer.setting("rdly_dq_rst", "rdly_dq_bitslip_rst"),
        "delay": writer.setting("rdly_dq_inc"),
        "bitslip": writer.setting("rdly_dq_bitslip", "rdly_dq_rst"),
        "test": test,
        "finish": [writer.write("control", CONTROLS["DFII_CONTROL_SEL"])],
    }
    return TrainingProgram({name: tuple(steps) for name, steps in sections.items()}, lanes, delays, bitslips)


class _Writer:
    """Steps from the names of CSRs and commands."""

    def __init__(self, csrs: Mapping[str, Sequence[int]], waits: DramWaits) -> None:
        self.csrs, self.waits = csrs, waits

    def write(self, name: str, value: int) -> Step:
        (address,) = self.csrs[name]
        return Step(Op.WRITE, address, value)

    def wait(self, units: int) -> Step:
        return Step(Op.WAIT, value=max(units * self.waits.unit_clocks, self.waits.settle_clocks))

    def command(self, phase: int, address: int, bank: int, command: str) -> list[Step]:
        """Return the steps that issue a command."""
        values = {"address": address, "baddress": bank, "command": _bits(command, COMMANDS)}
        steps = [self.write(f"pi{phase}_{name}", value) for name, value in values.items()]
        return [*steps, self.write(f"pi{phase}_command_issue", 1)]

    def setting(self, *names: str) -> list[Step]:
        """Return the steps that change a setting of the selected byte lanes, whose DQS logic pauses."""
        (select,) = self.csrs["dly_sel"]
        changes = (self.write(name, 1) for name in names)
        return [Step(Op.WRITE_LANES, select), *changes, self.write("dly_sel", 0), self.wait(0)]


def _test(writer: _Writer, pattern: Sequence[int], read_phase: int, write_phase: int) -> list[Step]:
    """Return the steps that write a burst, read it back, and compare it."""
    row, word = "DFII_COMMAND_RAS|DFII_COMMAND_CS", "DFII_COMMAND_CAS|DFII_COMMAND_CS"
    steps = [*writer.command(0, 0, 0, row), writer.wait(0)]
    places = [(phase, half) for phase in range(2) for half in range(2)]
    for (phase, half), value in zip(places, pattern, strict=True):
        steps.append(Step(Op.WRITE, writer.csrs[f"pi{phase}_wrdata"][half], value))
    steps += writer.command(write_phase, 0, 0, f"{word}|DFII_COMMAND_WE|DFII_COMMAND_WRDATA")
    steps += [writer.wait(0), writer.write("burstdet_clr", 1)]
    steps += [*writer.command(read_phase, 0, 0, f"{word}|DFII_COMMAND_RDDATA"), writer.wait(0)]
    steps += [*writer.command(0, 0, 0, f"{row}|DFII_COMMAND_WE"), writer.wait(0)]
    for (phase, half), value in zip(places, pattern, strict=True):
        steps.append(Step(Op.CHECK, writer.csrs[f"pi{phase}_rddata"][half], value))
    return [*steps, Step(Op.DETECT, writer.csrs["burstdet_seen"][0])]


def _bits(names: str, bits: Mapping[str, int]) -> int:
    return sum(bits[name] for name in names.split("|"))
