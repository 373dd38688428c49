"""ONNX and Keras files of all shipped float models compute our numbers; files of others become models."""

import os
import struct
import sys

import numpy as np
import pytest

from seq2seqlite import export_model, import_model, load_model, load_predictor
from seq2seqlite.cli.app import main
from seq2seqlite.errors import InputError
from seq2seqlite.exchange import TOLERANCE, keras_model, onnx_model, read_keras, read_onnx
from seq2seqlite.models import Architecture, ModelFile, Network, initial_parameters, model_names, predict_sfd
from seq2seqlite.models.numpy_forward import predict_direct
from seq2seqlite.simulation import Simulator, load_instrument

FLOAT = [name for name in model_names() if load_model(name).formats is None]
TINY = "seq2seqlite-tcspc-80mhz-tiny"
AXIS = load_instrument("tcspc-80mhz").axis


# A warning of Keras on JAX about NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def keras_of_tests():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras")


def inputs_and_outputs(name, n=16):
    """Return inputs of simulated decays, and our outputs."""
    network = load_model(name)
    simulator = Simulator(load_instrument(network.instrument), seed=5, split="validation")
    if network.uses_response:
        response = simulator.measured_responses(np.zeros(1, int), np.random.default_rng(2))[0]
        network = network.with_response(response + 1)
    inputs = network.input_columns(simulator.chunk(0, n=n).tpsf)
    forward = predict_direct if network.direct else predict_sfd
    return network, inputs, forward(network.architecture, network.content.parameters, inputs)


@pytest.mark.parametrize(
    "name",
    [
        # One of each kind in every run: two layers, a decoder with and without a response, and direct.
        pytest.param(name, marks=() if "tcspc-80mhz" in name or "iccd" in name else pytest.mark.exhaustive)
        for name in FLOAT
    ],
)
def test_onnx_runtime_and_keras_compute_our_numbers(name):
    onnxruntime = pytest.importorskip("onnxruntime")
    network, inputs, ours = inputs_and_outputs(name)
    session = onnxruntime.InferenceSession(
        onnx_model(network).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {"inputs": inputs})[0]
    assert found.shape == ours.shape
    assert np.abs(found - ours).max() < TOLERANCE / 5
    keras_of_tests()
    found = np.asarray(keras_model(network)(inputs))
    assert found.shape == ours.shape
    assert np.abs(found - ours).max() < TOLERANCE / 5


def small(cell="standard", layers=(5, 4), seed=3):
    architecture = Architecture(layers, cell)
    parameters = initial_parameters(architecture, seed=seed)
    rng = np.random.default_rng(seed)
    for name, value in parameters.items():
        if name.endswith("bias"):
            parameters[name] = rng.normal(0, 0.2, value.shape).astype(np.float32)
    return Network(ModelFile("small", architecture, AXIS, 1.5, 10, "tcspc-80mhz", parameters))


@pytest.mark.parametrize("cell", ["standard", "lite"])
@pytest.mark.parametrize("suffix", [".onnx", ".keras"])
def test_round_trip(tmp_path, cell, suffix):
    network = small(cell)
    export_model(network, tmp_path / f"a{suffix}")
    export_model(network, tmp_path / f"a{suffix}")  # replaces its own file
    found = import_model(tmp_path / f"a{suffix}", tmp_path / "small.npz")
    for name, value in network.content.parameters.items():
        np.testing.assert_allclose(found.content.parameters[name], value, rtol=3e-7, atol=0)
    assert found.content.rising_edge_ns == 1.5
    assert load_predictor(str(tmp_path / "small.npz")).axis == AXIS
    import_model(tmp_path / f"a{suffix}", tmp_path / "small.npz")  # the same model again


def test_direct_network_keeps_all_of_its_description(tmp_path):
    name = "seq2seqlite-iccd-direct-float"
    export_model(name, tmp_path / "direct.onnx")
    found, shipped = import_model(tmp_path / "direct.onnx", tmp_path / "direct.npz"), load_model(name)
    counts = np.random.default_rng(1).poisson(20.0, (5, shipped.axis.n_gates))
    np.testing.assert_array_equal(found.lifetimes(counts).tau_mean_ns, shipped.lifetimes(counts).tau_mean_ns)


