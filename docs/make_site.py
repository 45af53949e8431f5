"""`make site`: the manual as a site in target/site/html, made by mdBook, with every internal link of it checked.

    python docs/make_site.py

mdBook wants all pages below one folder and the list of them beside them. So README.md, docs/ and what else docs/SUMMARY.md lists are
laid out in target/site/src as they lie in the repository, with the pictures that they show. mdBook itself is installed into
.tools/cargo once, pinned.
"""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import checks

MDBOOK_VERSION = "0.5.4"
CARGO_ROOT = checks.ROOT / ".tools/cargo"
MDBOOK = CARGO_ROOT / "bin/mdbook"
SOURCE = checks.ROOT / "target/site/src"
HTML = checks.ROOT / "target/site/html"


def install() -> None:
    if MDBOOK.exists():
        said = subprocess.run([MDBOOK, "--version"], capture_output=True, text=True).stdout
        if said.strip() == f"mdbook v{MDBOOK_VERSION}":
            return
    print(f"== building mdbook {MDBOOK_VERSION} into .tools (some minutes, once)", flush=True)
    # A target folder of its own: one set by the caller's environment would be left littered.
    environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
    subprocess.run(
        ["cargo", "install", "mdbook", "--version", f"={MDBOOK_VERSION}", "--locked", "--quiet", "--force",
         "--no-default-features", "--features", "search", "--root", str(CARGO_ROOT)],
        env=environment, check=True,
    )


def staged_name(page: str) -> str:
    """mdBook makes README.md the index of its folder, but leaves links to it as they are."""
    return re.sub(r"(^|/)README\.md$", r"\1index.md", page)


def with_links(text: str, changed) -> str:
    """The text with each link's target passed through `changed`, fenced blocks left alone."""
    places = [(link.start(1), link.end(1)) for link in checks.LINK.finditer(checks.masked(text))]
    for start, end in reversed(places):
        text = text[:start] + changed(text[start:end]) + text[end:]
    return text


def staged_target(target: str) -> str:
    path, hash_sign, anchor = target.partition("#")
    return target if re.match(r"[a-z]+:", target) else staged_name(path) + hash_sign + anchor


def lay_out() -> None:
    shutil.rmtree(SOURCE, ignore_errors=True)
    pages = checks.pages_in_order()
    for page in pages:
        text = (checks.ROOT / page).read_text()
        copy = SOURCE / staged_name(page)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(with_links(text, staged_target))
        for target in checks.LINK.findall(checks.masked(text)):
            path = target.partition("#")[0]
            file = (checks.ROOT / page).parent / path
            # A picture, or the licence. A page that is not listed has no place in the site: the check of links will say so.
            if path and not re.match(r"[a-z]+:", target) and file.is_file() and file.suffix != ".md":
                beside = SOURCE / file.resolve().relative_to(checks.ROOT)
                beside.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, beside)
    folder = (checks.ROOT / checks.SUMMARY).parent

    def from_top(target: str) -> str:
        return staged_name((folder / target).resolve().relative_to(checks.ROOT).as_posix())

    (SOURCE / "SUMMARY.md").write_text(with_links((checks.ROOT / checks.SUMMARY).read_text(), from_top))


class Page(HTMLParser):
    """The links and the anchors of one page of the site."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif value and (name, tag) in {("href", "a"), ("src", "img")}:
                self.links.append(value)


def dead_links() -> list[str]:
    pages: dict[Path, Page] = {}
    for file in HTML.rglob("*.html"):
        pages[file] = Page()
        pages[file].feed(file.read_text())
    problems = []
    for file, page in sorted(pages.items()):
        # These two are the same for the whole book, or repeat its pages, and resolve links from elsewhere.
        if file.name in ("404.html", "print.html", "toc.html"):
            continue
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            path, anchor = urldefrag(unquote(link))
            target = (file.parent / path).resolve() if path else file
            if target.is_dir():
                target /= "index.html"
            where = file.relative_to(HTML)
            if not target.is_file():
                problems.append(f"{where}: there is no {link}")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                problems.append(f"{where}: no anchor {link}")
    return sorted(set(problems))


def main() -> int:
    install()
    lay_out()
    shutil.rmtree(HTML, ignore_errors=True)
    subprocess.run([MDBOOK, "build", checks.ROOT], check=True)
    problems = dead_links()
    for problem in problems:
        print(f"FAILED  {problem}")
    if not problems:
        print(f"the site is in {HTML.relative_to(checks.ROOT)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
