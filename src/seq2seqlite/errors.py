"""Exceptions caused by user input."""

__all__ = ["HaltError", "InputError"]


class InputError(ValueError):
    """Invalid input. The message is one line with the value, the rule and the remedy.

    The command line prints the message and exits with code 2; all other exceptions keep their traceback.

    See Also
    --------
    HaltError : Error that would affect all further jobs of a batch or stream.
    """


class HaltError(InputError):
    """Error that would affect all further jobs of a batch or stream, e.g. a full disk or a lost board.

    See Also
    --------
    InputError : Invalid input.
    """
