"""Programs and measurements that tests of several packages share."""

import dataclasses
import fcntl
import functools
import os
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, Lifetimes, TimeAxis
from seq2seqlite.integer import (
    Affine,
    DirectProgram,
    ErrorCodes,
    GruStep,
    Program,
    Reduction,
    load_program,
    run,
)
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.models import ActivationFormats, Format
from seq2seqlite.protocols import Predictor

AXIS = TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)


@pytest.fixture(scope="session")
def tiny():
    """The program of the shipped student of eight units."""
    return load_program("seq2seqlite-tcspc-80mhz-tiny")


@pytest.fixture(scope="session")
def built_once(tmp_path_factory):
    """A context that gives a folder, by name, which all workers of a run share, to one worker at a time."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built-once"

    @contextmanager
    def folder_named(name):
        folder = shared / name
        folder.mkdir(parents=True, exist_ok=True)
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released with the file, also by a worker that crashes
            yield folder

    return folder_named


@pytest.fixture(scope="session")
def tiny_design(tiny, built_once):
    """A design of the student of eight units and its compiled simulation, built once a run."""
    from seq2seqlite.hardware.cosim.design import compile_project
    from seq2seqlite.hardware.design import DesignOptions, make_design
    from seq2seqlite.hardware.project import read_project, write_project
    from seq2seqlite.hardware.targets import find_target

    design = make_design(tiny, find_target("ecp5-85f"), DesignOptions())
    with built_once("tiny-design") as folder:
        written = (folder / "project").exists()
        project = read_project(folder / "project") if written else write_project(design, folder / "project")
        return design, compile_project(project, out_dir=folder / "simulation")


@pytest.fixture(scope="session")
def direct_design(odd_direct_program, built_once):
    """The compiled simulation of a direct design with a bank of five responses, built once a run."""
    from seq2seqlite.hardware.cosim.design import compile_project
    from seq2seqlite.hardware.design import DesignOptions, make_design
    from seq2seqlite.hardware.project import read_project, write_project
    from seq2seqlite.hardware.targets import find_target

    options = DesignOptions(lanes=2, result_width=64, responses=5)
    design = make_design(odd_direct_program(9), find_target("ecp5-85f"), options)  # responses matter to 9
    with built_once("direct-design") as folder:
        written = (folder / "project").exists()
        project = read_project(folder / "project") if written else write_project(design, folder / "project")
        return compile_project(project, out_dir=folder / "simulation")


@pytest.fixture(scope="session")
def response_design(odd_response_program, built_once):
    """The compiled simulation of a design with a decoder and a bank of five responses, built once a run."""
    from seq2seqlite.hardware.cosim.design import compile_project
    from seq2seqlite.hardware.design import DesignOptions, make_design
    from seq2seqlite.hardware.project import read_project, write_project
    from seq2seqlite.hardware.targets import find_target

    options = DesignOptions(engines=2, lanes=2, result_width=64, responses=5)
    design = make_design(odd_response_program(1), find_target("ecp5-85f"), options)
    with built_once("response-design") as folder:
        written = (folder / "project").exists()
        project = read_project(folder / "project") if written else write_project(design, folder / "project")
        return compile_project(project, out_dir=folder / "simulation")


@pytest.fixture(scope="session")
def odd_program():
    """A function that makes programs with formats that no shipped student has."""
    return _odd_program


@functools.cache
def _odd_program(seed, *, units=3, n_gates=24):
    """A program with formats that no shipped student has, signed outputs among them.

    Most heads with random weights give SFDs whose lifetimes are at the ends of their range, so that an
    error in a state would not be seen. The program has the one of several heads with the most different
    lifetimes.
    """
    rng = np.random.default_rng(seed)

    def signed(fraction_bits, integer_bits=0):
        return Format(True, integer_bits, fraction_bits)

    def affine(shape, fmt):
        return Affine(rng.integers(fmt.low_code, fmt.high_code + 1, shape), fmt)

    def step(n_inputs):
        return GruStep(
            affine((n_inputs, 3 * units), signed(int(rng.integers(2, 5)))),
            affine((units, 3 * units), signed(int(rng.integers(3, 6)))),
            affine((1, 3 * units), signed(int(rng.integers(4, 9)), -1)),
        )

    formats = ActivationFormats(
        input=Format(False, 0, int(rng.integers(4, 8))),
        state=signed(int(rng.integers(5, 9))),
        gate=Format(False, 0, int(rng.integers(5, 9))),
        candidate=signed(int(rng.integers(5, 9))),
        product=signed(int(rng.integers(5, 9))),
        output=signed(int(rng.integers(5, 9))),
    )
    if seed % 2:  # version 2 of the specification; the random numbers stay the same
        leading = signed(max(formats.state.fraction_bits - 1 - seed % 3, 2))
        formats = dataclasses.replace(formats, operand=leading, full_gate=True)
    axis = TimeAxis(n_gates=n_gates, gate_width_ns=0.4, period_ns=12.5)
    program = Program(
        name=f"odd-{seed}",
        model_sha256="",
        instrument="odd",
        axis=axis,
        rising_edge_ns=1.4,
        n_baseline=3,
        formats=formats,
        encoder=step(1),
        decoder=step(0),
        head_kernel=affine((units, 3), signed(6)),
        head_bias=affine((1, 3), signed(8, -1)),
        reduction=Reduction.of_axis(axis),
    )
    heads = [(program.head_kernel, program.head_bias)]
    heads += [(affine((units, 3), signed(6)), affine((1, 3), signed(8, -1))) for _ in range(11)]
    programs = [dataclasses.replace(program, head_kernel=kernel, head_bias=bias) for kernel, bias in heads]
    counts = np.random.default_rng(seed).integers(0, 300, (60, n_gates))
    return max(programs, key=lambda one: _different_lifetimes(one, counts))


def _different_lifetimes(program, counts):
    found = dataclasses.astuple(run(program, counts).lifetimes)
    return np.unique(np.stack(found), axis=1).shape[1]


@pytest.fixture(scope="session")
def odd_direct_program():
    """A function that makes direct programs with formats that no shipped student has."""
    return _odd_direct_program


def _odd_direct_program(seed, *, units=3, n_gates=24, n_columns=2):
    """A direct program; every third has no leading bits, every second has gates below 1."""
    base, rng = _odd_program(seed, units=units, n_gates=n_gates), np.random.default_rng([seed, 1])

    def affine(shape, integer_bits, fraction_bits):
        fmt = Format(True, integer_bits, fraction_bits)
        return Affine(rng.integers(fmt.low_code, fmt.high_code + 1, shape), fmt)

    formats = dataclasses.replace(
        base.formats,
        output=Format(False, 4, int(rng.integers(5, 13))),
        response=Format(False, 0, int(rng.integers(4, 9))) if n_columns else None,
    )
    encoder = dataclasses.replace(base.encoder, kernel=affine((1 + n_columns, 3 * units), 0, 4))
    return DirectProgram(
        name=f"odd-direct-{seed}",
        model_sha256="",
        instrument="odd",
        axis=base.axis,
        rising_edge_ns=1.4,
        n_baseline=0,
        formats=formats,
        encoder=encoder,
        response_lifetimes_ns=tuple(float(column) for column in range(n_columns)),
        head_kernel=affine((units, 8), 3, int(rng.integers(3, 8))),
        head_bias=affine((1, 8), 3, int(rng.integers(3, 12))),
        tau_low=7,
        tau_high=formats.output.high_code - 5,
        factors=rng.integers(-300, 300, (2, 34, 4)),
        max_background=0.1,
    )


@pytest.fixture(scope="session")
def odd_response_program():
    """A function that makes programs with a decoder that get the response, with formats of no student."""
    return _odd_response_program


def _odd_response_program(seed, *, units=3, n_gates=24, n_columns=2, n_baseline=0):
    base, rng = _odd_program(seed, units=units, n_gates=n_gates), np.random.default_rng([seed, 2])
    kernel = Affine(rng.integers(-15, 16, (1 + n_columns, 3 * units)), Format(True, 0, 4))
    octave, half = int(rng.integers(0, 8)), int(rng.integers(16, 22))
    return dataclasses.replace(
        base,
        name=f"odd-response-{seed}",
        n_baseline=n_baseline,
        formats=dataclasses.replace(base.formats, response=Format(False, 1, int(rng.integers(3, 8)))),
        encoder=dataclasses.replace(base.encoder, kernel=kernel),
        response_lifetimes_ns=tuple(float(column) for column in range(n_columns)),
        errors=ErrorCodes(octave, half, rng.integers(-1500, 1500, (2, 2 + seed % 5, 2 + seed % 7, 4))),
        max_background=0.2,
        tau_range_ns=(0.2, 4.0),
    )


@pytest.fixture
def unfit(odd_program):
    """A program that the CPU back end cannot run: its product is as fine as its factors."""
    program = odd_program(0)
    fine = program.formats.gate.fraction_bits + program.formats.state.fraction_bits
    formats = dataclasses.replace(program.formats, product=Format(True, 0, fine))
    return dataclasses.replace(program, formats=formats)


@pytest.fixture
def write_stack():
    """A function that writes decays with photon noise, shape (*frames, Y, X, 125), as a zarr stack."""
    return _write_stack


def _write_stack(path, shape=(3, 20, 16), *, seed=5, chunk_rows=8, dims=None, group=False, **attributes):
    import zarr

    rng = np.random.default_rng(seed)
    times = np.arange(125) * 0.1
    tau = rng.uniform(0.5, 3.0, (*shape, 1))
    decay = np.exp(-np.clip(times - 2, 0, None) / tau) / (1 + np.exp(-(times - 2) / 0.1))
    photons = np.where(rng.random(shape) < 0.8, 1000, 3)[..., None]  # some pixels are dark
    counts = rng.poisson(decay / decay.sum(axis=-1, keepdims=True) * photons).astype(np.uint16)
    attributes = {"gate_width_ns": 0.1, "period_ns": 12.5} | attributes
    settings = {"data": counts, "chunks": (*(1,) * (len(shape) - 2), chunk_rows, *counts.shape[-2:])}
    if group:
        zarr.open_group(str(path), mode="w", attributes=attributes).create_array("tpsf", **settings)
    else:
        zarr.create_array(str(path), attributes=attributes, dimension_names=dims, overwrite=True, **settings)
    return counts


@pytest.fixture
def bytes_of():
    """A function that returns the contents of all files of a folder."""
    return _bytes_of


def _bytes_of(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@dataclass(frozen=True)
class CentreOfMass:
    """Mean arrival time after the edge, from counts as they are: no training, exact for a delta IRF."""

    axis: TimeAxis = AXIS
    rising_edge_ns: float = 1.5
    name: str = "centre-of-mass"
    kind: str = "closed form"

    def lifetimes(self, tpsf: NDArray[np.floating], /) -> Lifetimes:
        assert tpsf.shape[1] == self.axis.n_gates
        signal = np.clip(tpsf - tpsf[:, :5].mean(axis=1, keepdims=True), 0, None)
        tau = signal @ self.axis.starts_ns / signal.sum(axis=1) - self.rising_edge_ns
        return Lifetimes(tau, 0.5 * tau, 2 * tau, np.full_like(tau, 0.25))


@pytest.fixture
def predictor() -> CentreOfMass:
    return CentreOfMass()


def _decay_image(
    tau_ns: NDArray[np.floating], *, photons: float = 2000.0, width_ns: float = 0.05, **more: float
) -> xr.DataArray:
    """Noise-free decays, 12.5 ns period, Gaussian IRF at 2 ns (sigma 0.1 ns), shape (Y, X, 250)."""
    fine = np.arange(5000) * 0.0025 + 0.00125
    irf = np.exp(-0.5 * ((fine - 2) / 0.1) ** 2)
    decay = np.exp(-fine / np.asarray(tau_ns)[..., None])
    tpsf = np.fft.irfft(np.fft.rfft(decay) * np.fft.rfft(irf), n=5000)
    binned = np.clip(tpsf, 0, None).reshape(*np.shape(tau_ns), -1, round(width_ns / 0.0025)).sum(axis=-1)
    counts = binned / binned.sum(axis=-1, keepdims=True) * photons
    return signal_from_counts(
        counts,
        source="image.npz",
        file_format="npz",
        gate_width_ns=width_ns,
        period_ns=more.get("period_ns", 12.5),
        pixel_size_um=more.get("pixel_size_um"),
    )


@pytest.fixture
def decay_image() -> Callable[..., xr.DataArray]:
    return _decay_image


class Source:
    """The stand-in predictor as batches take it, which counts how often it is asked for."""

    def __init__(self, predictor: Predictor, name: str = "centre-of-mass") -> None:
        self.held, self.name, self.asked = predictor, name, 0

    def predictor(self, _: xr.DataArray, /) -> Predictor:
        self.asked += 1
        return self.held

    def irf(self) -> Irf | None:
        return None

    def described(self) -> dict[str, Any]:
        return {"model": self.name}


@pytest.fixture
def source(predictor: CentreOfMass) -> Source:
    return Source(predictor)


@pytest.fixture
def another_source(predictor: CentreOfMass) -> Source:
    return Source(predictor, "another")
