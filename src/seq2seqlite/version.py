"""The version, in a module that imports nothing: every other may name it."""

__all__ = ["__version__"]

__version__ = "0.1.0"
