"""Fuzz the readers: ``python -m tests.fuzz --seed 15 --files 2000 --structured 300``."""

import argparse
import collections
import faulthandler
import json
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

MEMORY = 10**9
SECONDS = 10
# Formats with a checksum: a file that is read has to give what the original gives.
CHECKED = ("model", "program", "program of model", "decay set", "checkpoint", "npz", "ics")


class TimeLimitError(BaseException):
    """A reader exceeded the time limit; not an `Exception`, which readers catch."""


def _time_out(*_: Any) -> None:
    raise TimeLimitError


def fingerprint(got: Any) -> bytes:
    """Return what identifies a result: its counts, or all of it."""
    if hasattr(got, "values"):
        return np.asarray(got.values).tobytes()
    return got.sha256.encode() if hasattr(got, "tpsf") else pickle.dumps(got)


def in_header(original: bytes, changed: bytes) -> bool:
    """Return whether the header of an ICS file, which no checksum covers, was changed."""
    end = original.index(b"\nend") + 8
    return original[:end] != changed[:end]


def answer_to(reader: Any, target: Path) -> tuple[str, Any]:
    """Return ``"read"``, ``"refused"`` or the failure, and what was read."""
    from seq2seqlite.errors import InputError

    seconds = float(os.environ.get("SEQ2SEQLITE_FUZZ_SECONDS", SECONDS))
    began = time.monotonic()  # before the timer starts: what it interrupts took longer than the limit
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(3 * seconds, exit=True)  # for a loop in C
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            got = reader(target)
            if hasattr(got, "values"):
                np.asarray(got.values)
        answer = "read"
    except InputError as error:
        answer, got = "refused", None
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, MemoryError):
            cause = cause.__cause__ or cause.__context__
        if cause is not None:
            answer = f"memory limit: {error}"[:300]
        elif "\n" in str(error):
            answer = f"several lines: {error!r}"[:300]
    except BaseException as error:  # noqa: BLE001 - what the test is about
        answer, got = f"{type(error).__name__}: {error}"[:300], None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
    if time.monotonic() - began > seconds:
        answer = f"time limit: {answer}"
    return answer, got


def worker(seed: int, first: int, n_bytewise: int, n_files: int) -> None:
    """Read mutated files from number ``first`` on; print one JSON line before and one after each."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.fuzz.planted import PLANTED
    from tests.fuzz.samples import SHARED, bytewise, npz_sample, samples

    made = {"npz": npz_sample()} if os.environ.get("SEQ2SEQLITE_FUZZ_KINDS") == "npz" else samples()
    print(json.dumps({"left_out": [kind for kind in SHARED if kind not in made]}), flush=True)
    kinds = (
        os.environ["SEQ2SEQLITE_FUZZ_KINDS"].split(",")
        if "SEQ2SEQLITE_FUZZ_KINDS" in os.environ
        else list(made)
    )
    plant = PLANTED.get(os.environ.get("SEQ2SEQLITE_FUZZ_PLANT", ""), lambda reader: reader)
    originals: dict[str, bytes] = {}
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _time_out)
    for number in range(first, n_files):
        kind = kinds[number % len(kinds)]
        name, files, reader, mutate = made[kind]
        rng = np.random.default_rng([seed, number])
        names = sorted(files)
        chosen = names[int(rng.integers(len(names)))]
        if number < n_bytewise:
            changed, sealed = bytewise(files[chosen], rng), False
        else:
            chosen = "zarr.json" if "zarr.json" in files else chosen
            changed, sealed = mutate(files[chosen], rng)
        print(json.dumps({"file": number, "kind": kind}), flush=True)
        with tempfile.TemporaryDirectory(dir=os.environ["SEQ2SEQLITE_FUZZ"]) as folder:
            target = Path(folder) / name
            for item, content in files.items():
                place = target / item if item else target
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(changed if item == chosen else content)
            answer, got = answer_to(plant(reader), target)
            unchecked = sealed or kind not in CHECKED or (kind == "ics" and in_header(files[chosen], changed))
            if answer == "read" and not unchecked:
                if kind not in originals:
                    target.write_bytes(files[chosen])
                    originals[kind] = fingerprint(reader(target))
                if fingerprint(got) != originals[kind]:
                    answer = "other content read in spite of a checksum"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(
            json.dumps({"file": number, "kind": kind, "answer": answer, "peak": peak}),
            flush=True,
        )


def run(
    seed: int,
    n_bytewise: int,
    n_structured: int,
    *,
    kinds: str = "",
    plant: str = "",
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """Return counts and failures; a worker that dies is started again after the file that killed it.

    Parameters
    ----------
    seed : int
        Seed; with the number of a file it determines the mutation.
    n_bytewise, n_structured : int
        Number of files.
    kinds : str
        Formats, separated by commas; all by default.
    plant : str
        Defect of ``tests.fuzz.planted`` that every reader gets.
    seconds : float
        Time limit for one file.
    """
    folder = tempfile.mkdtemp(prefix="fuzz-")
    environment = os.environ | {
        "SEQ2SEQLITE_FUZZ": folder, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2", "JAX_PLATFORMS": "cpu", "SEQ2SEQLITE_FUZZ_SECONDS": str(seconds),
        **({"SEQ2SEQLITE_FUZZ_KINDS": kinds} if kinds else {}),
        **({"SEQ2SEQLITE_FUZZ_PLANT": plant} if plant else {}),
    }  # fmt: skip
    began, first, total = time.perf_counter(), 0, n_bytewise + n_structured
    answers: collections.Counter[str] = collections.Counter()
    by_kind: dict[str, collections.Counter[str]] = {}
    failures: list[str] = []
    left_out: list[str] = []
    peak = 0
    try:
        while first < total:
            arguments = [str(item) for item in ("--worker", seed, first, n_bytewise, total)]
            done = subprocess.run(
                [sys.executable, __file__, *arguments],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            left_out = next((line["left_out"] for line in lines if "left_out" in line), [])
            lines = [line for line in lines if "file" in line]
            if not lines:
                raise RuntimeError(done.stderr[-2000:])
            for line in lines:
                if "answer" not in line:
                    continue
                peak = max(peak, line["peak"])
                answer = line["answer"] if line["answer"] in ("read", "refused") else "failed"
                answers[answer] += 1
                by_kind.setdefault(line["kind"], collections.Counter())[answer] += 1
                if answer == "failed":
                    failures.append(f"{line['kind']} {line['file']}: {line['answer']}")
            first = lines[-1]["file"] + 1
            if "answer" not in lines[-1]:
                answers["failed"] += 1
                failures.append(f"{lines[-1]['kind']} {first - 1}: worker died, exit {done.returncode}")
            elif first < total and done.returncode:
                raise RuntimeError(done.stderr[-2000:])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "seed": seed, "files": total, "formats": len(by_kind),
        "left_out": f"{', '.join(left_out)}: no shared data" if left_out else "none",
        "by_format": {kind: str(dict(sorted(count.items()))) for kind, count in sorted(by_kind.items())},
        "answers": dict(answers), "failures": failures,
        "peak_mb": peak // 10**6, "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(*(int(item) for item in sys.argv[2:]))
    else:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--seed", type=int, default=15)
        parser.add_argument("--files", type=int, default=2000, help="Files mutated bytewise.")
        parser.add_argument("--structured", type=int, default=300, help="Files with changed header fields.")
        parser.add_argument("--kinds", default="", help="Formats, separated by commas; all by default.")
        options = parser.parse_args()
        result = run(options.seed, options.files, options.structured, kinds=options.kinds)
        print(json.dumps(result, indent=1))
        sys.exit(bool(result["failures"]))
