"""splitplane-audit: what it prints, and its exit status. 0 sound, 1 tampered, 2 could not be read or wrong usage."""

import base64
import hashlib
import json
import shutil
import subprocess

import pytest
import verifier
from conftest import LOG, ROOT


def test_help_names_every_command_and_option(audit):
    run = audit("--help")
    assert run.status == 0
    assert run.out == (ROOT / "splitplane-audit/usage.txt").read_text()
    assert audit("verify", "--help").out == run.out
    assert audit("--version").out.startswith("splitplane-audit ")
    source = (ROOT / "splitplane-audit/arguments.rs").read_text()
    for word in ("verify", "receipt", "export", "verify-export", "--key", "--checkpoint", "--tenant", "--document", "--database", "--note"):
        assert f'"{word}"' in source and word in run.out


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("verfy", "."),
        ("verify",),
        ("verify", "."),
        ("verify", ".", "--key"),
        ("verify", ".", "--key", "k", "--document", "d"),
        ("verify", ".", "--key", "k", "--key", "k"),
        ("verify", ".", "more", "--key", "k"),
        ("receipt", "."),
        ("export", ".", "--key", "k", "--checkpoint", "c"),
        ("export", ".", "--key", "k", "--checkpoint", "c", "--tenant", "a", "--database", "x"),
        ("verify-export", "--key", "k"),
    ],
)
def test_wrong_usage(audit, arguments):
    run = audit(*arguments)
    assert run.status == 2 and run.out == "" and "--help" in run.err


def test_what_cannot_be_read(audit, sample, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for directory in (tmp_path / "none", empty, sample / "key"):
        assert audit("verify", directory, "--key", sample / "key").status == 2
    for key in (tmp_path / "none", sample / "checkpoint", empty):
        assert audit("verify", sample, "--key", key).status == 2
    assert audit("verify", sample, "--key", sample / "key", "--checkpoint", tmp_path / "none").status == 2
    (sample / LOG / "hashes").unlink()
    (sample / LOG / "hashes").mkdir()
    assert audit("verify", sample, "--key", sample / "key").status == 2


def test_sound_logs(audit, sample):
    for directory in (sample, sample / LOG):
        run = audit("verify", directory, f"--key={sample / 'key'}", "--checkpoint", sample / "checkpoint", "--tenant", "a")
        assert run.status == 0, run
        assert f"sound {LOG}: 27 entries" in run.out
        assert "Database 5: " in run.out and "no checkpoint" not in run.out
    # Under another name it is the log of the one key.
    (sample / LOG).rename(sample / "copy")
    assert audit("verify", sample / "copy", "--key", sample / "key").status == 0


def test_several_logs(audit, sample):
    shutil.copytree(sample / LOG, sample / ("f" * 32))
    run = audit("verify", sample, "--key", sample / "key", "--checkpoint", sample / "checkpoint")
    assert run.status == 2 and "its key is not among" in run.out and f"sound {LOG}" in run.out
    # What was changed is graver than what is not known.
    (sample / LOG / "hashes").write_bytes(b"")
    assert audit("verify", sample, "--key", sample / "key").status == 1


def test_a_note_of_no_log_here(audit, sample):
    checkpoint = (sample / "checkpoint").read_text()
    (sample / "other").write_text(checkpoint.replace("\n27\n", "\n28\n"))
    run = audit("verify", sample, "--key", sample / "key", "--checkpoint", sample / "other")
    assert run.status == 1 and "critical" in run.out, run
    shutil.copytree(sample / LOG, sample / ("f" * 32))
    run = audit("verify", sample, "--key", sample / "key", "--checkpoint", sample / "other")
    assert run.status == 1 and "of none of these logs" in run.out


def test_a_torn_line_is_a_warning(audit, sample):
    with (sample / LOG / "entries-00000000000000000020.jsonl").open("ab") as file:
        file.write(b'{"sequence":27,"at"')
    run = audit("verify", sample, "--key", sample / "key", "--checkpoint", sample / "checkpoint")
    assert run.status == 0 and "warning" in run.out and "27" in run.out


def test_a_receipt(audit, sample):
    document = sample / "document.json"
    for directory in (sample, sample / LOG):
        run = audit("receipt", directory, "--document", document)
        assert run.status == 0 and "entry 7 records" in run.out, run
    whole = document.read_text()
    for change, status in [
        (whole.replace("12.50", "12.51"), 1),
        (whole.replace("12.50", "12.5"), 1),
        (whole.replace('"sequence":7', '"sequence":8'), 1),
        (whole.replace('"sequence":7', '"sequence":99'), 2),
        (whole.replace("0011", "1011"), 2),
        (whole.replace('"audit"', '"audits"'), 2),
        (whole[:-3], 2),
        # As other programs write it: other spaces, other escapes, another spelling of a number.
        (whole.replace(", ", " ,\n\t").replace(": ", ":").replace("ö", "\\u00f6").replace("1e2", "100"), 0),
    ]:
        assert change != whole
        document.write_text(change)
        run = audit("receipt", sample, "--document", document)
        assert run.status == status, (change, run)


def test_an_export(audit, sample, tmp_path):
    arguments = ("--key", sample / "key", "--checkpoint", sample / "checkpoint", "--tenant", "a")
    run = audit("export", sample, *arguments, "--database", 5, "--note", sample / "tenant-note")
    assert run.status == 0 and run.out == (sample / "export").read_text()
    assert audit("export", sample, *arguments).status == 2, "a tenant of two databases"
    assert audit("verify-export", sample / "export", "--key", sample / "key").status == 0
    lines = run.out.splitlines(keepends=True)
    for changed, status in [
        ("".join(lines[:-1]), 1),
        ("".join(lines[:2] + lines[3:]), 1),
        (run.out.replace('\\"rows\\":2', '\\"rows\\":3'), 1),
        (run.out.replace('"tenant":"a"', '"tenant":"b"'), 1),
        (run.out.replace("\\n27\\n", "\\n28\\n"), 1),
        (lines[1], 2),
        ("", 2),
    ]:
        file = tmp_path / "changed"
        file.write_text(changed)
        run_changed = audit("verify-export", file, "--key", sample / "key")
        assert run_changed.status == status, (changed[:200], run_changed)


OTHER = "ab" * 16


def signed_by_another(folder):
    """A key for the log OTHER, as the line that the program takes, and what signs a checkpoint with it."""
    private, name = folder / "other.pem", f"splitplane-audit/{OTHER}"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True, capture_output=True)
    spki = subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    public = b"\1" + spki[-32:]
    key_id = hashlib.sha256(f"{name}\n".encode() + public).digest()[:4]

    def sign(size, root):
        text = f"{name}\n{size}\n{base64.b64encode(root).decode()}\n"
        (folder / "other.text").write_text(text)
        command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", folder / "other.text"]
        signature = subprocess.run(command, check=True, capture_output=True).stdout
        return f"{text}\n— {name} {base64.b64encode(key_id + signature).decode()}\n"

    return f"{name}+{key_id.hex()}+{base64.b64encode(public).decode()}", sign


