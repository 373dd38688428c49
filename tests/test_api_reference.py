"""The API reference: every documented function and class has a summary and a See Also whose names exist."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from numpydoc.docscrape import NumpyDocString

import seq2seqlite

PAGES = Path(__file__).parents[1] / "docs" / "api"
DIRECTIVE = re.compile(r"\.\. auto(module|class):: (\S+)")
FEWEST_WORDS = 3


def documented() -> dict[str, Any]:
    """Return the functions and classes of the API reference by their full names."""
    found: dict[str, Any] = {}
    for page in sorted(PAGES.glob("*.md")):
        for kind, name in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            place = name if kind == "module" else name.rpartition(".")[0]
            module = import_module(place)
            names = getattr(module, "__all__", ()) if kind == "module" else [name.rpartition(".")[2]]
            found |= {f"{place}.{one}": getattr(module, one) for one in names}
    return {name: one for name, one in found.items() if is_public(one)}


def is_public(one: Any) -> bool:
    """Return whether an object is a function or class of this package, not a type alias or a number."""
    return (inspect.isclass(one) or inspect.isfunction(one)) and one.__module__.startswith("seq2seqlite")


DOCUMENTED = documented()


def exists(name: str, place: str) -> bool:
    """Return whether a name of a See Also refers to an object of the reference, or to its method."""
    owner, _, method = name.rpartition(".")
    return any(
        full in DOCUMENTED or (of in DOCUMENTED and hasattr(DOCUMENTED[of], method))
        for full, of in ((name, owner), (f"{place}.{name}", f"{place}.{owner}"))
    )


def problems(docstring: str | None, full_name: str) -> Iterator[str]:
    """Yield what the docstring of an object lacks."""
    place, _, own_name = full_name.rpartition(".")
    text = NumpyDocString(docstring or "")
    summary = " ".join(text["Summary"])
    if len(summary.split()) < FEWEST_WORDS or not re.search(r"[.)]$", summary):
        yield f"summary {summary!r} is not a sentence"
    if not text["See Also"]:
        yield "no See Also"
    for names, description in text["See Also"]:
        for name, _ in names:
            if name == own_name or not exists(name, place):
                yield f"See Also {name} is not in the API reference"
            if not description:
                yield f"See Also {name} has no description"


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_object_has_a_summary_and_neighbours(name: str) -> None:
    assert list(problems(inspect.getdoc(DOCUMENTED[name]), name)) == []


def test_the_reference_has_the_names_of_the_package() -> None:
    assert len(DOCUMENTED) > 400
    names = {f"seq2seqlite.{name}" for name in seq2seqlite.__all__}
    assert names - set(DOCUMENTED) == {"seq2seqlite.__version__"}


GOOD = "Return the maps.\n\nSee Also\n--------\nload : Read a measurement.\n"


@pytest.mark.parametrize(
    ("docstring", "found"),
    [
        (GOOD, []),
        (GOOD.replace("load", "seq2seqlite.models.Network.sfd"), []),
        (None, ["summary '' is not a sentence", "no See Also"]),
        ("Return the maps.", ["no See Also"]),
        (GOOD.replace("Return the maps.", "Maps."), ["summary 'Maps.' is not a sentence"]),
        (GOOD.replace("maps.", "maps"), ["summary 'Return the maps' is not a sentence"]),
        (GOOD.replace("load", "lode"), ["See Also lode is not in the API reference"]),
        (GOOD.replace("load", "read"), ["See Also read is not in the API reference"]),
        (GOOD.replace("load", "cli.main"), ["See Also cli.main is not in the API reference"]),
        (GOOD.replace(" : Read a measurement.", ""), ["See Also load has no description"]),
    ],
)  # fmt: skip
def test_which_problems_are_found(docstring: str | None, found: list[str]) -> None:
    assert list(problems(docstring, "seq2seqlite.io.read")) == found
