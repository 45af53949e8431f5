"""Draws the charts of docs/speed.md, in docs/speed, from the figures of a bench that are kept beside them. It needs nothing but Python.

    python docs/draw_charts.py            write the charts
    python docs/draw_charts.py --check    say whether the committed charts are what this script draws

`make bench SAVE=docs/speed/bench.json` and `make bench-tpch SAVE=docs/speed/tpch.json` write the figures. Rows whose A/A does not count are
left out, and so is a chart that nothing is left of. The docs suite makes the check at each run.
"""

import json
import math
import sys
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "speed"
FONT = "ui-sans-serif, -apple-system, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif"
INK, PALE, GRID, GROUND = "#1f2933", "#52606d", "#d9e2ec", "#ffffff"
# By the way that a colour stands for; the lines also differ by their dashes and the bars by their place.
COLOURS = {"hand": "#9aa5b1", "baseline": "#b7791f", "now": "#2f6f9f"}
NAMES = {"hand": "by hand", "baseline": "before", "now": "now"}
DASHES = {"hand": "2 4", "baseline": "7 4", "now": "none"}
WIDTH, RIGHT = 880, 70
BAR, GAP, TOP = 13, 9, 78


def text(x: float, y: float, words: str, size: int = 12, colour: str = INK, bold: bool = False, anchor: str = "start", halo: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    # A number that a line would run through.
    around = f' stroke="{GROUND}" stroke-width="3" paint-order="stroke"' if halo else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{weight}{around} text-anchor="{anchor}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = GRID, dashes: str = "none", width: float = 1) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}"/>'


def framed(height: float, title: str, unit: str, ways: list[str], drawn: list[str]) -> str:
    """The drawing on a ground of its own, since the page that shows it may be dark, with title, unit and legend."""
    legend = []
    x = 20.0
    for way in ways:
        legend += [f'<rect x="{x:.1f}" y="50" width="12" height="12" fill="{COLOURS[way]}"/>', text(x + 18, 60, NAMES[way])]
        x += 40 + 8 * len(NAMES[way])
    return (
        "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" '
                f'font-family="{FONT}" role="img" aria-labelledby="title">',
                f'<title id="title">{escape(title)}, {escape(unit)}</title>',
                f'<rect width="{WIDTH}" height="{height:.0f}" rx="8" fill="{GROUND}"/>',
                text(20, 28, title, 16, bold=True),
                text(WIDTH - 20, 28, unit, 12, PALE, anchor="end"),
                *legend,
                *drawn,
                "</svg>",
            ]
        )
        + "\n"
    )


def ticks(highest: float) -> list[float]:
    """Round numbers from zero to the highest."""
    step = 10 ** math.floor(math.log10(highest))
    step = next(step * part for part in (0.1, 0.2, 0.25, 0.5, 1, 2) if highest / (step * part) <= 6)
    return [step * n for n in range(math.ceil(highest / step) + 1)]


def bars(title: str, unit: str, rows: list[tuple[str, dict[str, float]]], mark: float | None = None) -> str:
    """A group of horizontal bars for each row; `mark` is the value where by hand is."""
    ways = [way for way in COLOURS if any(way in values for _, values in rows)]
    marks = ticks(max(value for _, values in rows for value in values.values()))
    left = 30 + 7 * max(len(name) for name, _ in rows)
    room = WIDTH - left - RIGHT
    group = len(ways) * BAR + GAP
    bottom = TOP + 10 + len(rows) * group
    drawn = []
    for tick in marks:
        x = left + room * tick / marks[-1]
        drawn += [line(x, TOP, x, bottom), text(x, bottom + 16, f"{tick:g}", 11, PALE, anchor="middle")]
    if mark is not None:
        x = left + room * mark / marks[-1]
        drawn.append(line(x, TOP - 4, x, bottom, INK, "4 3", 1.5))
    for number, (name, values) in enumerate(rows):
        y = TOP + 10 + number * group
        drawn.append(text(left - 10, y + len(ways) * BAR / 2 + 4, name, anchor="end"))
        for place, way in enumerate(ways):
            if way in values:
                long = room * values[way] / marks[-1]
                drawn.append(f'<rect x="{left}" y="{y + place * BAR:.1f}" width="{long:.1f}" height="{BAR - 2}" fill="{COLOURS[way]}"/>')
                drawn.append(text(left + long + 5, y + place * BAR + 10, f"{values[way]:.3g}", 10, PALE, halo=True))
    return framed(bottom + 30, title, unit, ways, drawn)


