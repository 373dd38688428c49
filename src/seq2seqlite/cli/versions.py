"""``seq2seqlite versions``: versions of the package and its dependencies."""

import typer

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.provenance import provenance

__all__ = ["versions"]


def versions(
    json_file: JsonOption = None,
) -> None:
    """Print the versions of seq2seqlite and of its dependencies."""
    result = provenance()
    rows = {**result["versions"], "commit": result["commit"], "platform": result["platform"]}
    width = max(map(len, rows))
    for name, version in rows.items():
        typer.echo(f"{name:{width}}  {version if version is not None else '-'}")
    write_json(json_file, result)
