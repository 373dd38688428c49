"""GRU encoder-decoder networks: architecture, forward pass, quantisation, model files, shipped models."""

from seq2seqlite.models.architecture import (
    SEQ2SEQ,
    SEQ2SEQLITE,
    Architecture,
    Parameters,
    initial_parameters,
)
from seq2seqlite.models.error_scale import ErrorScale
from seq2seqlite.models.error_table import ErrorTable
from seq2seqlite.models.inputs import response_columns
from seq2seqlite.models.model_file import ModelFile, model_digest, parameters_digest
from seq2seqlite.models.network import (
    FRACTION_OF_A_COUNT,
    Network,
    direct_lifetimes,
    network_inputs,
    tau_limits_ns,
)
from seq2seqlite.models.numpy_forward import predict_sfd
from seq2seqlite.models.quantisation import WRITE_BACKS, ActivationFormats, Format, Quantisation, quantise
from seq2seqlite.models.registry import load_model, model_card, model_names

__all__ = [
    "FRACTION_OF_A_COUNT",
    "SEQ2SEQ",
    "SEQ2SEQLITE",
    "WRITE_BACKS",
    "ActivationFormats",
    "Architecture",
    "ErrorScale",
    "ErrorTable",
    "Format",
    "Network",
    "ModelFile",
    "Parameters",
    "Quantisation",
    "direct_lifetimes",
    "initial_parameters",
    "load_model",
    "model_card",
    "model_digest",
    "model_names",
    "network_inputs",
    "parameters_digest",
    "predict_sfd",
    "quantise",
    "response_columns",
    "tau_limits_ns",
]
