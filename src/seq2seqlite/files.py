"""Digests, and atomic writing: incomplete files never appear under their final names."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from seq2seqlite.errors import HaltError, InputError

__all__ = [
    "cannot_write",
    "check_path",
    "check_utf8",
    "replace_folder_when_done",
    "replace_when_done",
    "sha256_of",
    "writing",
]


@contextmanager
def replace_when_done(path: str | os.PathLike[str], /) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, and rename it to ``path`` after a successful block.

    Parameters
    ----------
    path : path-like
        Final name of the file; its folder is created if missing.

    Yields
    ------
    pathlib.Path
        Temporary path to write to, with the suffix of ``path``.

    Raises
    ------
    InputError
        If the file cannot be written (no space, no permission); the temporary file is removed.

    See Also
    --------
    replace_folder_when_done :
        Yield a temporary folder beside ``path``, and move its files to ``path`` after a successful block.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replace_when_done(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     (Path(folder) / "a.txt").read_text()
    'whole'
    """
    check_path(path)
    final = Path(path)
    temporary: Path | None = None
    try:
        if final.exists() and not final.is_file():  # a rename would replace a device such as /dev/null
            raise InputError(f"{final} is a folder or device; choose the name of a file")
        final.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".writing-", suffix=final.suffix, dir=final.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(final)
    except OSError as error:
        raise cannot_write(final, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def replace_folder_when_done(
    path: str | os.PathLike[str],
    /,
    *,
    prepare: Callable[[Collection[str]], None] | None = None,
    first: str | None = None,
) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``, and move its files to ``path`` after a successful block.

    Other files in ``path`` are kept. Errors are those of :func:`replace_when_done`.

    Parameters
    ----------
    path : path-like
        Final folder; created if missing.
    prepare : callable, optional
        Called with the names of all files before the first file is moved, e.g.
        :meth:`~seq2seqlite.outputs.OutputSet.prepare`. If it raises, ``path`` is unchanged.
    first : str, optional
        File to move first, e.g. the record of the other files.

    Yields
    ------
    pathlib.Path
        Temporary folder to write to.

    See Also
    --------
    replace_when_done :
        Yield a temporary path beside ``path``, and rename it to ``path`` after a successful block.
    """
    check_path(path)
    final = Path(path)
    temporary: Path | None = None
    try:
        if final.exists() and not final.is_dir():
            raise InputError(f"{final} is a file; choose a folder")
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=final.parent))
        yield temporary
        final.mkdir(exist_ok=True)
        for item in temporary.iterdir():
            if (final / item.name).exists() and (final / item.name).is_dir() != item.is_dir():
                kind = "file" if item.is_dir() else "folder"
                raise InputError(f"{final / item.name} is a {kind}; move it or choose another folder")
        if prepare is not None:
            prepare({item.name for item in temporary.iterdir()})
        for item in sorted(temporary.iterdir(), key=lambda item: (item.name != first, item.name)):
            if item.is_dir():  # a rename cannot replace a non-empty folder
                shutil.rmtree(final / item.name, ignore_errors=True)
            item.replace(final / item.name)
    except OSError as error:
        raise cannot_write(final, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def writing(path: str | os.PathLike[str], /) -> Iterator[None]:
    """Convert errors of the operating system while writing ``path`` into an InputError.

    See Also
    --------
    cannot_write : Return the exception for a file that could not be written.
    replace_when_done :
        Yield a temporary path beside ``path``, and rename it to ``path`` after a successful block.

    Examples
    --------
    >>> with writing("/proc/none"):
    ...     Path("/proc/none").write_text("")
    Traceback (most recent call last):
    seq2seqlite.errors.InputError: cannot write /proc/none: ...; free space or choose another folder
    """
    try:
        yield
    except OSError as error:
        raise cannot_write(Path(path), error) from error


def check_path(path: str | os.PathLike[str], /) -> None:
    """Raise InputError for an empty path, which would denote the working folder, or an invalid name.

    See Also
    --------
    seq2seqlite.config.check_name : Raise InputError for a name that cannot be part of a file name.

    Examples
    --------
    >>> check_path("")
    Traceback (most recent call last):
    seq2seqlite.errors.InputError: the output path is empty; choose a file or folder ...
    """
    if not os.fspath(path):
        raise InputError("the output path is empty; choose a file or folder ('.' for the working folder)")
    check_utf8(path)


def check_utf8(path: str | os.PathLike[str], /) -> None:
    r"""Raise InputError for a path that is not valid UTF-8, which no result could name.

    See Also
    --------
    check_path : The same for outputs.

    Examples
    --------
    >>> check_utf8("z\udce4.ptu")
    Traceback (most recent call last):
    seq2seqlite.errors.InputError: 'z\udce4.ptu': the name is not valid UTF-8; rename the file
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise InputError(f"{os.fspath(path)!a}: the name is not valid UTF-8; rename the file") from None


def sha256_of(path: Path, /) -> str:
    """Return the SHA-256 of a file, or of all files in a folder in the order of their names.

    See Also
    --------
    seq2seqlite.files.replace_when_done : Write a file completely or not at all.
    """
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file()):
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def cannot_write(path: Path, error: OSError, /) -> InputError:
    """Return the exception for a file that could not be written.

    See Also
    --------
    writing : Convert errors of the operating system while writing ``path`` into an InputError.
    """
    reason = error.strerror or str(error)
    kind = HaltError if error.errno in (errno.ENOSPC, errno.EDQUOT) else InputError
    return kind(f"cannot write {path}: {reason}; free space or choose another folder")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
