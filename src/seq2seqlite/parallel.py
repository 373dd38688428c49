"""Workers that run jobs: this process, processes of this machine, or a Dask cluster."""

import logging
import os
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from seq2seqlite.errors import HaltError, InputError
from seq2seqlite.version import __version__

__all__ = ["InProcess", "Outcome", "Workers", "workers_for"]

Job = TypeVar("Job")
Result = TypeVar("Result")

# Timeout for the response of a scheduler, and then for its first worker, in seconds.
TIMEOUT_S = 15
# Jobs submitted for each worker: the running one and the next. When a worker dies, Dask counts the failure
# against all jobs that it held.
JOBS_A_WORKER = 2
# By default Dask makes its workers return each freed block to the system at once: arrays of a megabyte are
# then mapped anew at every step of a network, which takes 2.2 times as long.
SPAWN = "distributed.nanny.pre-spawn-environ"
DEFAULT_MALLOC = {f"{SPAWN}.MALLOC_TRIM_THRESHOLD_": None}
ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://[^\s:/]+:\d+")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """Result of a job, or the error that ended it.

    Parameters
    ----------
    result : object
        Return value; None if the job failed.
    error : Exception or None
        An InputError, or any other exception with its traceback as a note.

    See Also
    --------
    Workers : Interface of objects that run jobs, in any order.
    """

    result: Result | None = None
    error: Exception | None = None


class Workers(Protocol):
    """Interface of workers: objects that run jobs, in any order.

    See Also
    --------
    workers_for : Start workers, or connect to those of a scheduler, for the time of the context.
    InProcess : Workers that run jobs sequentially in this process.
    """

    @property
    def in_process(self) -> bool:
        """Whether jobs run in this process."""
        ...

    def run(
        self, work: Callable[[Job], Result], jobs: Sequence[Job], /
    ) -> Iterator[tuple[Job, Outcome[Result]]]:
        """Yield each job with its outcome as soon as it is finished.

        Parameters
        ----------
        work : callable
            Module-level function, or a partial of one; pickled by name.
        jobs : sequence
            Arguments of ``work``; must be picklable.

        Raises
        ------
        HaltError
            If the connection to the scheduler is lost.
        """
        ...


class InProcess:
    """Workers that run jobs sequentially in this process.

    See Also
    --------
    workers_for : Start workers, or connect to those of a scheduler, for the time of the context.
    """

    in_process = True

    def run(
        self, work: Callable[[Job], Result], jobs: Sequence[Job], /
    ) -> Iterator[tuple[Job, Outcome[Result]]]:
        """Yield each job with its outcome, in order."""
        for job in jobs:
            yield job, attempted(work, job)


class DaskWorkers:
    """Workers of a Dask scheduler.

    Parameters
    ----------
    client : distributed.Client
        Connection to the scheduler.
    """

    in_process = False

    def __init__(self, client: Any, /) -> None:
        self.client = client

    def run(
        self, work: Callable[[Job], Result], jobs: Sequence[Job], /
    ) -> Iterator[tuple[Job, Outcome[Result]]]:
        """Yield each job with its outcome; a job whose worker died is restarted on another."""
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
    """Run a job and return its outcome.

    BLAS uses one thread: where speed matters there is one process for each core, and a fixed number of
    threads makes sums reproducible.
    """
    try:
        with threadpool_limits(1, user_api="blas"):
            return Outcome(work(job))
    except InputError as error:
        return Outcome(error=error)
    except Exception as error:  # noqa: BLE001 - the caller raises it after the other jobs
        error.add_note("".join(traceback.format_exception(error)))  # pickling drops the traceback
        return Outcome(error=error)


@contextmanager
def workers_for(
    n: int = 1,
    scheduler: str | None = None,
    /,
    *,
    own_cores: bool = False,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Workers]:
    """Start workers, or connect to those of a scheduler, for the time of the context.

    Parameters
    ----------
    n : int
        Number of processes on this machine; 1 means this process.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:port``. Its workers need the same version of this package
        and must find the files under the same paths.
    own_cores : bool
        Pin each process of this machine to its own cores; for work that starts a thread pool (JAX), whose
        threads would otherwise compete for the same cores.

    environment : mapping of str to str
        Environment variables for the processes of this machine.

    Yields
    ------
    Workers
        Ready to run jobs.

    Raises
    ------
    InputError
        If ``n`` is less than 1, or the scheduler cannot be reached or has no worker.
    ModuleNotFoundError
        If the extra ``cluster`` is needed but not installed.

    See Also
    --------
    InProcess : Workers that run jobs sequentially in this process.
    seq2seqlite.batch.map_files :
        Map several measurements, each into its own folder; a failure does not stop the others.
    seq2seqlite.studies.runs.perform_all :
        Perform all runs of a study that have no result yet, and return the results of all runs.

    Examples
    --------
    >>> with workers_for(1) as workers:
    ...     [outcome.result for _, outcome in workers.run(abs, [-1, 2])]
    [1, 2]
    """
    if n < 1:
        raise InputError(f"workers={n} must be >= 1 (e.g. the number of cores)")
    if scheduler is not None and n > 1:
        raise InputError(f"scheduler {scheduler} has its own workers; omit workers={n}")
    if scheduler is None and n == 1:
        yield InProcess()
        return
    if scheduler is not None and not ADDRESS.fullmatch(scheduler):
        raise InputError(f"scheduler {scheduler!r} is not an address; use the form tcp://host:8786")
    with _quiet():
        if scheduler is None:
            with _processes(n, environment) as client:
                if own_cores:
                    _pin_to_cores(client)
                yield DaskWorkers(client)
        else:
            with _connected(scheduler) as client:
                yield DaskWorkers(client)


@contextmanager
def _processes(n: int, environment: Mapping[str, str]) -> Iterator[Any]:
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set(DEFAULT_MALLOC | {f"{SPAWN}.{name}": value for name, value in environment.items()}),
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=n,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield client


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    from distributed import Client

    try:
        client: Any = Client(address, timeout=TIMEOUT_S)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answered at {address} within {TIMEOUT_S} s; check the address and that "
            f"`dask scheduler` is running there"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=TIMEOUT_S)
        except TimeoutError as error:
            raise InputError(
                f"scheduler {address} has no worker after {TIMEOUT_S} s; start one with `dask worker "
                f"{address}`"
            ) from error
        _check_versions(client, address)
        yield client


def _check_versions(client: Any, address: str) -> None:
    """Reject workers without this version of the package."""
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
            f"its worker was killed {_times(error.allowed_failures + 1)}, probably because it ran out of "
            f"memory; use fewer workers"
        )
        return Outcome(error=InputError(text))
    except FutureCancelledError as error:
        raise HaltError(
            "the connection to the scheduler was lost; restart it and repeat the command: finished work "
            "is kept"
        ) from error
    return outcome


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Dask's log messages about workers that come and go."""
    import distributed  # importing it sets the levels of its loggers

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


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def _pin_to_cores(client: Any) -> None:
    """Give each worker process its own share of the cores."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    addresses = list(client.scheduler_info(n_workers=-1)["workers"])
    for index, address in enumerate(addresses):
        own = cores[index :: len(addresses)] or cores
        client.run(os.sched_setaffinity, 0, own, workers=[address])
