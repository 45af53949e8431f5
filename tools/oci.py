#!/usr/bin/env python3
"""Writes an OCI image that holds splitplane and nothing else, to be mounted as a volume: PostgreSQL 18 and newer finds it through
extension_control_path and dynamic_library_path.

    python tools/oci.py STAGE FILE --major NN --version X.Y.Z --architecture amd64 [--licences FOLDER]

STAGE is what tools/stage.sh made. FILE is an image layout in a tar archive (`oci-archive:` of skopeo and podman). The layer has
/lib and /share/extension, as CloudNativePG's image volumes want them, and /licenses.

The same commit gives the same bytes: everything is of SOURCE_DATE_EPOCH and of root, in the order of names. The layer is not
compressed, since what compressors write changes with their versions; whoever pushes it compresses it on the way.

Written by https://github.com/opencontainers/image-spec/blob/v1.1.0/, image-layout, manifest, config and layer.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import io
import json
import os
import sys
import tarfile
from pathlib import Path

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def archive(files: dict[str, bytes], epoch: int) -> bytes:
    """A tar archive of these files and the folders above them."""
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(folders | files.keys()):
            entry = tarfile.TarInfo(name)
            entry.mtime = epoch
            if name in folders:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
            else:
                entry.mode, entry.size = 0o644, len(files[name])
                tar.addfile(entry, io.BytesIO(files[name]))
    return buffer.getvalue()


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read(stage: Path, licences: Path | None) -> dict[str, bytes]:
    """What is mounted, by its path in the volume."""
    files = {"lib/splitplane.so": (stage / "lib/splitplane.so").read_bytes()}
    for file in sorted((stage / "share/extension").iterdir()):
        files[f"share/extension/{file.name}"] = file.read_bytes()
    if "share/extension/splitplane.control" not in files:
        raise SystemExit(f"{stage} has no control file")
    if b"$libdir" in files["share/extension/splitplane.control"]:
        # In a volume the library would not be found: $libdir is the server's own folder.
        raise SystemExit("module_pathname must name the library alone")
    for file in sorted(licences.iterdir()) if licences else ():
        files[f"licenses/splitplane/{file.name}"] = file.read_bytes()
    return files


def image(files: dict[str, bytes], epoch: int, major: str, version: str, architecture: str) -> dict[str, bytes]:
    """The files of the image layout."""
    created = datetime.datetime.fromtimestamp(epoch, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    blobs: dict[str, bytes] = {}

    def put(media_type: str, content: bytes) -> dict:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    annotations = {
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.title": "splitplane",
        "org.opencontainers.image.description": f"splitplane for PostgreSQL {major}, an image volume",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    layer = put(LAYER, archive(files, epoch))
    config = put(
        CONFIG,
        canonical(
            {
                "created": created,
                "architecture": architecture,
                "os": "linux",
                "config": {"Labels": annotations},
                "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
                "history": [{"created": created, "created_by": "tools/oci.py"}],
            }
        ),
    )
    manifest = put(
        MANIFEST,
        canonical(
            {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer], "annotations": annotations}
        ),
    )
    manifest["platform"] = {"architecture": architecture, "os": "linux"}
    manifest["annotations"] = {"org.opencontainers.image.ref.name": f"{version}-pg{major}"}
    return {
        "oci-layout": canonical({"imageLayoutVersion": "1.0.0"}),
        "index.json": canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]}),
        **blobs,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--major", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--architecture", required=True, choices=["amd64", "arm64"])
    parser.add_argument("--licences", type=Path)
    options = parser.parse_args()
    if "SOURCE_DATE_EPOCH" not in os.environ:
        parser.error("SOURCE_DATE_EPOCH is not set")
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    layout = image(read(options.stage, options.licences), epoch, options.major, options.version, options.architecture)
    options.file.write_bytes(archive(layout, epoch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
