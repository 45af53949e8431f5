"""The image volume: each digest, size and media type by the image specification, what is in the layer, and the same bytes twice.

https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md, manifest.md, config.md, layer.md
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from conftest import MAJORS, ROOT, build, epoch

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYERS = {"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip"}
# What PostgreSQL 18 finds when /extensions/NAME/share is in extension_control_path and /extensions/NAME/lib in dynamic_library_path.
WANTED = ("lib/splitplane.so", "share/extension/splitplane.control")


def make(stage: Path, file: Path, **more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [
            sys.executable,
            str(ROOT / "tools/oci.py"),
            str(stage),
            str(file),
            "--major",
            "18",
            "--version",
            "0.2.0",
            "--architecture",
            "amd64",
        ],
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch(), **more},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def stage() -> Path:
    """What a package of a major that can be had here holds; a volume of 18 is laid out in the same way."""
    major = sorted(MAJORS.values())[0]
    build(major)
    return ROOT / f"target/deb/stage/{major}"


@pytest.fixture(scope="module")
def layout(stage, tmp_path_factory) -> dict[str, bytes]:
    file = tmp_path_factory.mktemp("oci") / "image.tar"
    done = make(stage, file)
    assert done.returncode == 0, done.stderr
    return contents(file.read_bytes())


def contents(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}


def problems(layout: dict[str, bytes]) -> list[str]:
    """What the specification does not allow."""
    found = []

    def must(holds: object, what: str) -> bool:
        if not holds:
            found.append(what)
        return bool(holds)

    def blob(descriptor: dict, media_types: set[str]) -> bytes:
        must(descriptor.get("mediaType") in media_types, f"media type {descriptor.get('mediaType')}")
        algorithm, _, digest = descriptor.get("digest", "").partition(":")
        must(algorithm == "sha256" and re.fullmatch("[0-9a-f]{64}", digest), f"digest {descriptor.get('digest')}")
        content = layout.get(f"blobs/{algorithm}/{digest}")
        if must(content is not None, f"no blob {digest}"):
            must(hashlib.sha256(content).hexdigest() == digest, f"blob {digest} is another one")
            must(len(content) == descriptor.get("size"), f"size of {digest}")
            used.add(f"blobs/{algorithm}/{digest}")
        return content or b"{}"

    used = {"oci-layout", "index.json"}
    if not must(used <= layout.keys(), "oci-layout or index.json is missing"):
        return found
    must(json.loads(layout["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}, "oci-layout")
    index = json.loads(layout["index.json"])
    must(index.get("schemaVersion") == 2 and index.get("mediaType") == INDEX, "index.json")
    must(index.get("manifests"), "no manifest")
    for descriptor in index.get("manifests", []):
        must(
            re.fullmatch(
                r"[A-Za-z0-9]+([-._:@+/][A-Za-z0-9]+)*", descriptor["annotations"]["org.opencontainers.image.ref.name"]
            ),
            "ref.name",
        )
        manifest = json.loads(blob(descriptor, {MANIFEST}))
        must(manifest.get("schemaVersion") == 2 and manifest.get("mediaType") == MANIFEST, "manifest")
        config = json.loads(blob(manifest.get("config", {}), {CONFIG}))
        must(config.get("os") == "linux" and config.get("architecture") in ("amd64", "arm64"), "platform")
        must(
            descriptor.get("platform") == {"os": config.get("os"), "architecture": config.get("architecture")},
            "platform of the index",
        )
        must(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", config.get("created", "")), "created")
        layers = [blob(layer, LAYERS) for layer in manifest.get("layers", [])]
        must(layers, "no layer")
        # Of the archive as it is before it is compressed; ours is not compressed.
        must(
            config.get("rootfs")
            == {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]},
            "diff_ids",
        )
    found += [f"{name} belongs to nothing" for name in sorted(layout.keys() - used)]
    return found


def test_layout_follows_the_specification(layout):
    assert problems(layout) == []


def test_layouts_that_do_not(layout):
    """The control: each of these is a defect that the rules find."""
    index = json.loads(layout["index.json"])
    name = "blobs/sha256/" + index["manifests"][0]["digest"].removeprefix("sha256:")
    assert any("another one" in problem for problem in problems({**layout, name: layout[name] + b" "}))
    assert problems({key: value for key, value in layout.items() if key != "oci-layout"})
    assert any(
        "no blob" in problem for problem in problems({key: value for key, value in layout.items() if key != name})
    )
    index["manifests"][0]["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
    assert any("media type" in problem for problem in problems({**layout, "index.json": json.dumps(index).encode()}))
    assert "blobs/sha256/stray belongs to nothing" in problems({**layout, "blobs/sha256/stray": b""})


def layer(layout: dict[str, bytes]) -> bytes:
    index = json.loads(layout["index.json"])
    manifest = json.loads(layout["blobs/sha256/" + index["manifests"][0]["digest"].removeprefix("sha256:")])
    return layout["blobs/sha256/" + manifest["layers"][0]["digest"].removeprefix("sha256:")]


def test_layer_is_where_postgresql_looks(layout, stage):
    with tarfile.open(fileobj=io.BytesIO(layer(layout))) as tar:
        entries = {entry.name: entry for entry in tar}
        assert set(WANTED) <= entries.keys()
        assert tar.extractfile("lib/splitplane.so").read() == (stage / "lib/splitplane.so").read_bytes()
        control = tar.extractfile("share/extension/splitplane.control").read().decode()
    version = re.search(r"default_version = '(.*)'", control)[1]
    assert f"share/extension/splitplane--{version}.sql" in entries
    assert "module_pathname = 'splitplane'\n" in control
    for name, entry in entries.items():
        assert not name.startswith(("/", ".")) and ".." not in name
        assert (entry.uid, entry.gid) == (0, 0) and entry.mtime == int(epoch())
        assert entry.mode == (0o755 if entry.isdir() else 0o644) and (entry.isdir() or entry.isfile())
    # Folders come before what is in them.
    order = list(entries)
    assert all(
        str(Path(name).parent) == "." or order.index(str(Path(name).parent)) < order.index(name) for name in order
    )


def test_two_images_are_the_same(stage, tmp_path):
    """From two copies of one stage, with files of other times and modes."""
    copies = []
    for name in ("one", "another"):
        copy = tmp_path / name
        shutil.copytree(stage, copy)
        for path in copy.rglob("*"):
            os.utime(path, (1, len(str(path))))
        assert make(copy, tmp_path / f"{name}.tar", TZ="Asia/Kolkata").returncode == 0
        copies.append((tmp_path / f"{name}.tar").read_bytes())
    assert copies[0] == copies[1]
    assert make(stage, tmp_path / "later.tar", SOURCE_DATE_EPOCH=str(int(epoch()) + 1)).returncode == 0
    assert (tmp_path / "later.tar").read_bytes() != copies[0], "the control"


def test_library_that_would_not_be_found_is_refused(stage, tmp_path):
    copy = tmp_path / "stage"
    shutil.copytree(stage, copy)
    control = copy / "share/extension/splitplane.control"
    control.write_text(control.read_text().replace("'splitplane'", "'$libdir/splitplane'"))
    done = make(copy, tmp_path / "image.tar")
    assert done.returncode == 1 and "module_pathname must name the library alone" in done.stderr


def test_majors_without_volumes_are_refused():
    done = subprocess.run(["tools/oci.sh", "17"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: PostgreSQL 17 has no extension_control_path")
