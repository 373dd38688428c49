"""Conditions of an experiment from file names."""

import re
from dataclasses import dataclass
from pathlib import Path

from seq2seqlite.errors import InputError

__all__ = ["Conditions"]

FIELD = re.compile(r"\{(\w+)\}|(\*)")
# Columns of the tables themselves.
TAKEN = ("file", "region", "pixels", "photons", "pixels_analysed")


@dataclass(frozen=True)
class Conditions:
    """Pattern of file names, whose fields are the conditions of an experiment.

    Parameters
    ----------
    pattern : str
        Text with fields in braces, e.g. ``"{cell}_{dose}.ptu"``. A field stands for one or more characters
        without ``/``, as few as possible; ``*`` for any characters without ``/``. A pattern with ``/`` is
        compared with the folders too.

    Raises
    ------
    InputError
        If the pattern has no fields, the same field twice, or the name of another column.

    See Also
    --------
    batch_table : Table with a column for each field.

    Examples
    --------
    >>> Conditions("{cell}_{dose}nM.ptu").of(Path("day1/HeLa_20nM.ptu"))
    {'cell': 'HeLa', 'dose': '20'}
    >>> Conditions("{day}/*_{dose}nM.ptu").of(Path("day1/HeLa_20nM.ptu"))
    {'day': 'day1', 'dose': '20'}
    """

    pattern: str

    def __post_init__(self) -> None:
        names = [match[1] for match in FIELD.finditer(self.pattern) if match[1]]
        wrong = [name for name in names if not name.isidentifier() or names.count(name) > 1 or name in TAKEN]
        if wrong or not names:
            why = f"the field {wrong[0]!r} is not allowed" if wrong else "it has no fields"
            raise InputError(
                f"conditions={self.pattern!r}: {why}; use different names in braces that are not columns "
                f"already ({', '.join(TAKEN)}), e.g. '{{cell}}_{{dose}}.ptu'"
            )

    def of(self, path: Path, /) -> dict[str, str]:
        """Return the conditions of a file.

        Raises
        ------
        InputError
            If the name does not match the pattern.
        """
        n_parts = self.pattern.count("/") + 1
        text = "/".join(path.absolute().parts[-n_parts:])
        found = self._expression.fullmatch(text)
        if found is None:
            raise InputError(f"{path}: the name does not match conditions={self.pattern!r}; rename the file")
        return found.groupdict()

    @property
    def _expression(self) -> re.Pattern[str]:
        parts, end = [], 0
        for match in FIELD.finditer(self.pattern):
            parts.append(re.escape(self.pattern[end : match.start()]))
            parts.append(f"(?P<{match[1]}>[^/]+?)" if match[1] else "[^/]*?")
            end = match.end()
        return re.compile("".join([*parts, re.escape(self.pattern[end:])]))
