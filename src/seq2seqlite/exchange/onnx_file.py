"""Networks as ONNX files: standard operators only, and the same numbers within float tolerance."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.exchange.description import (
    PRODUCER,
    FoundLayer,
    FoundNetwork,
    description,
    parsed_description,
)
from seq2seqlite.files import replace_when_done
from seq2seqlite.limits import BoundedFile
from seq2seqlite.models import Network

__all__ = ["onnx_model", "read_onnx", "write_onnx"]

# Versions that ONNX Runtime has supported for years.
OPSET, IR_VERSION = 17, 8
# Hard sigmoid and hard tanh of the lite cell both saturate at -1 and 1 of their input: GRU's ``clip`` limits
# the input, and what remains is linear.
LITE_NUMBERS = {"activation_alpha": [0.5, 1.0], "activation_beta": [0.5, 0.0], "clip": [1.0]}
LITE: dict[str, Any] = {
    "activations": ["HardSigmoid", "Affine"],
    **LITE_NUMBERS,
    "clip": 1.0,
    "linear_before_reset": 0,
}
STANDARD: dict[str, Any] = {"activations": ["Sigmoid", "Tanh"], "linear_before_reset": 1}


def onnx_model(network: Network, /) -> Any:
    """Return a network as an ONNX model.

    Parameters
    ----------
    network : Network
        Network with floating-point activations.

    Returns
    -------
    onnx.ModelProto
        Model with the input ``inputs``, shape (n, n_gates, n_inputs), as of
        :meth:`~seq2seqlite.models.Network.input_columns`. Output: ``sfd``, shape (n, 3, n_gates), or
        ``lifetimes``, shape (n, 8), the head of a direct network. Metadata: the header of the model file.

    See Also
    --------
    seq2seqlite.export_model : Write a model to a file; the command ``export``.

    Notes
    -----
    The ``GRU`` operator has the gate order z, r, candidate of the model file. A ``standard`` cell has
    ``linear_before_reset=1``. A ``lite`` cell has ``linear_before_reset=0``, the activations ``HardSigmoid``
    (0.5 x + 0.5) and ``Affine`` (x), and ``clip=1``, which limits the input of both to -1 to 1: hard sigmoid
    and hard tanh are linear between these values and constant beyond.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    architecture, parameters = network.architecture, network.content.parameters
    n_gates, n_inputs = network.axis.n_gates, architecture.n_inputs
    arrays: dict[str, NDArray[Any]] = {}
    nodes = [helper.make_node("Transpose", ["inputs"], ["sequence"], perm=[1, 0, 2])]
    states, sequence = [], "sequence"
    shape: list[str | int | None]
    for index in range(len(architecture.layers)):
        name = f"encoder/{index}"
        nodes += _gru(name, sequence, "", network=network, arrays=arrays)
        states.append(f"{name}/last")
        sequence = f"{name}/states"
    if architecture.direct:
        arrays["axis/0"] = np.array([0], np.int64)
        nodes.append(helper.make_node("Squeeze", [states[-1], "axis/0"], ["head/input"]))
    else:
        arrays |= {"start": np.array([0], np.int64), "stop": np.array([1], np.int64)}
        arrays |= {"axis/2": np.array([2], np.int64), "zero": np.array(0, np.float32)}
        nodes.append(helper.make_node("Slice", ["sequence", "start", "stop", "axis/2"], ["decoder/column"]))
        nodes.append(helper.make_node("Mul", ["decoder/column", "zero"], ["decoder/input"]))
        sequence = "decoder/input"
        for index in range(len(architecture.layers)):
            name = f"decoder/{index}"
            nodes += _gru(name, sequence, states[index], network=network, arrays=arrays)
            sequence = f"{name}/states"
        nodes.append(helper.make_node("Identity", [sequence], ["head/input"]))
    arrays |= {"head/kernel": parameters["head/kernel"], "head/bias": parameters["head/bias"]}
    nodes.append(helper.make_node("MatMul", ["head/input", "head/kernel"], ["head/product"]))
    if architecture.direct:
        nodes.append(helper.make_node("Add", ["head/product", "head/bias"], ["lifetimes"]))
        output, shape = "lifetimes", ["n", len(parameters["head/bias"])]
    else:
        nodes.append(helper.make_node("Add", ["head/product", "head/bias"], ["head/output"]))
        nodes.append(helper.make_node("Transpose", ["head/output"], ["sfd"], perm=[1, 2, 0]))
        output, shape = "sfd", ["n", len(parameters["head/bias"]), n_gates]
    graph = helper.make_graph(
        nodes,
        network.name,
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["n", n_gates, n_inputs])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in arrays.items()],
    )
    model = helper.make_model(
        graph,
        producer_name=PRODUCER,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, {PRODUCER: description(network)})
    checker.check_model(model)
    return model


def _gru(
    name: str, sequence: str, initial: str, /, *, network: Network, arrays: dict[str, NDArray[Any]]
) -> list[Any]:
    """Return the nodes of one layer, and add its arrays; ONNX has the gate order of the model file."""
    from onnx import helper

    parameters = network.content.parameters
    kernel = parameters[f"{name}/kernel"]
    recurrent, bias = parameters[f"{name}/recurrent_kernel"], parameters[f"{name}/bias"]
    both = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    arrays |= {
        f"{name}/W": np.ascontiguousarray(kernel.T)[None],
        f"{name}/R": np.ascontiguousarray(recurrent.T)[None],
        f"{name}/B": np.ascontiguousarray(both.reshape(1, -1)),
        "axis/1": np.array([1], np.int64),
    }
    options = STANDARD if network.architecture.cell == "standard" else LITE
    inputs = [sequence, f"{name}/W", f"{name}/R", f"{name}/B", "", initial]
    gru = helper.make_node(
        "GRU",
        inputs if initial else inputs[:4],
        [f"{name}/all", f"{name}/last"],
        name=name,
        hidden_size=len(recurrent),
        **options,
    )
    return [gru, helper.make_node("Squeeze", [f"{name}/all", "axis/1"], [f"{name}/states"])]


