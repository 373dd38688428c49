"""Version of the package, in a module without imports so that all other modules can import it."""

__all__ = ["__version__"]

__version__ = "0.1.0"
