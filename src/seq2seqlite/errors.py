"""The one exception for a user's input that cannot be used."""

__all__ = ["InputError"]


class InputError(ValueError):
    """Input that cannot be used: says the value, the rule and the remedy in one line.

    The command line prints its text and exits with code 2; every other exception keeps its traceback.
    """
