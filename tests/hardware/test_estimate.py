"""LUT estimates: one definition for networks and designs, whose parts add up."""

import pytest

from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.explore import Demand, best_candidate, explore
from seq2seqlite.hardware.gateware.direct_head import schedule
from seq2seqlite.hardware.gateware.error_unit import ErrorUnit
from seq2seqlite.hardware.resources.estimate import estimate, lut_estimate
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.models import load_model

# da4ml's quantisers need more adders than ours (docs/explanation/hardware.md, LUT estimates).
DA4ML_SURPLUS = 0.2


@pytest.fixture(scope="module", params=["xc7k410t", "ecp5-85f"])
def design(request, tiny):
    return make_design(tiny, find_target(request.param), DesignOptions())


@pytest.mark.parametrize("engines", [1, 2, 7])
def test_the_parts_of_a_design_add_up(design, engines):
    several = design.with_engines(engines)
    found = lut_estimate(several)
    assert found.total == estimate(several).lut
    assert found.total == found.encoder + found.decoder + found.head + found.surroundings
    one = lut_estimate(design)
    for kernel in ("encoder", "decoder", "head"):
        # Both are rounded once.
        assert getattr(found, kernel) == pytest.approx(engines * getattr(one, kernel), abs=engines)


@pytest.mark.parametrize("target", ["xc7k410t", "ecp5-85f"])
def test_the_estimate_of_a_direct_engine(odd_direct_program, target):
    design = make_design(odd_direct_program(9, n_gates=30), find_target(target), DesignOptions())
    found, parts = estimate(design), lut_estimate(design)
    assert (parts.decoder, parts.head) == (0, 0)
    assert found.lut == parts.total
    # The multipliers of the head, and one for the factors of the errors.
    assert found.dsp - design.kernels.encoder.multipliers == schedule(design.shape).lanes + 1
    fewer = make_design(design.program, design.target, DesignOptions(responses=1))
    bits = 30 * design.shape.response_bits
    blocks = [-(-responses * bits // (18 * 1024)) for responses in (64, 1)]
    assert found.bram36 - estimate(fewer).bram36 == (blocks[0] - blocks[1]) / 2


def test_the_surroundings_do_not_depend_on_the_student(design, odd_program):
    other = make_design(odd_program(0), design.target, DesignOptions())
    # The total and the parts of each are rounded.
    assert lut_estimate(other).surroundings == pytest.approx(lut_estimate(design).surroundings, abs=4)


def test_the_estimate_of_a_network_is_that_of_kernels_without_dsp_blocks(tiny):
    network = lut_estimate(load_model("seq2seqlite-tcspc-80mhz-tiny"))
    options = DesignOptions(output="sfd")  # the head with all three channels
    kernels = make_design(tiny, find_target("ecp5-85f"), options).kernels
    assert network.surroundings == 0
    for name, kernel in vars(kernels).items():
        assert kernel.multipliers == 0
        assert 1 <= getattr(network, name) / kernel.adder_bits < 1 + DA4ML_SURPLUS


@pytest.mark.parametrize(
    ("target", "lut_per_bit", "synthesised"),
    [("xc7k410t", 0.99, 6281 - 4815), ("ecp5-85f", 1.34, 9300 - 7331)],
)
def test_responses_and_standard_errors_are_in_the_estimate(
    odd_program, odd_response_program, target, lut_per_bit, synthesised
):
    """``synthesised``: LUTs of the second design minus those of the first, by ``synthesize_project``."""
    estimates, bits = [], []
    for program in (odd_program(0, n_gates=31), odd_response_program(0, n_gates=31)):
        options = DesignOptions(lanes=2, result_width=64, responses=16)
        design = make_design(program, find_target(target), options)
        estimates.append(estimate(design))
        bits.append(sum(kernel.adder_bits for kernel in design.kernels.all))
    assert ErrorUnit.units(design.shape) == 2  # 59 clock cycles for 31 gates
    assert estimates[1].dsp - estimates[0].dsp == 2
    assert estimates[1].bram36 > estimates[0].bram36
    without_kernels = synthesised - lut_per_bit * (bits[1] - bits[0])
    found = estimates[1].lut - estimates[0].lut - lut_per_bit * (bits[1] - bits[0])
    assert found == pytest.approx(without_kernels, rel=0.05)


def test_the_ports_of_an_explored_design_are_as_wide_as_its_rate_requires(odd_direct_program):
    """Six engines of 30 gates take a pixel every 5 clock cycles; a result in words of 32 bits needs 6."""
    target = find_target("xc7k410t")
    program = odd_direct_program(4, units=2, n_gates=30)
    assert make_design(program, target, DesignOptions()).with_engines(6).clocks_per_pixel == 6
    pixels = 250_000
    demand = Demand(target, pixels, frames_per_second=1e6 * target.clock_mhz / (5.1 * pixels))
    best = best_candidate(explore([program], demand, rmse={}), demand).design
    assert (best.options.engines, best.options.lanes, best.options.result_width) == (6, 8, 64)
    assert best.clocks_per_pixel == 5
