"""One table, in plain text: the only output of the bench besides progress lines on standard error."""

import sys
from statistics import geometric_mean


def progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def verdict(value: float, target: float) -> str:
    return "PASS" if value <= target else "OVER"


class Table:
    """Rows of text, aligned on print; a string alone is a heading across the table."""

    def __init__(self, columns: list[str]):
        self.columns = columns
        self.rows: list[list[str] | tuple[str] | str] = []

    def heading(self, text: str) -> None:
        self.rows.append(text)

    def remark(self, text: str) -> None:
        """A line of text below a row, without rules around it."""
        self.rows.append((text,))

    def row(self, *cells: object) -> None:
        texts = [str(c) for c in cells]
        self.rows.append(texts + [""] * (len(self.columns) - len(texts)))

    def print(self) -> None:
        lined = [self.columns] + [r for r in self.rows if isinstance(r, list)]
        widths = [max(len(r[i]) for r in lined) for i in range(len(self.columns))]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))

        def line(cells: list[str]) -> str:
            first, rest = cells[0].ljust(widths[0]), [c.rjust(w) for c, w in zip(cells[1:], widths[1:])]
            return "  ".join([first, *rest]).rstrip()

        print(rule)
        print(line(self.columns))
        for row in self.rows:
            if isinstance(row, str):
                print(rule)
                print(row)
            elif isinstance(row, tuple):
                print(row[0])
            else:
                print(line(row))
        print(rule)


__all__ = ["Table", "geometric_mean", "percentile", "progress", "verdict"]
