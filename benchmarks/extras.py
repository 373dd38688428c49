"""Packages that each extra adds to the base install, and their size on disk.

The environment must have all extras, as `make setup` installs them:

    python benchmarks/extras.py
"""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

PACKAGE = "seq2seqlite"


def requirements(package: str, extra: str) -> list[Requirement]:
    """Return the requirements of an installed package, with an extra, that apply to this machine."""
    found = [Requirement(line) for line in distribution(package).requires or ()]
    return [one for one in found if one.marker is None or one.marker.evaluate({"extra": extra})]


def required(package: str, extra: str = "") -> set[str]:
    """Return the installed packages that a package with an extra requires, directly or not."""
    found: set[tuple[str, str]] = set()
    waiting = [(package, extra)]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        for needed in requirements(*one):
            name = needed.name.lower().replace("_", "-")
            try:
                distribution(name)
            except PackageNotFoundError:
                print(f"{name}, which {one[0]} requires, is not installed")
                continue
            waiting += [(name, more) for more in ("", *needed.extras)]
    return {name for name, _ in found} - {package}


def megabytes(packages: set[str]) -> float:
    """Return the size of the files of installed packages, in MB."""
    files = {Path(str(file.locate())) for name in packages for file in distribution(name).files or ()}
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def main() -> None:
    """Print the packages and the size of the base install and of each extra."""
    base = required(PACKAGE)
    print(f"(base): {len(base)} packages, {megabytes(base):,.0f} MB")
    for extra in sorted(distribution(PACKAGE).metadata.get_all("Provides-Extra") or ()):
        more = required(PACKAGE, extra) - base
        print(f"{extra}: {len(more)} packages, {megabytes(more):,.0f} MB")


if __name__ == "__main__":
    main()
