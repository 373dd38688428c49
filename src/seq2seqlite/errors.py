"""The exceptions for what a user can mend."""

__all__ = ["HaltError", "InputError"]


class InputError(ValueError):
    """Input that cannot be used: says the value, the rule and the remedy in one line.

    The command line prints its text and exits with code 2; every other exception keeps its traceback.
    """


class HaltError(InputError):
    """What every further job of a batch would meet too: a full disk, workers that are lost."""