def torch_gru(x, h, weights):
    """Return the states of the equations of torch.nn.GRU (gate order r, z, n), for gates first."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    states = []
    for step in x:
        gi = step @ weight_ih.T + bias_ih
        gh = h @ weight_hh.T + bias_hh
        (ir, iz, in_), (hr, hz, hn) = np.split(gi, 3, axis=1), np.split(gh, 3, axis=1)
        r, z = 1 / (1 + np.exp(-(ir + hr))), 1 / (1 + np.exp(-(iz + hz)))
        n = np.tanh(in_ + r * hn)
        h = (1 - z) * n + z * h
        states.append(h)
    return np.stack(states)


def torch_model(units=6, reset=1):
    """Return a file as PyTorch exports it (gates first, z before r, reset after the product), and weights."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(7)
    layers = {
        part: [rng.normal(0, 0.4, shape).astype(np.float32) for shape in ((3 * units, n), (3 * units, units),
               (3 * units,), (3 * units,))] for part, n in (("encoder", 1), ("decoder", 2))
    }  # fmt: skip
    head = rng.normal(0, 0.5, (3, units)).astype(np.float32), rng.normal(0, 0.1, 3).astype(np.float32)
    order = np.r_[units : 2 * units, 0:units, 2 * units : 3 * units]  # r, z, n to z, r, h
    arrays = {
        "zero": np.zeros((135, 1, 2), np.float32),
        "axis": np.array([1]),
        "head": head[0].T,
        "b": head[1],
    }
    nodes = [helper.make_node("Mul", ["x", "zero"], ["zeros"])]
    for part, sequence, initial in (("encoder", "x", ""), ("decoder", "zeros", "encoder/h")):
        weight_ih, weight_hh, bias_ih, bias_hh = (value[order] for value in layers[part])
        arrays |= {f"{part}/W": weight_ih[None], f"{part}/R": weight_hh[None]}
        arrays[f"{part}/B"] = np.concatenate([bias_ih, bias_hh])[None]
        inputs = [sequence, f"{part}/W", f"{part}/R", f"{part}/B", "", initial]
        outputs = [f"{part}/y", f"{part}/h"]
        nodes.append(
            helper.make_node("GRU", inputs, outputs, hidden_size=units, linear_before_reset=reset, name=part)
        )
    nodes.append(helper.make_node("Squeeze", ["decoder/y", "axis"], ["states"]))
    nodes.append(helper.make_node("MatMul", ["states", "head"], ["product"]))
    nodes.append(helper.make_node("Add", ["b", "product"], ["out"]))
    graph = helper.make_graph(
        nodes, "torch", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [135, "n", 1])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [135, "n", 3])],
        [numpy_helper.from_array(value, name) for name, value in arrays.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model, layers, head


def test_network_of_pytorch(tmp_path):
    model, layers, head = torch_model()
    (tmp_path / "torch.onnx").write_bytes(model.SerializeToString())
    found = import_model(tmp_path / "torch.onnx", tmp_path / "torch.npz", instrument="tcspc-80mhz")
    x = np.random.default_rng(1).random((4, 135, 1), np.float32)
    last = torch_gru(x.transpose(1, 0, 2), np.zeros((4, 6)), layers["encoder"])[-1]
    states = torch_gru(np.zeros((135, 4, 2)), last, layers["decoder"])
    expected = (states @ head[0].T + head[1]).transpose(1, 2, 0)
    ours = predict_sfd(found.architecture, found.content.parameters, x)
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    assert found.architecture == Architecture((6,), "standard")
    shipped = load_model("seq2seqlite-tcspc-80mhz-float")
    assert found.content.n_baseline == shipped.content.n_baseline
    assert found.rising_edge_ns == pytest.approx(shipped.rising_edge_ns, abs=0.05)
    assert found.tau_range_ns == (0.1, 6.0)


def test_reset_before_the_product_with_smooth_functions_is_refused(tmp_path):
    model, *_ = torch_model(reset=0)
    (tmp_path / "old.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(
        InputError, match=r"old\.onnx: its GRU 'encoder' has .*linear_before_reset=0; supported"
    ):
        import_model(tmp_path / "old.onnx", tmp_path / "a.npz", instrument="tcspc-80mhz")


def keras_network(*, decoder_input="zeros", reset_after=True):
    keras = keras_of_tests()
    inputs = keras.Input((135, 1))
    options = {"return_sequences": True, "return_state": True, "reset_after": reset_after}
    sequence, state = keras.layers.GRU(4, **options)(inputs)
    given = inputs * 0 if decoder_input == "zeros" else sequence
    decoded, _ = keras.layers.GRU(4, **options)(given, initial_state=state)
    return keras.Model(inputs, keras.layers.Dense(3)(decoded))


def test_network_of_keras(tmp_path):
    model = keras_network()
    model.save(tmp_path / "k.keras")
    found = import_model(
        tmp_path / "k.keras", tmp_path / "k.npz", instrument="narrow-gate", rising_edge_ns=1.2, n_baseline=7
    )
    x = np.random.default_rng(1).random((3, 135, 1), np.float32)
    ours = predict_sfd(found.architecture, found.content.parameters, x)
    np.testing.assert_allclose(ours, np.asarray(model(x)).transpose(0, 2, 1), atol=1e-5)
    assert (found.content.n_baseline, found.rising_edge_ns, found.instrument) == (7, 1.2, "narrow-gate")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"decoder_input": "sequence"}, r"k\.keras: its decoder/0/kernel has|outputs differ from those of"),
        ({"reset_after": False}, "has reset_after=False, sigmoid and tanh; supported are"),
    ],
)
def test_networks_of_another_structure_are_refused(tmp_path, options, text):
    keras_network(**options).save(tmp_path / "k.keras")
    with pytest.raises(InputError, match=text):
        import_model(tmp_path / "k.keras", tmp_path / "k.npz", instrument="tcspc-80mhz")
    assert not (tmp_path / "k.npz").exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[1]", "its description is not a JSON object; export the model again"),
        ("{", "its description is not a JSON object"),
        ("{}", "its description is not that of a model of format_version 3"),
        ('{"format": "seq2seqlite model", "format_version": 3}', "its header lacks 'layers'"),
    ],
)
def test_wrong_description(tmp_path, text, line):
    model, *_ = torch_model()
    model.metadata_props.add(key="seq2seqlite", value=text)
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=rf"a\.onnx: .*{line}"):
        import_model(tmp_path / "a.onnx", tmp_path / "a.npz")