def two_logs(sample, **found):
    """Adds a log of one entry, which names the sample's as `found`, and its key. Gives the names of a checkpoint and of both keys."""
    details = {"format": 1, "found": {"log": LOG, **dict(sorted(found.items())), "why": "a test"}, "log": OTHER}
    entry = {"sequence": 0, "at": "2026-12-01T00:00:00.000000Z", "event": "started", "random": "5a" * 16, "details": details}
    line = json.dumps(entry, separators=(",", ":")).encode()
    folder = sample / OTHER
    folder.mkdir(exist_ok=True)
    (folder / "entries-00000000000000000000.jsonl").write_bytes(line + b"\n")
    (folder / "hashes").write_bytes(verifier.leaf(line))
    (folder / "notes").write_bytes(b"")
    key, sign = signed_by_another(sample)
    (sample / "other-checkpoint").write_text(sign(1, verifier.leaf(line)))
    (sample / "keys").write_text((sample / "key").read_text().strip() + f"\n{key}\n")
    return "--key", sample / "keys", "--checkpoint", sample / "other-checkpoint"


def test_a_log_that_is_gone_is_critical(audit, sample):
    arguments = two_logs(sample)
    run = audit("verify", sample, *arguments)
    assert run.status == 0 and f"sound {LOG}" in run.out and f"sound {OTHER}" in run.out, run
    one = audit("verify", sample / OTHER, *arguments)
    assert one.status == 0, "only the one is asked for"
    shutil.rmtree(sample / LOG)
    run = audit("verify", sample, *arguments)
    assert run.status == 1 and f"critical           -  The log {LOG}, whose key is given, is not here." in run.out, run
    # Without its key it is known from the other log alone.
    (sample / "keys").write_text((sample / "keys").read_text().splitlines()[1])
    run = audit("verify", sample, *arguments)
    assert run.status == 0 and f"The log {LOG}, which was there when the log {OTHER} was begun, is not here." in run.out, run


def test_what_the_first_entry_says_of_another_log_is_compared(audit, sample):
    hashes = (sample / LOG / "hashes").read_bytes()
    leaves = [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
    root = {size: verifier.root(leaves[:size]).hex() for size in (20, 27)}
    for found, status in [
        ({"size": 27, "root": root[27]}, 0),
        ({"size": 20, "root": root[20]}, 0),
        ({}, 0),
        ({"size": 20, "root": root[27]}, 1),
        ({"size": 28, "root": root[27]}, 1),
        ({"size": 28}, 1),
    ]:
        run = audit("verify", sample, *two_logs(sample, **found))
        assert run.status == status, (found, run)
        assert f"sound {OTHER}" in run.out and f"{'TAMPERED' if status else 'sound'} {LOG}" in run.out
