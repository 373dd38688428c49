"""Which vector instructions the kernels use on this CPU."""

import os
import platform
from dataclasses import dataclass

import llvmlite.binding as llvm

from seq2seqlite.errors import InputError

__all__ = ["ISA", "ISAS", "VARIABLE", "Isa", "chosen_isa"]

VARIABLE = "SEQ2SEQLITE_ISA"
"""Environment variable that names one of :data:`ISAS`; read once, when the engine is imported."""


@dataclass(frozen=True)
class Isa:
    """A set of vector instructions.

    Parameters
    ----------
    name : str
        Name.
    features : tuple of str
        What the CPU must have, as LLVM names it.
    lanes : int
        32-bit numbers in a register: pixels that one instruction works on.
    rows : int
        Outputs of a matrix product that are summed at the same time: as many as the registers hold.
    dot_pairs, add_pairs : str
        LLVM's name of the instruction that multiplies pairs of 16-bit integers, adds both products, and adds
        that to a sum (``dot_pairs``) or does not (``add_pairs``); empty where there is none.
    dot_bytes : str
        The same for four unsigned times four signed bytes, added to a sum.
    """

    name: str
    features: tuple[str, ...]
    lanes: int
    rows: int
    dot_pairs: str = ""
    add_pairs: str = ""
    dot_bytes: str = ""


ISAS = {
    isa.name: isa
    for isa in (
        Isa(
            "avx512vnni",
            ("avx512f", "avx512bw", "avx512vl", "avx512vnni"),
            lanes=16,
            rows=8,
            dot_pairs="llvm.x86.avx512.vpdpwssd.512",
            add_pairs="llvm.x86.avx512.pmaddw.d.512",
            dot_bytes="llvm.x86.avx512.vpdpbusd.512",
        ),
        Isa("avx512", ("avx512f", "avx512bw"), lanes=16, rows=8, add_pairs="llvm.x86.avx512.pmaddw.d.512"),
        Isa("avx2", ("avx2",), lanes=8, rows=4, add_pairs="llvm.x86.avx2.pmadd.wd"),
        Isa("generic", (), lanes=4, rows=4),
    )
}
"""Sets of instructions, best first; the last runs everywhere."""


def chosen_isa(wanted: str = "", /) -> Isa:
    """Return the best set that this CPU has, or the wanted one.

    Parameters
    ----------
    wanted : str
        Name of a set; the best if empty.

    Raises
    ------
    InputError
        If the name is unknown, or the CPU does not have the set.

    Examples
    --------
    >>> chosen_isa("generic").lanes
    4
    """
    x86 = platform.machine().lower() in {"x86_64", "amd64"}
    here = llvm.get_host_cpu_features() if x86 else {}
    having = {name: isa for name, isa in ISAS.items() if all(here.get(need) for need in isa.features)}
    if not wanted:
        return next(iter(having.values()))
    if wanted not in ISAS:
        raise InputError(f"{VARIABLE}={wanted} is unknown; choose one of {', '.join(ISAS)}")
    if wanted not in having:
        raise InputError(f"{VARIABLE}={wanted}: this CPU has only {', '.join(having)}; choose one of these")
    return having[wanted]


ISA = chosen_isa(os.environ.get(VARIABLE, ""))
"""The set that the kernels of this process are compiled for."""
