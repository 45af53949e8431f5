"""Draws docs/dashboard.svg, the picture of the dashboard in docs/monitoring.md, from test data. It needs nothing but Python.

    python docs/draw_dashboard.py            write the picture
    python docs/draw_dashboard.py --check    say whether the committed picture is what this script draws

Titles, places and descriptions of the panels are those of monitoring/dashboard.json; the figures are made up here: six hours in which
somebody tries keys for twenty minutes. The docs suite makes the check at each run.
"""

import json
import math
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "dashboard.svg"
DASHBOARD = ROOT / "monitoring" / "dashboard.json"
FONT = "ui-sans-serif, -apple-system, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif"
INK, PALE, GRID, GROUND, PANEL = "#1f2933", "#52606d", "#d9e2ec", "#f5f7fa", "#ffffff"
LINES = ("#2f6f9f", "#b7791f", "#2f855a", "#9b2c2c", "#6b46c1", "#2c7a7b", "#718096")
WIDTH, UNIT, GAP, HEAD = 880, 32, 6, 44
MINUTES = range(0, 361, 6)


def wave(level: float, swing: float, phase: float) -> list[float]:
    return [level + swing * math.sin(minute / 57 + phase) + swing * 0.25 * math.sin(minute / 9 + phase * 3) for minute in MINUTES]


def burst(level: float, from_minute: int, to_minute: int) -> list[float]:
    return [level if from_minute <= minute <= to_minute else 0.0 for minute in MINUTES]


# By the panel's title: one value, or the lines with their legends.
VALUES = {
    "Plane": ("open", "#2f855a"),
    "Critical findings": ("0", "#2f855a"),
    "Proof disagreements, 1 day": ("0", "#2f855a"),
    "Replay ledger": ("23 %", "#2f855a"),
    "First key ends in": ("5.2 days", "#b7791f"),
}
SERIES = {
    "Calls": {"ask answered": wave(14, 5, 0), "ask error": wave(1.2, 0.5, 1), "ask_rows answered": wave(5, 2, 2)},
    "Refusals": {"unknown_relation": wave(0.6, 0.25, 1), "syntax": wave(0.3, 0.15, 2), "signature": burst(7.5, 210, 230)},
    "Stages, 95th percentile": {
        "verify": wave(0.0007, 0.0002, 0),
        "prove": wave(0.0012, 0.0003, 1),
        "plan": wave(0.0021, 0.0005, 2),
        "run": wave(0.021, 0.009, 0.5),
    },
    "Tenants": {"brand-a": wave(9, 3, 0), "brand-b": wave(5, 2, 1), "brand-c": wave(2.5, 1, 2), "*others": wave(1, 0.4, 3)},
    "Model calls": {"judge ok": wave(2, 0.8, 0), "writer ok": wave(1.6, 0.6, 0.3), "writer refused": burst(0.4, 120, 140)},
    "Model tokens": {"writer read": wave(1900, 600, 0.3), "writer written": wave(240, 90, 0.3), "judge read": wave(900, 300, 0)},
    "Budgets": {"brand-a cost": [0.35 + minute / 720 for minute in MINUTES], "brand-b calls": [0.1 + minute / 1500 for minute in MINUTES]},
    "Unusual calls": {"calls": burst(3, 215, 275)},
}


def text(x: float, y: float, words: str, size: int = 11, colour: str = INK, bold: bool = False, anchor: str = "start") -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{weight} text-anchor="{anchor}">{escape(words)}</text>'


def shown(value: float, unit: str) -> str:
    if unit == "s":
        return f"{value * 1000:g} ms"
    if unit == "percentunit":
        return f"{value * 100:g} %"
    return f"{value:g}"


def ceiling(highest: float) -> float:
    """The next number that begins with 1, 2, 4 or 8."""
    step = 10 ** math.floor(math.log10(highest))
    return next(step * factor for factor in (1, 2, 4, 8, 10) if step * factor >= highest)


def lines(title: str, unit: str, x: float, y: float, width: float, height: float) -> list[str]:
    series = SERIES[title]
    top = ceiling(max(max(values) for values in series.values()))
    left, right, above, below = x + 46, x + width - 10, y + 30, y + height - 38
    drawn = []
    for part in range(5):
        level = below - (below - above) * part / 4
        drawn.append(f'<line x1="{left:.1f}" y1="{level:.1f}" x2="{right:.1f}" y2="{level:.1f}" stroke="{GRID}"/>')
        drawn.append(text(left - 5, level + 4, shown(round(top * part / 4, 6), unit), 9, PALE, anchor="end"))
    for hour in range(7):
        drawn.append(text(left + (right - left) * hour / 6, below + 13, f"{6 + hour:02}:00", 9, PALE, anchor="middle"))
    at = left
    for colour, (name, values) in zip(LINES, series.items(), strict=False):
        points = " ".join(
            f"{left + (right - left) * minute / 360:.1f},{below - (below - above) * max(value, 0) / top:.1f}"
            for minute, value in zip(MINUTES, values, strict=True)
        )
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        drawn.append(f'<rect x="{at:.1f}" y="{y + height - 16:.1f}" width="9" height="3" fill="{colour}"/>')
        drawn.append(text(at + 13, y + height - 11, name, 10, PALE))
        at += 30 + 5.6 * len(name)
    return drawn


def panel(found: dict) -> list[str]:
    place = found["gridPos"]
    unit = WIDTH / 24
    x, y = place["x"] * unit + GAP / 2, HEAD + place["y"] * UNIT
    width, height = place["w"] * unit - GAP, place["h"] * UNIT - GAP
    title = found["title"]
    drawn = [
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="3" fill="{PANEL}" stroke="{GRID}"/>',
        text(x + 10, y + 18, title, 12, bold=True),
    ]
    if title in VALUES:
        value, colour = VALUES[title]
        drawn.append(text(x + width / 2, y + height / 2 + 24, value, 26, colour, bold=True, anchor="middle"))
        return drawn
    return drawn + lines(title, found["fieldConfig"]["defaults"]["unit"], x, y, width, height)


def picture() -> str:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    height = HEAD + max(found["gridPos"]["y"] + found["gridPos"]["h"] for found in panels) * UNIT + GAP
    drawn = [part for found in panels for part in panel(found)]
    return (
        "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
                f'font-family="{FONT}" role="img" aria-labelledby="title">',
                '<title id="title">The dashboard of splitplane, with test data</title>',
                f'<rect width="{WIDTH}" height="{height}" rx="6" fill="{GROUND}"/>',
                text(12, 28, "splitplane", 17, bold=True),
                text(WIDTH - 12, 28, "Database: shop, last 6 hours (test data)", 12, PALE, anchor="end"),
                *drawn,
                "</svg>",
            ]
        )
        + "\n"
    )


def is_current(file: Path = PICTURE) -> bool:
    return file.exists() and file.read_text() == picture()


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        if is_current():
            return 0
        print(f"{PICTURE.name} is not what docs/draw_dashboard.py draws")
        return 1
    PICTURE.write_text(picture())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
