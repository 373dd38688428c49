"""Supported FPGA boards: parts, clock frequencies, and links to the computer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.boards import sdram
from seq2seqlite.hardware.boards.sdram import SDRAM

__all__ = ["BOARDS", "DDR3", "SDR", "Board", "BoardMemory", "CameraPins", "Part", "find_board"]


@dataclass(frozen=True)
class Part:
    """FPGA that a board is sold with.

    Parameters
    ----------
    name : str
        Part number.
    target : str
        Target with its resources, for the compilation of the kernels.
    device : str
        Device for nextpnr, one of :data:`~seq2seqlite.hardware.eda.nextpnr.DEVICES`; empty for Vivado.
    package : str
        Package for nextpnr; empty for Vivado.
    speed : int
        Speed grade.

    See Also
    --------
    Board : FPGA board.
    """

    name: str
    target: str
    device: str
    package: str
    speed: int


@dataclass(frozen=True)
class CameraPins:
    """Pins of a board for a camera, in the order of the signals.

    Parameters
    ----------
    data : tuple of str
        Data, the lowest bit first.
    clk, valid, first, last, ready, wanted : str
        Signals of the same names in ``docs/spec/link.md``.
    clock_mhz : float
        Largest frequency of the clock of the camera.

    See Also
    --------
    Board : FPGA board.
    """

    data: tuple[str, ...]
    clk: str
    valid: str
    first: str
    last: str
    ready: str
    wanted: str
    clock_mhz: float


@dataclass(frozen=True)
class BoardMemory:
    """Memory of a board for the frames of a camera, whose controller has the clock of the engines.

    Parameters
    ----------
    kind : str
        ``"sdr"``: SDR SDRAM, with a controller of this package; ``"ddr3"``: DDR3, with LiteDRAM.
    module : str
        Name of the module of the controller.
    address_bits, data_bits : int
        Widths of its AXI4 port.
    min_mhz, max_mhz : float
        Limits of the clock of the engines.

    See Also
    --------
    Board : FPGA board.
    """

    kind: Literal["sdr", "ddr3"]
    module: str
    address_bits: int
    data_bits: int
    min_mhz: float
    max_mhz: float

    @property
    def size_bytes(self) -> int:
        """Size in bytes."""
        return 1 << self.address_bits


SDR = BoardMemory("sdr", SDRAM, sdram.ADDRESS_BITS, sdram.DATA_BITS, 40.0, 100.0)
"""SDR SDRAM of 16 bits at a CAS latency of 2."""
DDR3 = BoardMemory("ddr3", "seq2seqlite_dram", 29, 128, 48.0, 100.0)
"""DDR3 of 16 bits, 512 MiB, in beats of 8 words. The lowest frequency is that of OrangeCrab in LiteX-Boards,
which has the same FPGA family; that of ECPIX-5 is 75 MHz there."""


@dataclass(frozen=True)
class Board:
    """FPGA board: its parts, its clock frequencies, and its link to the computer.

    Parameters
    ----------
    name : str
        Name on the command line, and of the board in openFPGALoader.
    title : str
        Name of the product.
    link : str
        ``"udp"`` (gigabit Ethernet) or ``"serial"`` (UART over USB).
    parts : mapping of Part
        FPGAs by the names of the option ``--part``; the first one is the default.
    sys_clock_mhz, engine_clock_mhz : float
        Default frequencies of the network side and of the engines.
    camera : CameraPins, optional
        Pins for a camera, of a board whose memory is supported.
    memory : BoardMemory, optional
        That memory.
    tools : str
        Tools that place and route: ``"open"`` (nextpnr) or ``"vivado"``.

    See Also
    --------
    find_board : Return the board with a given name.
    """

    name: str
    title: str
    link: Literal["udp", "serial"]
    parts: Mapping[str, Part]
    sys_clock_mhz: float
    engine_clock_mhz: float
    camera: CameraPins | None = None
    memory: BoardMemory | None = None
    tools: Literal["open", "vivado"] = "open"

    def part(self, name: str | None, /) -> Part:
        """Return a part; by default, the first one.

        Raises
        ------
        InputError
            If the board does not exist with this part.
        """
        if name is None:
            return next(iter(self.parts.values()))
        if name not in self.parts:
            raise InputError(f"part={name!r} must be one of {', '.join(self.parts)} for board {self.name}")
        return self.parts[name]


def _pins(names: str) -> tuple[str, ...]:
    return tuple(names.split())


BOARDS: Mapping[str, Board] = {
    board.name: board
    for board in (
        # LambdaConcept, https://docs.lambdaconcept.com/ecpix-5/, and platforms/lambdaconcept_ecpix5.py of
        # litex-boards.
        Board(
            "ecpix5",
            "LambdaConcept ECPIX-5",
            "udp",
            {
                "85F": Part("LFE5UM5G-85F-8BG554I", "ecp5-85f", "ecp5-5g-85f", "CABGA554", 8),
                "45F": Part("LFE5UM5G-45F-8BG554I", "ecp5-45f", "ecp5-5g-45f", "CABGA554", 8),
            },
            60.0,
            60.0,
            # Pmod 0 and 1: data; Pmod 2: the other signals, in the order of the pins 1 to 4, 7 and 8.
            CameraPins(
                data=_pins("T25 U25 U24 V24 T26 U26 V26 W26 U23 V23 U22 V21 W25 W24 W23 W22"),
                clk="J24",
                valid="H22",
                first="E21",
                last="D18",
                ready="K22",
                wanted="J21",
                clock_mhz=50.0,
            ),
            DDR3,
        ),
        # Radiona, https://github.com/emard/ulx3s (schematic and constraints), and platforms/radiona_ulx3s.py
        # of litex-boards.
        Board(
            "ulx3s",
            "Radiona ULX3S",
            "serial",
            {
                "85F": Part("LFE5U-85F-6BG381C", "ecp5-85f", "ecp5-85f", "CABGA381", 6),
                "45F": Part("LFE5U-45F-6BG381C", "ecp5-45f", "ecp5-45f", "CABGA381", 6),
            },
            50.0,
            50.0,
            # Header J2: gp14, gn14, gp15, ... to gn24.
            CameraPins(
                data=_pins("U18 U17 N17 P16 N16 M17 L16 L17 H18 H17 F17 G18 D18 E17 C18 D17"),
                clk="B15",
                valid="C15",
                first="B17",
                last="C17",
                ready="C16",
                wanted="D16",
                clock_mhz=50.0,
            ),
            SDR,
        ),
        # Digilent, https://digilent.com/reference/programmable-logic/genesys-2, and
        # platforms/digilent_genesys2.py of litex-boards.
        Board(
            "genesys2",
            "Digilent Genesys 2",
            "udp",
            {"325T": Part("xc7k325tffg900-2", "xc7k325t", "", "", 2)},
            100.0,
            100.0,
            tools="vivado",
        ),
    )
}


def find_board(name: str, /) -> Board:
    """Return the board with a given name.

    Raises
    ------
    InputError
        If the name is unknown.

    See Also
    --------
    Board : FPGA board.

    Examples
    --------
    >>> find_board("ulx3s").link
    'serial'
    """
    if name not in BOARDS:
        raise InputError(f"board {name!r} is unknown; choose one of {', '.join(BOARDS)}")
    return BOARDS[name]
