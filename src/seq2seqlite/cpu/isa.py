"""Selection of the vector instruction set of the kernels for this CPU."""

import os
import platform
from dataclasses import dataclass

import llvmlite.binding as llvm

from seq2seqlite.errors import InputError

__all__ = ["ISA", "ISAS", "VARIABLE", "Isa", "chosen_isa"]

VARIABLE = "SEQ2SEQLITE_ISA"
"""Environment variable that selects one of :data:`ISAS`; read once, when this package is imported."""


@dataclass(frozen=True)
class Isa:
    """Vector instruction set of a CPU, for which the CPU back end compiles its kernels.

    Parameters
    ----------
    name : str
        Name.
    features : tuple of str
        Required CPU features, by their LLVM names.
    lanes : int
        Number of 32-bit lanes of a register, which is the number of pixels per instruction.
    rows : int
        Number of outputs of a matrix product that are accumulated in registers at the same time.
    dot_pairs, add_pairs : str
        LLVM name of the instruction that multiplies pairs of 16-bit integers and adds both products, with
        accumulation (``dot_pairs``) or without (``add_pairs``); empty if the set does not have it.
    dot_bytes : str
        LLVM name of the instruction that multiplies four unsigned by four signed bytes and accumulates the
        products; empty if the set does not have it.
    multiply_rounded : str
        LLVM name of the instruction that multiplies 16-bit integers, divides by ``2**15`` and rounds to
        nearest; each set with ``dot_bytes`` has it.

    See Also
    --------
    chosen_isa : Return the fastest instruction set of this CPU, or the requested one.
    """

    name: str
    features: tuple[str, ...]
    lanes: int
    rows: int
    dot_pairs: str = ""
    add_pairs: str = ""
    dot_bytes: str = ""
    multiply_rounded: str = ""


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
            multiply_rounded="llvm.x86.avx512.pmul.hr.sw.512",
        ),
        Isa("avx512", ("avx512f", "avx512bw"), lanes=16, rows=8, add_pairs="llvm.x86.avx512.pmaddw.d.512"),
        Isa("avx2", ("avx2",), lanes=8, rows=4, add_pairs="llvm.x86.avx2.pmadd.wd"),
        Isa("generic", (), lanes=4, rows=4),
    )
}
"""Instruction sets, fastest first; the last one is supported by every CPU."""


def chosen_isa(wanted: str = "", /) -> Isa:
    """Return the fastest instruction set of this CPU, or the requested one.

    Parameters
    ----------
    wanted : str
        Name of an instruction set; empty for the fastest one.

    Raises
    ------
    InputError
        If the name is unknown, or the CPU does not support the set.

    See Also
    --------
    Isa : Vector instruction set of a CPU, for which the CPU back end compiles its kernels.

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
        raise InputError(
            f"{VARIABLE}={wanted}: this CPU supports only {', '.join(having)}; choose one of these"
        )
    return having[wanted]


ISA = chosen_isa(os.environ.get(VARIABLE, ""))
"""Instruction set for which the kernels of this process are compiled."""
