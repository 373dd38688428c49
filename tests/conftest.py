"""Programs and measurements that tests of several packages share."""

import dataclasses

import numpy as np
import pytest

from seq2seqlite.decay import TimeAxis
from seq2seqlite.integer import Affine, GruStep, Program, Reduction, load_program
from seq2seqlite.models import ActivationFormats, Format


@pytest.fixture(scope="session")
def tiny():
    """The program of the shipped student of eight units."""
    return load_program("seq2seqlite-tcspc-80mhz-tiny")


@pytest.fixture(scope="session")
def tiny_design(tiny, tmp_path_factory):
    """A design of the student of eight units and its compiled simulation, built once a session."""
    from seq2seqlite.hardware.cosim.design import compile_project
    from seq2seqlite.hardware.design import DesignOptions, make_design
    from seq2seqlite.hardware.project import write_project
    from seq2seqlite.hardware.targets import find_target

    folder = tmp_path_factory.mktemp("tiny")
    design = make_design(tiny, find_target("ecp5-85f"), DesignOptions())
    project = write_project(design, folder / "project")
    return design, compile_project(project, out_dir=folder / "simulation")


@pytest.fixture(scope="session")
def odd_program():
    """A function that makes programs with formats that no shipped student has."""
    return _odd_program


def _odd_program(seed, *, units=3, n_gates=24):
    """A program with formats that no shipped student has, signed outputs among them."""
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
    axis = TimeAxis(n_gates=n_gates, gate_width_ns=0.4, period_ns=12.5)
    return Program(
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
