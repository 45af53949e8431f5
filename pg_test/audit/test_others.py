"""Notes, roots and proofs as libraries of others read them. The control of each: a changed byte is refused."""

import base64
import subprocess

import pytest
from conftest import HERE, LOG, library


def reads(command, folder):
    done = subprocess.run([*command, folder], capture_output=True, text=True, check=False, timeout=300)
    return done.returncode == 0, done


READERS = {
    "go": lambda: [library("go"), "run", HERE / "reader.go"],
    "python": lambda: [library("python"), HERE / "reader.py"],
}


@pytest.mark.parametrize("name", READERS)
def test_a_library_reads_the_sample(sample, name):
    command = READERS[name]()
    is_read, done = reads(command, sample)
    assert is_read and done.stdout.startswith("entries "), done
    changes = [("checkpoint", b"\n27\n", b"\n26\n"), ("tenant-note", b"sequence ", b"sequence 1"), ("key", b"+8", b"+9")]
    changes.append(("export", b'\\"rows\\":2', b'\\"rows\\":3') if name == "go" else (f"{LOG}/entries-00000000000000000010.jsonl", b'"rows":2', b'"rows":3'))
    for file, old, new in changes:
        path = sample / file
        whole = path.read_bytes()
        assert old in whole, file
        path.write_bytes(whole.replace(old, new, 1))
        is_read, done = reads(command, sample)
        assert not is_read, (file, done)
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ["checkpoint", "tenant-note"])
def test_openssl_verifies_a_note(sample, tmp_path, name):
    text, _, signature = (sample / name).read_bytes().decode().rpartition("\n\n")
    raw = base64.b64decode(signature.split(" ")[2])[4:]
    for changed, status in [("", 0), ("x", 1)]:
        (tmp_path / "text").write_text(f"{text}{changed}\n")
        (tmp_path / "signature").write_bytes(raw)
        command = "openssl pkeyutl -verify -rawin -pubin -inkey key.pem -in"
        done = subprocess.run(
            [*command.split(), tmp_path / "text", "-sigfile", tmp_path / "signature"],
            cwd=sample,
            capture_output=True,
            check=False,
        )
        assert done.returncode == status, done
