"""LUT estimates: one definition for networks and designs, whose parts add up."""

import pytest

from seq2seqlite.hardware.design import DesignOptions, make_design
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
