"""The program in JAX against the interpreter, and the networks that JAX does not run."""

import dataclasses

import numpy as np
import pytest

from seq2seqlite.cpu.packing import UnfitError, compiled_network
from seq2seqlite.hardware.stimulus import made_up_counts
from seq2seqlite.integer import load_program, run
from seq2seqlite.jax_back_end import JaxNetwork, JaxPredictor
from seq2seqlite.models import Architecture, Network, load_model


def assert_same(found, expected):
    for name in ("sfd", "photons", "dark"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    for name, codes in vars(expected.lifetimes).items():
        np.testing.assert_array_equal(getattr(found.lifetimes, name), codes, err_msg=name)


@pytest.mark.parametrize("name", ["seq2seqlite-narrow-gate-int8", "seq2seqlite-tcspc-80mhz-tiny"])
def test_shipped_programs_are_exact(name):
    program = load_program(name)
    counts = made_up_counts(program, 800)
    assert_same(JaxPredictor(program).run(counts, min_photons=100), run(program, counts, min_photons=100))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_odd_programs_are_exact(odd_program, seed):
    program = odd_program(seed)
    counts = made_up_counts(program, 300)
    assert_same(JaxPredictor(program).run(counts), run(program, counts))


def several_layers(network: Network) -> Network:
    """Return a quantised network whose file describes three layers; its weights are not used."""
    return Network(dataclasses.replace(network.content, architecture=Architecture((32, 32, 32), "lite")))


def test_the_reason_for_a_quantised_network_is_its_activations():
    network = load_model("seq2seqlite-tcspc-80mhz-int8")
    with pytest.raises(UnfitError) as caught:
        JaxNetwork(network)
    assert str(caught.value) == (
        "model seq2seqlite-tcspc-80mhz-int8 has fixed-point activations, but the JAX back end of networks is "
        "float; use its integer program (load_predictor, or JaxPredictor of integer.lower)"
    )


def test_a_quantised_network_of_several_layers_is_left_to_numpy():
    network = several_layers(load_model("seq2seqlite-tcspc-80mhz-int8"))
    with pytest.raises(UnfitError, match="an integer program has one layer only; use backend 'numpy'$"):
        JaxNetwork(network)
    with pytest.raises(UnfitError, match="use backend 'numpy'$"):
        compiled_network(network)