def lines(title: str, unit: str, across: str, series: dict[str, list[tuple[float, float]]]) -> str:
    """A line for each way, over a logarithmic scale of sizes."""
    height, left, right, bottom = 330, 70, WIDTH - 40, 280
    sizes = sorted({size for points in series.values() for size, _ in points})
    marks = ticks(max(value for points in series.values() for _, value in points))
    span = math.log(sizes[-1] / sizes[0])

    def place(size: float, value: float) -> tuple[float, float]:
        return left + 30 + (right - left - 60) * math.log(size / sizes[0]) / span, bottom - (bottom - TOP) * value / marks[-1]

    drawn = []
    for tick in marks:
        _, y = place(sizes[0], tick)
        drawn += [line(left, y, right, y), text(left - 8, y + 4, f"{tick:g}", 11, PALE, anchor="end")]
    for size in sizes:
        drawn.append(text(place(size, 0)[0], bottom + 18, f"{size:,.0f}", 11, PALE, anchor="middle"))
    drawn.append(text((left + right) / 2, bottom + 38, across, 12, PALE, anchor="middle"))
    for way, points in series.items():
        found = [place(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in found)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[way]}" stroke-width="2.5" stroke-dasharray="{DASHES[way]}"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[way]}"/>' for x, y in found]
    return framed(height, title, unit, list(series), drawn)


def of(figures: list[dict], section: str) -> list[dict]:
    """The rows of a section that count."""
    return [figure for figure in figures if figure["section"] == section and figure.get("counts", True)]


def ratios(figures: list[dict], section: str) -> list[tuple[str, dict[str, float]]]:
    """By row with a time of its own, how many times as long as by hand each build takes."""
    columns = {"baseline": "baseline / by hand", "now": "now / by hand"}
    return [
        (figure["name"].rstrip(" *"), {way: figure[column] for way, column in columns.items() if column in figure})
        for figure in of(figures, section)
        if "now / by hand" in figure and "hand" in figure
    ]


def values(figures: list[dict], section: str) -> list[tuple[str, dict[str, float]]]:
    return [(figure["name"], {way: figure[way] for way in ("baseline", "now") if way in figure}) for figure in of(figures, section) if figure["unit"]]


def growing(figures: list[dict], what: str) -> dict[str, list[tuple[float, float]]]:
    """By build, the points of the rows `N what`."""
    found: dict[str, list[tuple[float, float]]] = {}
    for figure in of(figures, "growth"):
        number, _, name = figure["name"].partition(" ")
        for way in ("baseline", "now"):
            if name == what and figure["unit"] and way in figure:
                found.setdefault(way, []).append((float(number.replace(",", "")), figure[way]))
    return found


def charts(folder: Path = FOLDER) -> dict[str, str]:
    """The drawings by the names of their files, of the figures that are there."""

    def read(name: str) -> list[dict]:
        file = folder / name
        return json.loads(file.read_text())["figures"] if file.exists() else []

    found, bench, tpch = {}, read("bench.json"), read("tpch.json")
    if rows := values(bench, "overhead"):
        found["call.svg"] = bars("What a warm call takes beyond the same query by hand", "microseconds", rows)
    if rows := ratios(bench, "first-call"):
        found["first-call.svg"] = bars("The first call of a session", "times the first query by hand, which is 1", rows, mark=1)
    if rows := ratios(bench, "queries"):
        found["queries.svg"] = bars("Analytic queries of one tenant", "times as long as by hand, which is 1", rows, mark=1)
    for what, name in (("tables", "Calls on planes of more and more tables"), ("tenants", "Calls with more and more tenants")):
        series = growing(bench, what)
        if series and all(len(points) > 1 for points in series.values()):
            found[f"{what}.svg"] = lines(name, "microseconds of a warm call", what, series)
    for layout in ("tenant first", "without tenant"):
        if rows := ratios(tpch, f"tpch {layout}"):
            title = f"TPC-H, indexes {'that start with the tenant' if layout == 'tenant first' else 'of which some do not start with the tenant'}"
            found[f"tpch-{layout.replace(' ', '-')}.svg"] = bars(title, "times as long as by hand, which is 1", rows, mark=1)
    return found


def stale(folder: Path = FOLDER) -> list[str]:
    """The charts that are not what this script draws, and those that it does not."""
    wanted = charts(folder)
    there = {file.name: file.read_text() for file in folder.glob("*.svg")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def main() -> int:
    if "--check" in sys.argv[1:]:
        for name in stale():
            print(f"{FOLDER.name}/{name} is not what {Path(__file__).name} draws: run it and commit the charts")
        return bool(stale())
    wanted = charts()
    for file in FOLDER.glob("*.svg"):
        file.unlink()
    for name, drawn in wanted.items():
        (FOLDER / name).write_text(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
