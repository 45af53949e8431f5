"""Reads pg_test/audit/sample with sigstore's notes, cryptography and pymerkle: `python reader.py FOLDER`."""

import base64
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pymerkle import InmemoryTree
from sigstore._internal.rekor.checkpoint import SignedCheckpoint, SignedNote

folder = Path(sys.argv[1])
key = load_pem_public_key((folder / "key.pem").read_bytes())
for name in "checkpoint", "tenant-note":
    note = SignedNote.from_text((folder / name).read_bytes().decode())
    (signature,) = note.signatures
    assert signature.sig_hash.hex() == (folder / "key").read_text().split("+")[1]
    key.verify(base64.b64decode(signature.signature), note.note.encode())

signed = SignedCheckpoint.from_text((folder / "checkpoint").read_bytes().decode())
tree = InmemoryTree(algorithm="sha256")
for file in sorted((folder / signed.checkpoint.origin.split("/")[1]).glob("entries-*")):
    for line in file.read_bytes().split(b"\n")[:-1]:
        tree.append_entry(line)
assert tree.get_size() == signed.checkpoint.log_size
assert tree.get_root().hex() == signed.checkpoint.log_hash
print("entries", tree.get_size())
