#!/usr/bin/env python3
"""Which crates are linked into the library of one major, and what has to go with it because of them.

    python tools/linked_crates.py MAJOR --sbom FILE      a bill of materials, CycloneDX 1.5
    python tools/linked_crates.py MAJOR --copyright FILE the machine-readable copyright file of a Debian package

`audit` in the place of a major stands for the program splitplane-audit. It is built with all that a build without a server
depends on, so some crates are named of which it has no code.

Which they are says `cargo tree`, which chooses features as the build does; licences and checksums say `cargo metadata` and
Cargo.lock. Build scripts, procedural macros and tests are not linked and not named. The standard library is.

The same commit gives the same bytes: nothing is dated but by SOURCE_DATE_EPOCH, everything is sorted, no path is written.
A crate with a licence that is not known here, or without a text that must go with it, is an error.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Of several licences to choose from, the first of these is taken. As in deny.toml.
TAKEN = ["Apache-2.0", "MIT", "ISC", "BSD-3-Clause", "Zlib", "Unicode-3.0"]
# Debian's names for them, where it has others than SPDX.
DEBIAN = {"MIT": "Expat"}
# Has no major.
PROGRAM = "audit"
_TEXTS = re.compile(r"^(licen[sc]e|copying|notice|copyright|unlicense)", re.I)
_TOKEN = re.compile(r"\s*(\(|\)|AND\b|OR\b|/|[A-Za-z0-9.+-]+(?:\s+WITH\s+[A-Za-z0-9.-]+)?)")


@dataclass(frozen=True)
class Crate:
    name: str
    version: str
    licence: str
    checksum: str
    authors: tuple[str, ...]
    folder: Path
    needs: tuple[str, ...]

    @property
    def reference(self) -> str:
        return f"pkg:cargo/{self.name}@{self.version}"


def spdx(expression: str) -> str:
    """Old crates part licences by a stroke, where SPDX has OR."""
    return re.sub(r"\s*/\s*", " OR ", expression)


def taken(expression: str) -> list[str]:
    """The licences under which a crate is taken: one of each choice, and all that stand side by side."""
    tokens = _TOKEN.findall(expression)
    at = 0

    def alternatives() -> list[str]:
        nonlocal at
        found = [together()]
        while at < len(tokens) and tokens[at] in ("OR", "/"):
            at += 1
            found.append(together())
        known = [one for one in found if all(licence in TAKEN for licence in one)]
        if not known:
            raise SystemExit(
                f"the licence {expression} is none that this project knows: deny.toml, tools/linked_crates.py"
            )
        return min(known, key=lambda one: [TAKEN.index(licence) for licence in one])

    def together() -> list[str]:
        nonlocal at
        found = atom()
        while at < len(tokens) and tokens[at] == "AND":
            at += 1
            found = found + [licence for licence in atom() if licence not in found]
        return sorted(found, key=lambda licence: TAKEN.index(licence) if licence in TAKEN else len(TAKEN))

    def atom() -> list[str]:
        nonlocal at
        if at >= len(tokens):
            raise SystemExit(f"the licence {expression!r} ends too early")
        token = tokens[at]
        at += 1
        if token != "(":
            return [token]
        found = alternatives()
        if at >= len(tokens) or tokens[at] != ")":
            raise SystemExit(f"the licence {expression!r} has a bracket too many")
        at += 1
        return found

    found = alternatives()
    if at != len(tokens):
        raise SystemExit(f"the licence {expression!r} cannot be read to its end")
    return found


def cargo(*arguments: str) -> str:
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def host() -> str:
    said = subprocess.run(["rustc", "-vV"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return re.search(r"^host: (\S+)", said, re.M)[1]


def compiler() -> str:
    return subprocess.run(["rustc", "--version"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()[
        1
    ]


def crates(major: str) -> list[Crate]:
    """Every crate that is linked, by name and version. The library itself is none of them."""
    build = ["--locked", "--no-default-features", *([] if major == PROGRAM else ["--features", f"pg{major}"])]
    tree = cargo(
        "tree", *build, "--target", host(), "--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", "|{p}|"
    )
    own = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]["name"]
    linked: set[tuple[str, str]] = set()
    needs: dict[tuple[str, str], set[str]] = {}
    above: list[tuple[str, str]] = []
    for line in tree.splitlines():
        depth, package, _ = line.split("|", 2)
        name, version = package.split()[:2]
        crate = (name, version.removeprefix("v"))
        del above[int(depth) :]
        if above:
            linked.add(crate)
            needs.setdefault(above[-1], set()).add(f"pkg:cargo/{crate[0]}@{crate[1]}")
        above.append(crate)
    metadata = json.loads(cargo("metadata", "--format-version", "1", *build, "--filter-platform", host()))
    checksums = {
        (package["name"], package["version"]): package.get("checksum", "")
        for package in tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    }
    found = []
    for package in metadata["packages"]:
        crate = (package["name"], package["version"])
        if crate not in linked or package["name"] == own:
            continue
        found.append(
            Crate(
                name=crate[0],
                version=crate[1],
                licence=spdx(package["license"] or ""),
                checksum=checksums[crate],
                authors=tuple(package["authors"]),
                folder=Path(package["manifest_path"]).parent,
                needs=tuple(sorted(needs.get(crate, ()))),
            )
        )
    missing = linked - {(crate.name, crate.version) for crate in found} - {(own, own_version())}
    if missing:
        raise SystemExit(f"cargo metadata does not know {sorted(missing)}")
    return sorted(found, key=lambda crate: (crate.name, crate.version))


def own_version() -> str:
    return tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]["version"]


def moment() -> datetime.datetime:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        raise SystemExit("SOURCE_DATE_EPOCH is not set")
    return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)


def sbom(major: str) -> str:
    """CycloneDX 1.5: https://cyclonedx.org/docs/1.5/json/"""
    is_program = major == PROGRAM
    name = "splitplane-audit" if is_program else "splitplane"
    own = f"pkg:generic/{name}@{own_version()}" + ("" if is_program else f"?postgresql={major}")
    standard = {
        "type": "library",
        "bom-ref": f"pkg:generic/rust-std@{compiler()}",
        "name": "rust-std",
        "version": compiler(),
        "description": "Rust's standard library",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
    }
    linked = crates(major)
    components = [standard]
    for crate in linked:
        component = {
            "type": "library",
            "bom-ref": crate.reference,
            "name": crate.name,
            "version": crate.version,
            "purl": crate.reference,
            "licenses": [{"expression": crate.licence}],
        }
        if crate.checksum:
            component["hashes"] = [{"alg": "SHA-256", "content": crate.checksum}]
        components.append(component)
    depended = {need for crate in linked for need in crate.needs}
    above_all = sorted({crate.reference for crate in linked} - depended)
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": moment().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application" if is_program else "library",
                "bom-ref": own,
                "name": name,
                "version": own_version(),
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                **({} if is_program else {"properties": [{"name": "postgresql:major", "value": major}]}),
            },
        },
        "components": components,
        "dependencies": [
            {"ref": own, "dependsOn": sorted([*above_all, standard["bom-ref"]])},
            *({"ref": crate.reference, "dependsOn": list(crate.needs)} for crate in linked),
        ],
    }
    return json.dumps(bill, indent=1, sort_keys=False, ensure_ascii=False) + "\n"