def write_onnx(network: Network, path: Path, /) -> None:
    """Write a network as an ONNX file.

    See Also
    --------
    onnx_model : The content of the file.
    """
    content = onnx_model(network).SerializeToString(deterministic=True)
    with replace_when_done(path) as temporary:
        temporary.write_bytes(content)


def read_onnx(path: Path, /) -> FoundNetwork:
    """Read the GRU layers and the head of an ONNX file.

    Raises
    ------
    InputError
        If the file cannot be read, or has other layers.

    See Also
    --------
    seq2seqlite.import_model : Convert a file to a model file.
    """
    import onnx
    from onnx import numpy_helper

    try:
        with BoundedFile(path) as stream:
            content = stream.read()
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model)
        arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
                arrays[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        layers = _layers(model.graph.node, arrays)
        kernel, bias = _head(model.graph.node, arrays)
        run = _runner(content)
    except (InputError, ModuleNotFoundError):
        raise
    except Exception as error:  # noqa: BLE001 - protobuf and onnx raise anything on a damaged file
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is not a valid ONNX file ({reason:.200}); export it again") from None
    if not layers:
        raise InputError("it has no GRU operator")
    texts = {item.key: item.value for item in model.metadata_props}
    described = parsed_description(texts[PRODUCER]) if PRODUCER in texts else None
    return FoundNetwork(layers, kernel, bias, described, run)


def _layers(nodes: Any, arrays: Mapping[str, NDArray[Any]]) -> list[FoundLayer]:
    """Return the GRU layers; a decoder's initial state depends on the output of another GRU."""
    layers, dependent = [], set[str]()
    for node in nodes:
        if node.op_type == "GRU":
            decoder = len(node.input) > 5 and node.input[5] in dependent
            layers.append(_layer(node, arrays, decoder=decoder))
        if node.op_type == "GRU" or dependent & set(node.input):
            dependent |= set(node.output)
    return layers


def _layer(node: Any, arrays: Mapping[str, NDArray[Any]], /, *, decoder: bool) -> FoundLayer:
    """Return a GRU node's weights, with the axes of a model file."""
    from onnx import helper

    options = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    if options.get("direction", b"forward") != b"forward":
        raise InputError(f"its GRU {node.name!r} has direction {options['direction'].decode()}, not forward")
    missing = [name for name in node.input[1:4] if name and name not in arrays]
    if missing:
        raise InputError(f"the weights {missing[0]!r} of its GRU {node.name!r} are computed, not stored")
    kernel, recurrent = (arrays[name][0].T for name in node.input[1:3])
    given = len(node.input) > 3 and node.input[3]
    bias = arrays[node.input[3]] if given else np.zeros((1, 2 * kernel.shape[1]), np.float32)
    return FoundLayer(_cell(node.name, options), kernel, recurrent, bias.reshape(2, -1), decoder)


def _cell(name: str, options: Mapping[str, Any]) -> str:
    activations = [item.decode() for item in options.get("activations", (b"Sigmoid", b"Tanh"))]
    reset_after = bool(options.get("linear_before_reset", 0))
    if activations == STANDARD["activations"] and reset_after and "clip" not in options:
        return "standard"
    numbers = [np.ravel(options.get(key, 0.0)).tolist() for key in LITE_NUMBERS]
    if activations == LITE["activations"] and not reset_after and numbers == list(LITE_NUMBERS.values()):
        return "lite"
    raise InputError(
        f"its GRU {name!r} has activations {activations} and linear_before_reset={int(reset_after)}; "
        "supported are Sigmoid and Tanh with linear_before_reset=1 (PyTorch, Keras with reset_after=True), "
        "and the cell that seq2seqlite exports"
    )


def _head(nodes: Any, arrays: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return kernel and bias of the last matrix product with stored weights."""
    from onnx import helper

    products = [node for node in nodes if node.op_type in ("MatMul", "Gemm") and node.input[1] in arrays]
    if not products:
        raise InputError("it has no last layer (MatMul or Gemm with stored weights)")
    node = products[-1]
    kernel = arrays[node.input[1]]
    options = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    if options.get("transB"):
        kernel = kernel.T
    bias = arrays.get(node.input[2]) if len(node.input) > 2 else None
    for after in nodes:
        if bias is None and after.op_type == "Add" and node.output[0] in after.input:
            bias = next((arrays[name] for name in after.input if name in arrays), None)
    return kernel, np.zeros(kernel.shape[1], np.float32) if bias is None else bias.reshape(-1)


def _runner(content: bytes) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return a function that computes the first output with ONNX Runtime."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.log_severity_level = 4  # warnings would be printed on stderr
    session = InferenceSession(content, options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]

    def run(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        values = inputs[..., 0] if len(given.shape) == 2 else inputs
        batches = np.split(values, len(values)) if given.shape[0] == 1 else [values]
        return np.concatenate([session.run(None, {given.name: batch})[0] for batch in batches])

    return run
