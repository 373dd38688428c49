"""The networks: what they are, their files, and the trained ones that come with the package."""

from seq2seqlite.models.architecture import (
    SEQ2SEQ,
    SEQ2SEQLITE,
    Architecture,
    Parameters,
    initial_parameters,
)
from seq2seqlite.models.float_model import FloatModel
from seq2seqlite.models.forward import predict_sfd
from seq2seqlite.models.model_file import ModelFile
from seq2seqlite.models.registry import load_model, model_card, model_names

__all__ = [
    "SEQ2SEQ",
    "SEQ2SEQLITE",
    "Architecture",
    "FloatModel",
    "ModelFile",
    "Parameters",
    "initial_parameters",
    "load_model",
    "model_card",
    "model_names",
    "predict_sfd",
]
