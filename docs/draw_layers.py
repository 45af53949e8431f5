"""Draws docs/layers.svg, the picture of the three layers in README.md. It needs nothing but Python.

    python docs/draw_layers.py            write the picture
    python docs/draw_layers.py --check    say whether the committed picture is what this script draws

The docs suite makes the check at each run, so that script and picture do not drift apart.
"""

import sys
from html import escape
from pathlib import Path

PICTURE = Path(__file__).resolve().parent / "layers.svg"

WIDTH, HEIGHT = 880, 470
FONT = "ui-sans-serif, -apple-system, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif"
INK, PALE = "#1f2933", "#52606d"
OUTSIDE = ("#f5f7fa", "#9aa5b1")
LAYERS = (("#e6f0fa", "#2f6f9f"), ("#fdf3dc", "#b7791f"), ("#e7f5ec", "#2f855a"))
FENCE = ("#ffffff", "#2f855a")

# The untrusted side and the trusted one differ by their line, so that the picture can be read without colours.
APPLICATION = (
    "Your application",
    ("signs tenant, business, user,", "time, nonce and text asked,", "with AWS SigV4"),
)
MODEL = (
    "Model, not trusted",
    ("writes SQL without any tenant", "filter; sees names, types and", "comments, never a row*"),
)
TEXTS = (
    (
        "1  Identity: who asks?",
        ("The database verifies the signature, refuses used and stale contexts",
         "and looks up whether tenant, business and user were admitted together."),
    ),
    (
        "2  Meaning: is the question clear and in scope?",
        ("Questions in words only. Nothing runs before the verdict allows it.",
         "Not a fence: isolation does not rest on what a model says."),
    ),
    ("3  Split plane: what can the SQL touch?", ()),
)
FENCES = (
    ("Plane and proof", ("only what you registered, under", "tenant-filtered CTEs; every node of", "the executed tree is on an allowlist")),
    ("Row-level security", ("runs as a role that owns nothing,", "read-only, under policies whose", "tenant no SQL can set; with caps")),
)
RESULT = "rows of one tenant, or an error"
NOTE = "* unless you let it put results into words, and then never the values of private columns"


def text(x: float, y: float, words: str, size: int = 13, colour: str = INK, bold: bool = False, anchor: str = "start") -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}"{weight} text-anchor="{anchor}">{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, colours: tuple[str, str], dashed: bool = False) -> str:
    fill, line = colours
    dashes = ' stroke-dasharray="6 4"' if dashed else ""
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{fill}" stroke="{line}" stroke-width="1.5"{dashes}/>'


def lines(x: float, y: float, title: str, words: tuple[str, ...], size: int = 15) -> list[str]:
    drawn = [text(x, y, title, size, bold=True)]
    return drawn + [text(x, y + 22 + 18 * number, line, colour=PALE) for number, line in enumerate(words)]


def arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{INK}" stroke-width="1.5" marker-end="url(#head)"/>'


def picture() -> str:
    left, inner = 290, 560
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="{FONT}" role="img" aria-labelledby="title">',
        '<title id="title">The three layers that a call passes: identity, meaning, split plane</title>',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{INK}"/></marker></defs>',
        # A ground of its own: the page that shows it may be dark.
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        box(15, 50, 220, 92, OUTSIDE),
        *lines(28, 76, *APPLICATION, 14),
        box(15, 250, 220, 92, OUTSIDE, dashed=True),
        *lines(28, 276, *MODEL, 14),
        box(270, 15, 595, 405, ("#fbfcfd", "#9aa5b1")),
        text(left - 5, 37, "PostgreSQL, your server", 12, PALE),
        arrow(235, 96, 286, 96),
        text(240, 88, "context", 11, PALE),
        box(left, 50, inner, 86, LAYERS[0]),
        *lines(left + 16, 76, *TEXTS[0]),
        arrow(left + 280, 136, left + 280, 153),
        box(left, 156, inner, 86, LAYERS[1]),
        *lines(left + 16, 182, *TEXTS[1]),
        arrow(left + 280, 242, left + 280, 259),
        box(left, 262, inner, 142, LAYERS[2]),
        *lines(left + 16, 286, *TEXTS[2]),
        arrow(235, 310, 286, 310),
        text(244, 302, "SQL", 11, PALE),
        box(left + 16, 298, 256, 92, FENCE),
        *lines(left + 28, 320, *FENCES[0], 13),
        arrow(left + 272, 344, left + 285, 344),
        box(left + 288, 298, 256, 92, FENCE),
        *lines(left + 300, 320, *FENCES[1], 13),
        arrow(left + 280, 404, left + 280, 440),
        text(left + 292, 440, RESULT, 13, bold=True),
        text(15, 460, NOTE, 11, PALE),
        "</svg>",
    ]
    return "\n".join(drawn) + "\n"


def is_current(file: Path = PICTURE) -> bool:
    return file.exists() and file.read_text() == picture()


def main() -> int:
    if "--check" in sys.argv[1:]:
        if not is_current():
            print(f"{PICTURE.name} is not what {Path(__file__).name} draws: run it and commit the picture")
            return 1
        return 0
    PICTURE.write_text(picture())
    return 0


if __name__ == "__main__":
    sys.exit(main())