def test_layers_are_found_in_any_order_of_the_computation(tmp_path):
    export_model(small(), tmp_path / "a.keras")
    export_model(small(), tmp_path / "a.onnx")
    for found in (read_keras(tmp_path / "a.keras"), read_onnx(tmp_path / "a.onnx")):
        assert sorted(layer.decoder for layer in found.layers) == [False, False, True, True]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (f"export --model {TINY} --out a.onnx", f"model '{TINY}' is quantised, and ONNX and Keras cannot"),
        ("export --model x.program --out a.onnx", "model 'x.program' is quantised"),
        ("export --model mle-mono --out a.onnx", "model 'mle-mono' is unknown; choose one of"),
        (
            f"export --model {FLOAT[0]} --out a.tflite",
            "the suffix of a.tflite is unknown; choose one of onnx, k",
        ),
        (f"export --model {FLOAT[0]} --format onnx --out a.keras", "out=a.keras must end in .onnx"),
        (
            f"export --model {FLOAT[0]} --out mine.onnx",
            "mine.onnx was not written by seq2seqlite export; move",
        ),
        (
            f"export --model {FLOAT[0]} --out cut.keras",
            "cut.keras was not written by seq2seqlite export; move",
        ),
        ("import none.onnx --out a.npz", "none.onnx does not exist or is not a file"),
        ("import mine.onnx --out a.npz", "mine.onnx is not a valid ONNX file"),
        ("import mine.keras --out a.npz", "mine.keras is not a valid Keras file"),
        ("import mine.pt --out a.npz", "mine.pt: unsupported suffix '.pt'; use one of .onnx, .keras, .h5"),
        ("import mine.onnx --out a.h5", "out=a.h5 must end in .npz, not in '.h5' (option --out)"),
        ("import good.onnx --out mine.npz", "mine.npz exists and is another file; move it"),
        ("import plain.onnx --out a.npz", "plain.onnx: it does not describe its instrument; pass instrument"),
        ("import plain.onnx --out a.npz --instrument none", "instrument 'none' is unknown"),
    ],
)
def test_errors_are_one_line(tmp_path, monkeypatch, capsys, words, line):
    monkeypatch.chdir(tmp_path)
    for suffix in ("onnx", "keras", "npz", "pt"):
        (tmp_path / f"mine.{suffix}").write_bytes(b"mine")
    # The end record of an archive whose directory is missing.
    (tmp_path / "cut.keras").write_bytes(b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, 46, 0, 0))
    (tmp_path / "plain.onnx").write_bytes(torch_model()[0].SerializeToString())
    export_model(small(), tmp_path / "good.onnx")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(words.split()) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert line in printed.err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_missing_extra_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["export", "--model", FLOAT[0], "--out", str(tmp_path / "a.onnx")]) == 2
    assert "requires onnx; install it with pip install 'seq2seqlite[export]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = "seq2seqlite-tcspc-80mhz-float"
    assert main(f"export --model {model} --format onnx --out a.onnx --json e.json".split()) == 0
    assert main(["import", "a.onnx", "--out", "mine.npz", "--json", "i.json"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        f"a.onnx: {model}, inputs (n, 135, 1), outputs (n, 3, 135)",
        "mine.npz: mine, layers [32], cell lite, 6,627 parameters",
    ]
    counts = np.random.default_rng(1).poisson(20.0, (5, 135))
    mine, shipped = load_model("mine.npz"), load_model(model)
    np.testing.assert_array_equal(mine.sfd(counts), shipped.sfd(counts))
