"""Fuzz the readers: ``python -m tests.fuzz --seed 15 --files 2000 --structured 300``."""

import argparse
import collections
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
CHECKED = ("model", "program", "program of model", "decay set", "npz", "ics")


def fingerprint(got: Any) -> bytes:
    """Return what identifies a result: its counts, or all of it."""
    if hasattr(got, "values"):
        return np.asarray(got.values).tobytes()
    return got.sha256.encode() if hasattr(got, "tpsf") else pickle.dumps(got)


def in_header(original: bytes, changed: bytes) -> bool:
    """Return whether the header of an ICS file, which no checksum covers, was changed."""
    end = original.index(b"\nend") + 8
    return original[:end] != changed[:end]


def worker(seed: int, first: int, n_bytewise: int, n_files: int) -> None:
    """Read mutated files from number ``first`` on; print one JSON line before and one after each."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.fuzz.samples import bytewise, samples, structured

    from seq2seqlite.errors import InputError

    made = samples()
    kinds = list(made)
    originals: dict[str, bytes] = {}
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError("time limit")))
    for number in range(first, n_files):
        kind = kinds[number % len(kinds)]
        name, files, reader = made[kind]
        rng = np.random.default_rng([seed, number])
        names = sorted(files)
        chosen = names[int(rng.integers(len(names)))]
        mutate = bytewise if number < n_bytewise else structured
        if mutate is structured and "zarr.json" in files:
            chosen = "zarr.json"
        changed = mutate(files[chosen], rng)
        print(json.dumps({"file": number, "kind": kind}), flush=True)
        with tempfile.TemporaryDirectory(dir=os.environ["SEQ2SEQLITE_FUZZ"]) as folder:
            target = Path(folder) / name
            for item, content in files.items():
                place = target / item if item else target
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(changed if item == chosen else content)
            answer = "read"
            signal.alarm(SECONDS)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    got = reader(target)
                    if hasattr(got, "values"):
                        np.asarray(got.values)
                if kind in CHECKED and not (kind == "ics" and in_header(files[chosen], changed)):
                    if kind not in originals:
                        target.write_bytes(files[chosen])
                        originals[kind] = fingerprint(reader(target))
                    if fingerprint(got) != originals[kind]:
                        answer = "other content read in spite of a checksum"
            except InputError as error:
                answer = "refused" if "\n" not in str(error) else f"several lines: {error!r}"
            except BaseException as error:  # noqa: BLE001 - what the test is about
                answer = f"{type(error).__name__}: {error}"[:300]
            finally:
                signal.alarm(0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(
            json.dumps({"file": number, "kind": kind, "answer": answer, "peak": peak}),
            flush=True,
        )


def run(seed: int, n_bytewise: int, n_structured: int) -> dict[str, Any]:
    """Return counts and failures; a worker that dies is started again behind the file that killed it."""
    folder = tempfile.mkdtemp(prefix="fuzz-")
    environment = os.environ | {
        "SEQ2SEQLITE_FUZZ": folder, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }  # fmt: skip
    began, first, total = time.perf_counter(), 0, n_bytewise + n_structured
    answers: collections.Counter[str] = collections.Counter()
    failures: list[str] = []
    kinds: set[str] = set()
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
            if not lines:
                raise RuntimeError(done.stderr[-2000:])
            for line in lines:
                if "answer" not in line:
                    continue
                kinds.add(line["kind"])
                peak = max(peak, line["peak"])
                answers[line["answer"] if line["answer"] in ("read", "refused") else "failed"] += 1
                wrong = line["answer"] not in ("read", "refused")
                if wrong:
                    failures.append(f"{line['kind']} {line['file']}: {line['answer']}")
            first = lines[-1]["file"] + 1
            if "answer" not in lines[-1]:
                failures.append(f"{lines[-1]['kind']} {first - 1}: worker died, exit {done.returncode}")
            elif first < total and done.returncode:
                raise RuntimeError(done.stderr[-2000:])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "seed": seed, "files": total, "formats": len(kinds), "answers": dict(answers), "failures": failures,
        "peak_mb": peak // 10**6, "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(*(int(item) for item in sys.argv[2:]))
    else:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--seed", type=int, default=15)
        parser.add_argument("--files", type=int, default=2000)
        parser.add_argument("--structured", type=int, default=300)
        options = parser.parse_args()
        result = run(options.seed, options.files, options.structured)
        print(json.dumps(result, indent=1))
        sys.exit(bool(result["failures"]))