def texts(crate: Crate) -> list[str]:
    """The files of a crate that tell its licences, in the order of their names."""
    files = sorted(file for file in crate.folder.iterdir() if file.is_file() and _TEXTS.match(file.name))
    return [file.read_text(encoding="utf-8", errors="replace") for file in files]


def holders(crate: Crate) -> list[str]:
    """The lines in which a crate says whose it is; its authors where no file does."""
    found = []
    for text in texts(crate):
        for line in text.splitlines():
            said = line.strip(" \t*#/;")
            # Licences themselves speak of copyright, too: a holder comes after a year or the sign.
            is_holder = re.match(r"(copyright|portions copyright|\(c\)|©)\b.{0,12}(\d{4}|\(c\)|©)", said, re.I)
            if is_holder and "[yyyy]" not in said and said not in found:
                found.append(said)
    return found or [f"the authors of {crate.name}" + (f": {', '.join(crate.authors)}" if crate.authors else "")]


def indented(text: str) -> str:
    """A text as a field of a control file goes on: an empty line is a full stop."""
    return "\n".join(f" {line.rstrip()}" if line.strip() else " ." for line in text.strip().splitlines())


def copyright_file(major: str) -> str:
    """https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"""
    paragraphs = [(ROOT / "packaging/deb/copyright.in").read_text(encoding="utf-8").strip()]
    wanted: set[str] = set()
    for crate in crates(major):
        licences = taken(crate.licence)
        wanted.update(licences)
        names = " and ".join(DEBIAN.get(licence, licence) for licence in licences)
        lines = holders(crate)
        paragraphs.append(
            f"Files: crates/{crate.name}-{crate.version}/*\nCopyright: " + "\n ".join(lines) + f"\nLicense: {names}"
        )
    for licence in sorted(wanted - {"Apache-2.0"}):
        file = ROOT / "packaging/licences" / f"{licence}.txt"
        if not file.exists():
            raise SystemExit(f"packaging/licences has no text of {licence}")
        paragraphs.append(f"License: {DEBIAN.get(licence, licence)}\n{indented(file.read_text(encoding='utf-8'))}")
    return "\n\n".join(paragraphs) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("major")
    parser.add_argument("--sbom", type=Path)
    parser.add_argument("--copyright", type=Path)
    options = parser.parse_args()
    if options.sbom:
        options.sbom.write_text(sbom(options.major), encoding="utf-8")
    if options.copyright:
        options.copyright.write_text(copyright_file(options.major), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
