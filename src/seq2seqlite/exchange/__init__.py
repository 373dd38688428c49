"""Networks in the formats of other programs: ONNX and Keras.

- :mod:`~seq2seqlite.exchange.onnx_file`: ONNX (extra ``export``)
- :mod:`~seq2seqlite.exchange.keras_file`: Keras (extra ``export``)
- :mod:`~seq2seqlite.exchange.imported`: models of networks found in such files
"""

from seq2seqlite.exchange.description import (
    FoundLayer,
    FoundNetwork,
    check_exchange_file,
    description,
    parsed_description,
)
from seq2seqlite.exchange.imported import TOLERANCE, checked_network
from seq2seqlite.exchange.keras_file import keras_model, read_keras, write_keras
from seq2seqlite.exchange.onnx_file import onnx_model, read_onnx, write_onnx

__all__ = [
    "TOLERANCE",
    "FoundLayer",
    "FoundNetwork",
    "check_exchange_file",
    "checked_network",
    "description",
    "keras_model",
    "onnx_model",
    "parsed_description",
    "read_keras",
    "read_onnx",
    "write_keras",
    "write_onnx",
]
