"""Verifies an audit log. Written from docs/audit.md alone, in as few lines as one reads at a sitting.

    python3 verifier.py FOLDER KEY [NOTE]     exit status 0 sound, 1 not

FOLDER is a log's own, KEY its key line, NOTE the text of a note that was kept elsewhere. Signatures are checked by openssl.
"""

import base64, hashlib, json, subprocess, sys, tempfile  # noqa: E401
from pathlib import Path


def leaf(line):
    return hashlib.sha256(b"\0" + line).digest()


def root(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(hashes[:half]) + root(hashes[half:])).digest()


def opened(note, key):
    """The lines of a note's text, if the key has signed it."""
    name, key_id, public = key.split("+", 2)
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    for line in signatures.rstrip("\n").split("\n"):
        dash, signer, signature = line.split(" ")
        raw = base64.b64decode(signature, validate=True)
        if dash == "—" and signer == name and raw[:4].hex() == key_id and base64.b64encode(raw).decode() == signature:
            spki = bytes.fromhex("302a300506032b6570032100") + base64.b64decode(public)[1:]
            with tempfile.TemporaryDirectory() as folder:
                for file, content in ("key", spki), ("text", text.encode()), ("signature", raw[4:]):
                    Path(folder, file).write_bytes(content)
                verify = "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key -in text -sigfile signature"
                assert subprocess.run(verify.split(), cwd=folder, capture_output=True).returncode == 0, "signature"
            return text.rstrip("\n").split("\n")
    raise AssertionError("not signed by this key")


def compare(lines, hashes, written, chains, key, first):
    """What a note says of the log, against the log."""
    origin = key.split("+")[0]
    size = int((lines[1] if lines[0] == origin else lines[-1]).removeprefix("size "))
    assert size <= written, "hashes are gone"
    if lines[0] != origin:
        title, log, database, tenant, sequence, leaf_hash, _ = lines
        assert title == "splitplane audit tenant head" and log == f"log {origin}"
        last = int(sequence.removeprefix("sequence ")), leaf_hash.removeprefix("hash ")
        of = int(database.split(" ")[1]), json.loads(tenant.removeprefix("tenant "))
        there = [link for link in chains.get(of, []) if link[0] < size]
        assert (there[-1] if there else last[0] < first and (last[0], hashes[last[0]].hex())) == last, "tenant's last"
        return
    assert lines == [origin, str(size), base64.b64encode(root(hashes[:size])).decode()], "root"


def verify(folder, key, note=None):
    """Raises AssertionError, or any other error where the log is not of its form."""
    content = Path(folder, "hashes").read_bytes()
    hashes = [content[at : at + 32] for at in range(0, len(content) - 31, 32)]
    files = sorted(Path(folder).glob("entries-" + "[0-9]" * 20 + ".jsonl"))
    written, first, chains = len(hashes), int(files[0].stem[8:]), {}
    number = first
    for file in files:
        assert int(file.stem[8:]) == number, "a file of entries is missing"
        for line in file.read_bytes().split(b"\n")[:-1]:
            entry, hashed = json.loads(line), leaf(line)
            assert entry["sequence"] == number, "sequence"
            hashes += [] if number < len(hashes) else [hashed]
            assert hashed == hashes[number], "hash"
            if number == 0:
                wanted = {"format": 1, "log": key.split("+")[0].split("/")[1]}
                assert entry["event"] == "started" and wanted.items() <= entry["details"].items(), "begin"
            in_chain = entry.get("verified") is True and "tenant" in entry and "database" in entry
            assert in_chain == ("tenant_previous" in entry), "chain"
            if in_chain:
                chain = chains.setdefault((entry["database"]["oid"], entry["tenant"]), [])
                if previous := entry["tenant_previous"]:
                    before = previous["sequence"], previous["hash"]
                    known = chain[-1] if chain else before[0] < first and (before[0], hashes[before[0]].hex())
                    assert known == before, "tenant_previous"
                assert previous or not chain, "tenant_previous"
                chain.append((number, hashed.hex()))
            number += 1
    assert number == len(hashes), "entries are gone"
    notes = Path(folder, "notes").read_bytes().decode().split("\n\n")
    for text, signatures in zip(notes[::2], notes[1::2]):
        compare(opened(f"{text}\n\n{signatures}\n", key), hashes, written, chains, key, first)
    if note:
        compare(opened(note, key), hashes, written, chains, key, first)


if __name__ == "__main__":
    verify(sys.argv[1], Path(sys.argv[2]).read_text().strip(), Path(sys.argv[3]).read_bytes().decode() if sys.argv[3:] else None)
