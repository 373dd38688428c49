"""Quantised networks: equal to integers, NumPy equal to JAX, and nothing rounds but the quantisers."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seq2seqlite.decay import TimeAxis, normalise_to_codes
from seq2seqlite.errors import InputError
from seq2seqlite.models import (
    ActivationFormats,
    Architecture,
    Format,
    ModelFile,
    Network,
    Quantisation,
    initial_parameters,
    load_model,
    quantise,
)
from seq2seqlite.models.jax_forward import predict_sfd_jax

AXIS = TimeAxis(n_gates=24, gate_width_ns=0.1, period_ns=12.5)
TPSF = np.random.default_rng(0).poisson(
    3 + 60 * np.exp(-np.clip(np.arange(24) - 11, 0, None) / 4) * (np.arange(24) >= 11), (40, 24)
)


def formats(state=8, gate=8, write_back="round", residual_bits=0):
    return ActivationFormats(
        input=Format(False, 0, 7),
        state=Format(True, 0, state - 1),
        gate=Format(False, 0, gate),
        candidate=Format(True, 0, state),
        product=Format(True, 0, state - 2),
        output=Format(False, 0, 9),
        write_back=write_back,
        residual_bits=residual_bits,
    )


def network(activations, layers=(7,), weight_fraction=5):
    architecture = Architecture(layers, "lite")
    rng = np.random.default_rng(1)
    rough = {
        name: 2 * value + 0.2 * rng.normal(size=value.shape)
        for name, value in initial_parameters(architecture, seed=3).items()
    }
    weights = {
        name: Format(True, 2, weight_fraction + name.endswith("bias"))
        for name in architecture.parameter_shapes
    }
    parameters = {name: quantise(value, weights[name]).astype(np.float32) for name, value in rough.items()}
    content = ModelFile(
        "tiny", architecture, AXIS, 1.4, 10, "mine", parameters, Quantisation(weights, activations)
    )
    return Network(content)


def rounded_shift(value, shift):
    """Round to the nearest, ties upwards, while dropping ``shift`` bits; integers throughout."""
    return (value + (1 << shift >> 1)) >> shift if shift > 0 else value << -shift


def integer_sfd(model, tpsf):
    """Compute a one-layer network in int64 alone, written apart from the code under test."""
    content, act = model.content, model.formats
    fractions = {name: fmt.fraction_bits for name, fmt in content.quantisation.weights.items()}
    codes = {
        name: np.rint(value.astype(np.float64) * 2.0 ** fractions[name]).astype(np.int64)
        for name, value in content.parameters.items()
    }
    fs, fg, fp, fc = (getattr(act, n).fraction_bits for n in ("state", "gate", "product", "candidate"))
    x_codes = normalise_to_codes(tpsf, bits=act.input.bits)
    fx = act.input.fraction_bits
    units, kept = content.architecture.layers[0], act.residual_bits
    h = np.zeros((len(tpsf), units), np.int64)

    def clipped(value, fmt):
        top = 2 ** (fmt.integer_bits + fmt.fraction_bits) - 1
        return np.clip(value, -top if fmt.signed else 0, top)

    def affine(part, columns, x, state, fstate):
        k, r, b = (codes[f"{part}/0/{n}"][..., columns] for n in ("kernel", "recurrent_kernel", "bias"))
        fk, fr, fb = (fractions[f"{part}/0/{n}"] for n in ("kernel", "recurrent_kernel", "bias"))
        common = max(fk + fx, fr + fstate, fb)
        total = ((state @ r) << (common - fr - fstate)) + (b << (common - fb))
        if part == "encoder":
            total = total + ((x @ k) << (common - fk - fx))
        return total, common

    outputs = []
    for part in ("encoder", "decoder"):
        residue = np.zeros_like(h)
        for t in range(tpsf.shape[1]):
            x = x_codes[:, t, None]
            pre, f = affine(part, slice(0, 2 * units), x, h, fs)
            gates = clipped(rounded_shift(pre + (1 << f), f + 1 - fg), act.gate)
            z, r = gates[:, :units], gates[:, units:]
            product = clipped(rounded_shift(r * h, fg + fs - fp), act.product)
            pre, f = affine(part, slice(2 * units, 3 * units), x, product, fp)
            c = clipped(rounded_shift(pre, f - fc), act.candidate)
            fw = max(fs + kept, fc) + fg
            wide_c, wide_h = c << (fw - fg - fc), h << (fw - fg - fs)
            wide_e = residue << (fw - fg - fs - kept)
            inner = wide_h + (wide_e if act.write_back == "residual-bits" else 0) - wide_c
            wide = (wide_c << fg) + z * inner
            if act.write_back == "error-feedback":
                wide = wide + (wide_e << fg)
            h = clipped(rounded_shift(wide, fw - fs), act.state)
            residue = (wide - (h << (fw - fs))) >> (fw - fs - kept) if kept else residue
            if part == "decoder":
                fb, fk = fractions["head/bias"], fractions["head/kernel"]
                common = max(fk + fs, fb)
                out = ((h @ codes["head/kernel"]) << (common - fk - fs)) + (
                    codes["head/bias"] << (common - fb)
                )
                outputs.append(clipped(rounded_shift(out, common - act.output.fraction_bits), act.output))
    return np.stack(outputs, axis=-1) * act.output.step


VARIANTS = [
    formats(),
    formats(state=6, gate=5),
    formats(state=5, write_back="error-feedback", residual_bits=3),
    formats(state=5, write_back="residual-bits", residual_bits=3),
]


@pytest.mark.parametrize("activations", VARIANTS)
def test_network_is_that_of_integers(activations):
    model = network(activations)
    sfd = model.sfd(TPSF)
    assert np.unique(sfd).size > 20
    np.testing.assert_array_equal(sfd, integer_sfd(model, TPSF))


def test_network_too_wide_for_float32_is_computed_wider():
    model = network(formats(state=14, gate=12), weight_fraction=9)
    quantisation = model.content.quantisation
    assert not quantisation.exact_in_float32(model.content.parameters)
    np.testing.assert_array_equal(model.sfd(TPSF), integer_sfd(model, TPSF))
    assert network(formats()).content.quantisation.exact_in_float32(network(formats()).content.parameters)


@pytest.mark.parametrize("activations", VARIANTS)
@pytest.mark.parametrize("layers", [(7,), (5, 4)])
def test_numpy_equals_jax_bit_for_bit(activations, layers):
    model = network(activations, layers)
    inputs = model.inputs(TPSF)
    by_jax = predict_sfd_jax(model.architecture, model.content.parameters, inputs, formats=activations)
    np.testing.assert_array_equal(model.sfd(TPSF), np.asarray(by_jax).transpose(1, 2, 0))


def test_gradient_through_fine_quantisers_is_that_of_the_float_network():
    fine = ActivationFormats(
        input=Format(False, 0, 16),
        state=Format(True, 0, 18),
        gate=Format(False, 0, 18),
        candidate=Format(True, 0, 18),
        product=Format(True, 0, 18),
        output=Format(True, 3, 16),
    )
    architecture = Architecture((6,), "lite")
    parameters = initial_parameters(architecture, seed=3)
    inputs = np.random.default_rng(0).random((5, 12)).astype(np.float32)

    def gradient(activations):
        def loss(parameters):
            return jnp.sum(jnp.sin(predict_sfd_jax(architecture, parameters, inputs, formats=activations)))

        return jax.grad(loss)(parameters)

    exact, through = gradient(None), gradient(fine)
    for name in exact:  # steps of 2**-18, 24 times in a row, under a loss that is steep
        scale = float(jnp.abs(exact[name]).max())
        np.testing.assert_allclose(through[name], exact[name], atol=3e-3 * max(scale, 1), err_msg=name)


def test_counts_that_are_not_whole_are_nearly_those_that_are():
    model = network(formats())
    np.testing.assert_array_equal(model.inputs(TPSF), model.inputs(TPSF.astype(float)))
    assert model.kind == "quantised network"
    assert model.inputs(TPSF).max() == model.formats.input.high


def test_formats_and_widths_come_back(tmp_path):
    model = network(VARIANTS[2])
    rng = np.random.default_rng(0)
    widths = {
        name: rng.integers(1, 9, value.shape).astype(np.uint8)
        for name, value in model.content.parameters.items()
        if name.endswith("recurrent_kernel")
    }
    quantisation = dataclasses.replace(model.content.quantisation, weight_bits=widths)
    model = Network(dataclasses.replace(model.content, quantisation=quantisation))
    model.write(tmp_path / "tiny.npz")
    back = load_model(tmp_path / "tiny.npz").content.quantisation
    assert (back.weights, back.activations) == (quantisation.weights, quantisation.activations)
    for name, value in model.content.parameters.items():
        np.testing.assert_array_equal(back.bits_of(name, value), quantisation.bits_of(name, value))
    assert quantisation.bits_of("head/bias", np.array([0.0, 0.5, 1.0])).tolist() == [0, 9, 9]


def test_weight_off_its_grid_is_refused(tmp_path):
    model = network(formats())
    model.content.parameters["head/bias"][0] += 0.001
    model.write(tmp_path / "tiny.npz")
    with pytest.raises(
        InputError, match=r"tiny.npz: array head/bias has values that cannot be represented in its format"
    ):
        load_model(tmp_path / "tiny.npz")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Format(True, 0, 0), "integer_bits=0 plus fraction_bits=0 must be between 1 and 23"),
        (lambda: Format(False, 9, 16), "must be between 1 and 24"),
        (
            lambda: dataclasses.replace(formats(), gate=Format(True, 0, 7)),
            r"gate=.* must be unsigned with integer_bits=0 \(range 0 to 1\)",
        ),
        (
            lambda: dataclasses.replace(formats(), state=Format(True, 1, 7)),
            r"state=.* must be signed with integer_bits=0 \(range -1 to 1\)",
        ),
        (lambda: formats(write_back="stochastic"), "write_back='stochastic' is unknown; choose one of round"),
        (lambda: formats(residual_bits=2), "residual_bits=2 must be 0 with write_back='round'"),
    ],
)
def test_bad_formats_say_value_and_rule(call, text):
    with pytest.raises(InputError, match=text):
        call()
