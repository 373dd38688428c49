"""Who does the work: this process, processes of this machine, or a Dask cluster."""

import logging
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from seq2seqlite.errors import HaltError, InputError
from seq2seqlite.version import __version__

__all__ = ["Here", "Outcome", "Workers", "workers_for"]

Job = TypeVar("Job")
Result = TypeVar("Result")

# Seconds in which a scheduler has to answer, and then to have a worker.
PATIENCE_S = 15
# Jobs that a worker has at a time: one to do and one to go on with. Further ones would only wait, and be
# suspected when the worker dies.
JOBS_A_WORKER = 2
# Dask lets its workers give each freed block back to the system at once: arrays of a megabyte are then mapped
# anew at every step of a network, which takes 2.2 times as long.
USUAL_MALLOC = {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}
ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://[^\s:/]+:\d+")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What became of a job.

    Parameters
    ----------
    result : object
        What it returned; None if it failed.
    error : Exception or None
        Why it failed: an InputError, or a bug, with its traceback as a note.
    """

    result: Result | None = None
    error: Exception | None = None


class Workers(Protocol):
    """Does jobs, in any order."""

    @property
    def here(self) -> bool:
        """Whether it is this process."""
        ...

    def run(
        self, work: Callable[[Job], Result], jobs: Sequence[Job], /
    ) -> Iterator[tuple[Job, Outcome[Result]]]:
        """Give jobs with their outcomes as they are done.

        Parameters
        ----------
        work : callable
            Function of a module, or a partial of one: it is sent by name.
        jobs : sequence
            Arguments, which can be pickled.

        Raises
        ------
        HaltError
            If the workers are lost.
        """
        ...


class Here:
    """Does jobs in this process, one after the other."""

    here = True

    def run(
        self, work: Callable[[Job], Result], jobs: Sequence[Job], /
    ) -> Iterator[tuple[Job, Outcome[Result]]]:
        """Give jobs with their outcomes, one after the other."""
        for job in jobs:
            yield job, attempted(work, job)


class DaskWorkers:
    """The workers of a Dask scheduler.

    Parameters
    ----------
    client : distributed.Client
        Connection to it.
    """

    here = False

    def __init__(self, client: Any, /) -> None:
        self.client = client

    def run(
        self, work: Callable[[Job], Result], jobs: Sequence[Job], /
    ) -> Iterator[tuple[Job, Outcome[Result]]]:
        """Give jobs with their outcomes as they are done; a job whose worker died is begun again."""
        from distributed import as_completed

        waiting, given = iter(jobs), {}

        def submit(n: int) -> list[Any]:
            futures = []
            for job in islice(waiting, n):
                future = self.client.submit(attempted, work, job, pure=False)
                given[future.key] = (future, job)
                futures.append(future)
            return futures

        try:
            done: Any = as_completed(submit(JOBS_A_WORKER * self._n_threads()))  # type: ignore[no-untyped-call]
            for future in done:
                _, job = given.pop(future.key)
                done.update(submit(1))
                yield job, _outcome(future)
        finally:
            self.client.cancel([future for future, _ in given.values()], force=True)

    def _n_threads(self) -> int:
        threads: dict[str, int] = self.client.nthreads()
        return max(1, sum(threads.values()))


def attempted(work: Callable[[Job], Result], job: Job, /) -> Outcome[Result]:
    """Return the outcome of a job.

    BLAS computes in one thread: there is a process for each core where speed matters, its threads wait for
    each other, and sums do not depend on their number.
    """
    try:
        with threadpool_limits(1, user_api="blas"):
            return Outcome(work(job))
    except InputError as error:
        return Outcome(error=error)
    except Exception as error:  # noqa: BLE001 - a bug in one job of thousands is raised when the others are done
        error.add_note("".join(traceback.format_exception(error)))  # which does not travel otherwise
        return Outcome(error=error)


@contextmanager
def workers_for(n: int = 1, scheduler: str | None = None, /) -> Iterator[Workers]:
    """Give workers.

    Parameters
    ----------
    n : int
        Processes of this machine; 1 is this process.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:port``, that has its own workers. They need the same version
        of this package, and the same paths to the files.

    Raises
    ------
    InputError
        If there is less than one worker, or the scheduler is not reached or has none.
    ModuleNotFoundError
        If the extra ``cluster`` is needed and not installed.
    """
    if n < 1:
        raise InputError(f"workers={n} must be >= 1 (e.g. one for each core)")
    if scheduler is not None and n > 1:
        raise InputError(f"the scheduler {scheduler} has workers of its own; leave out workers={n}")
    if scheduler is None and n == 1:
        yield Here()
        return
    if scheduler is not None and not ADDRESS.fullmatch(scheduler):
        raise InputError(f"scheduler {scheduler!r} is no address; give it as tcp://host:8786")
    with _quiet():
        if scheduler is None:
            with _processes(n) as client:
                yield DaskWorkers(client)
        else:
            with _connected(scheduler) as client:
                yield DaskWorkers(client)


@contextmanager
def _processes(n: int) -> Iterator[Any]:
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set(USUAL_MALLOC),
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=n,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # a port that is free; nobody looks at it
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield client


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    from distributed import Client

    try:
        client: Any = Client(address, timeout=PATIENCE_S)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address} within {PATIENCE_S} s; check the address, and that "
            f"`dask scheduler` runs there"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError as error:
            raise InputError(
                f"the scheduler {address} has no worker after {PATIENCE_S} s; start one with `dask worker "
                f"{address}`"
            ) from error
        _check_versions(client, address)
        yield client


def _check_versions(client: Any, address: str) -> None:
    """Refuse workers that would compute something else, or nothing."""
    for worker, version in client.run(_version, on_error="return").items():
        if version != __version__:
            found = f"seq2seqlite {version}" if isinstance(version, str) else "no seq2seqlite"
            raise InputError(
                f"worker {worker} of {address} has {found}; install seq2seqlite {__version__} there"
            )


def _version() -> str:
    return __version__


def _outcome(future: Any) -> Outcome[Any]:
    from distributed.client import FutureCancelledError
    from distributed.scheduler import KilledWorker

    try:
        outcome: Outcome[Any] = future.result()
    except KilledWorker as error:
        text = (
            f"its worker was killed {error.allowed_failures + 1} times, perhaps for want of memory; use "
            f"fewer workers"
        )
        return Outcome(error=InputError(text))
    except FutureCancelledError as error:
        raise HaltError(
            "the scheduler was lost; start it again and repeat the command: what is finished is kept"
        ) from error
    return outcome


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Dask logs about workers that come and go from the user's eyes."""
    import distributed  # which gives its loggers levels of their own

    names = [
        name for name in logging.root.manager.loggerDict if name.partition(".")[0] == distributed.__name__
    ]
    before = {logger: logger.level for logger in map(logging.getLogger, names)}
    for logger in before:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
