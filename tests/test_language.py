"""The documentation is written in plain technical English: none of the phrases that have confused readers.

Each entry of BANNED is a regular expression, a text that it must reject, and what to write instead.
"""

import ast
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What is checked: files and folders below the root. Add "src" to check docstrings, strings and comments too.
CHECKED = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks", "docs", "src")
# Written by a program.
EXEMPT = ("docs/studies/paper.md", "docs/studies/paper-page.md", "docs/studies/short-budget.md")

# (pattern, a sample that it rejects, what to write instead)
BANNED = (
    # Clock cycles, throughput and the other terms of hardware.
    (r"\bclocks\b(?! and resets\b| : int\b)", "a pixel leaves every 135 clocks", "clock cycles"),
    (r"\bin a clock\b", "no beat in a clock", "per clock cycle"),
    (r"\bclock for the way\b", "a clock for the way alone", "a clock cycle for routing"),
    (r"\bnext in turn\b", "the next in turn takes it", "round robin"),
    (r"\bslices? at the pins\b", "a slice at the pins", "register slice"),
    (r"\bmade[- ]up (?:counts|decays|pixels)\b", "256 made-up pixels", "synthetic"),
    # Terms of FLIM.
    (r"\bamplitude-mean\b", "the amplitude-mean lifetime", "amplitude-weighted mean lifetime"),
    (r"\blaser pulses in (?:the|a|an|its)\b", "laser pulses in the exposure", "excitation pulses"),
    (r"\blive bins\b", "the live bins of the file", "TAC window"),
    (r"\b(?:darker|dark) pixels?\b", "darker pixels are skipped", "pixels below threshold"),
    # Specification.
    (r"\b(?:the|its|our|is|are) laws?\b", "the law of the integer program", "specification, normative"),
    (r"\bwhat (?:it|they|is) promise[sd]?\b", "what it promises", "specification"),
    (r"\bone door\b", "one door each", "adapter, wrapper"),
    # Negations by "no" and "none".
    (r"(?<!\bthere)\s(?:is|are) no (?!longer\b)\w+", "the suffix is no mask", "not a ..., unsupported"),
    (r"^(?:is|are) no (?!longer\b)\w+", "are no numbers", "not ..."),
    (r"\bthat (?:are|is) none\b", "counts that are none", "invalid"),
    (r"\bis none (?:there|of)\b|\bwhere there is none\b", "None where there is none", "missing, None"),
    # Relative clauses instead of nouns.
    (r"\bwhat is (?:said|known|written) of\b", "what is said of it", "metadata"),
    (r"\bwhat of (?:a|an|the)\b", "what of a program the kernels cannot hold", "which part of"),
    (
        r"\bwhat (?:a|the) (?:user|lab) (?:may|can|sees|has)\b",
        "what a user may say",
        "the noun that is meant",
    ),
    (r"\bwhoever\b", "whoever waits", "the thread, the user, ..."),
    (r"\bwhat was (?:spent|dropped) is told\b", "what was dropped is told", "is reported"),
    # Archaic or translated words.
    (r"\bso many\b", "after so many frames", "N, the given number of"),
    (r"\btill\b", "till a file appears", "until"),
    (r"\bfor want of\b", "for want of memory", "because ... ran out"),
    (r"\bmend(?:s|ed|ing)?\b", "what a user can mend", "correct, fix, recover"),
    (r"\b(?:go(?:es)?|went) on where\b", "a run goes on where it was", "resumes"),
    (r"\b(?:the same command|it) goes on\b", "the same command goes on", "resumes"),
    (r"\bnot any ?more\b|\bno(?:thing)? any more\b", "takes nothing any more", "no longer, closed"),
    (r"\bmade for the occasion\b", "a file made for the occasion", "temporary"),
    (r"\bheld? against\b", "held against the bound", "compared with"),
    (r"\bon its way\b", "one is on its way", "arriving, in transit"),
    (r"\bin vain\b", "never waits in vain", "without effect"),
    (r"\bas well as ever\b|\bas ever\b", "as many as ever", "unchanged"),
    (r"\btakes? (?:it|them) out of whichever\b", "takes it out of whichever it meets", "for any"),
    (r"\bhalf-written\b", "nothing half-written stays", "incomplete"),
    (r"\bdone again\b|\bdoes? again\b", "anything else is done again", "repeated, processed again"),
    # Personification.
    (r"\bspeaks?\b", "parts speak from register to register", "is connected, is output"),
    (
        r"\b(?:is|are|was|were|being) (?:not )?told\b",
        "the network is not told the IRF",
        "receives, is reported",
    ),
    (r"\b(?:counts?|flags?|files?|queues?|designs?) (?:asks?|promises?)\b", "the flag asks for", "requires"),
    (r"\bthe (?:scheduler|queue) (?:hears|says)\b", "the scheduler hears no data", "receives, reports"),
    (
        r"\b(?:cards?|files?|pages?|names?|adder graphs) (?:say|says|pay|pays|tell|tells)\b",
        "the card says",
        "contains",
    ),
    (r"\bto (?:disbelieve|believe)\b", "pixels not to believe", "unreliable"),
)


def banned_phrases(text):
    """Return (line number, phrase, what to write instead) for each banned phrase.

    A phrase may continue on the next line.
    """
    found = []
    for pattern, _, instead in BANNED:
        spaced = re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE | re.MULTILINE)
        found += [
            (text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), instead)
            for match in spaced.finditer(text)
        ]
    return sorted(found)


def prose_of_python(text):
    """Return the source with everything blanked except strings and comments, at the same lines."""
    lines = [""] * (text.count("\n") + 2)
    for token in tokenize.generate_tokens(iter(text.splitlines(keepends=True)).__next__):
        kind = tokenize.tok_name[token.type]
        if kind in {"STRING", "COMMENT", "FSTRING_MIDDLE"}:
            for offset, line in enumerate(token.string.split("\n")):
                lines[token.start[0] - 1 + offset] += f" {line}"
    return "\n".join(lines)


def checked_files():
    exempt = {ROOT / name for name in EXEMPT}
    for name in CHECKED:
        path = ROOT / name
        files = [path] if path.is_file() else sorted([*path.rglob("*.md"), *path.rglob("*.py")])
        yield from (file for file in files if file not in exempt)


@pytest.mark.parametrize("file", list(checked_files()), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_banned_phrase(file):
    text = file.read_text(encoding="utf-8")
    prose = prose_of_python(text) if file.suffix == ".py" else text
    assert banned_phrases(prose) == []


@pytest.mark.parametrize(("pattern", "sample", "instead"), BANNED, ids=lambda value: value[:30])
def test_each_pattern_rejects_its_sample(pattern, sample, instead):
    assert (1, instead) in {(line, advice) for line, _, advice in banned_phrases(sample)}
    assert re.search(pattern, sample, re.IGNORECASE)
    assert banned_phrases(sample.replace(" ", "\n"))  # also across a line break


def test_plain_sentences_pass():
    assert (
        banned_phrases(
            "Each engine produces one pixel every 135 clock cycles until the queue is closed. An interrupted "
            "run resumes. There is no file 'x'; the clock, a still image, instilled trust are allowed."
        )
        == []
    )


def test_only_strings_and_comments_of_python_are_checked():
    source = 'clocks = 1  # so many\n\n\ndef f():\n    """What is said of it."""\n    return f"till {0}"\n'
    ast.parse(source)
    assert [(line, phrase) for line, phrase, _ in banned_phrases(prose_of_python(source))] == [
        (1, "so many"),
        (5, "What is said of"),
        (6, "till"),
    ]
