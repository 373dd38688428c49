"""Print the table of formal checks: property, clock cycles, processor time, faults found.

python -m tests.hardware.formal [--json FILE] [NAME ...]
"""

import argparse
import resource
from pathlib import Path

from seq2seqlite.cli.output import write_json
from seq2seqlite.provenance import provenance

from .properties import PROPERTIES

OUTCOMES = {"proved": "all, by induction", "bounded": "{} from reset", "refuted": "REFUTED"}


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Check all properties, and all faults."""
    parser = argparse.ArgumentParser(description="Formal checks of the gateware")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROPERTIES))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    print("| part | claim | clock cycles | processor time / s | faults found |\n|---|---|---|---|---|")
    for name in given.names or PROPERTIES:
        one, before = PROPERTIES[name], _processor_s()
        found = one.prove()
        seconds = _processor_s() - before
        faults = [fault for fault in one.faults if one.prove(fault).outcome == "refuted"]
        row = {"name": name, "outcome": found.outcome, "steps": one.steps, "seconds": seconds}
        rows.append({**row, "faults": len(one.faults), "faults_found": len(faults)})
        cycles = OUTCOMES[found.outcome].format(one.steps)
        print(
            f"| {one.part} | {one.claim} | {cycles} | {seconds:.1f} | {len(faults)} of {len(one.faults)} |",
            flush=True,
        )
    write_json(given.json, {"properties": rows, "provenance": provenance()})


if __name__ == "__main__":
    main()
