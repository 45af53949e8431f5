"""The program and a verifier that was written from docs/audit.md alone say the same of sound and of changed logs."""

import random

import pytest
import verifier
from conftest import HERE, LOG, SAMPLE

NAMES = sorted(path.name for path in (SAMPLE / LOG).iterdir() if not path.name.startswith("texts"))
ENTRIES = [name for name in NAMES if name.startswith("entries")]


def both(audit, sample, note="checkpoint"):
    """Whether the log is sound: both must agree."""
    run = audit("verify", sample, "--key", sample / "key", "--checkpoint", sample / note)
    key, text = (sample / "key").read_text().strip(), (sample / note).read_bytes().decode()
    try:
        verifier.verify(sample / LOG, key, text)
        is_sound = True
    except Exception as error:
        is_sound = False
        said = error
    assert run.status == (0 if is_sound else 1), (run, None if is_sound else said)
    return is_sound


def test_the_verifier_is_short():
    lines = (HERE / "verifier.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 80


@pytest.mark.parametrize("note", ["checkpoint", "tenant-note"])
def test_the_sample_is_sound(audit, sample, note):
    assert both(audit, sample, note)


@pytest.mark.parametrize("name", NAMES)
def test_changed_bytes_are_found(audit, sample, name):
    draw = random.Random(name)
    file = sample / LOG / name
    whole = file.read_bytes()
    for _ in range(25):
        at, by = draw.randrange(len(whole)), draw.randrange(1, 256)
        file.write_bytes(whole[:at] + bytes([whole[at] ^ by]) + whole[at + 1 :])
        assert not both(audit, sample), f"byte {at} of {name}, by {by}"
    file.write_bytes(whole)
    assert both(audit, sample), "the control: as it was"


def rehash(sample):
    """As who may write all files would do it."""
    lines = [line for name in ENTRIES for line in (sample / LOG / name).read_bytes().split(b"\n")[:-1]]
    (sample / LOG / "hashes").write_bytes(b"".join(map(verifier.leaf, lines)))


@pytest.mark.parametrize("rehashed", [False, True])
@pytest.mark.parametrize("what", ["removed", "doubled", "swapped", "cut", "edited"])
def test_changed_lines_are_found(audit, sample, what, rehashed):
    draw = random.Random(what)
    for name in ENTRIES:
        file = sample / LOG / name
        whole = file.read_bytes()
        lines = whole.splitlines(keepends=True)
        one, other = draw.sample(range(len(lines) - 1), 2)
        match what:
            case "removed":
                del lines[one]
            case "doubled":
                lines.insert(other, lines[one])
            case "swapped":
                lines[one], lines[other] = lines[other], lines[one]
            case "cut":
                del lines[one:]
            case "edited":
                lines[one] = lines[one].replace(b'"at":"2026', b'"at":"2027')
        hashes = (sample / LOG / "hashes").read_bytes()
        file.write_bytes(b"".join(lines))
        if rehashed:
            rehash(sample)
        assert not both(audit, sample), name
        file.write_bytes(whole)
        (sample / LOG / "hashes").write_bytes(hashes)
    assert both(audit, sample), "the control: as it was"


def test_removed_files(audit, sample):
    (sample / LOG / ENTRIES[0]).unlink()
    assert both(audit, sample), "the oldest, by age"
    (sample / LOG / ENTRIES[2]).unlink()
    assert not both(audit, sample)


def test_a_cut_end_without_a_note_behind_it(audit, sample):
    """The limit that the document names: behind the last note nothing is seen."""
    file, notes = sample / LOG / ENTRIES[2], sample / LOG / "notes"
    lines = file.read_bytes().splitlines(keepends=True)
    # The last notes in the log are over 24 entries.
    file.write_bytes(b"".join(lines[:5]))
    rehash(sample)
    run = audit("verify", sample, "--key", sample / "key")
    assert run.status == 0 and "no checkpoint was compared" in run.out
    verifier.verify(sample / LOG, (sample / "key").read_text().strip())
    assert not both(audit, sample), "a checkpoint over 27 tells"
    file.write_bytes(b"".join(lines[:3]))
    rehash(sample)
    assert audit("verify", sample, "--key", sample / "key").status == 1, "so do the log's own notes"
    assert notes.exists()
