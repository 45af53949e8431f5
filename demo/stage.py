"""How the demo prints, and what it remembers of what went wrong."""

from __future__ import annotations

import sys
import textwrap

WIDTH = 110


class Stage:
    """Prints the demo and remembers what did not go as it must."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def step(self, number: int, title: str) -> None:
        print(f"\n{'=' * WIDTH}\n{number}. {title}\n{'=' * WIDTH}")

    def say(self, text: str, indent: str = "") -> None:
        print(textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  "), flush=True)

    def sql(self, text: str, indent: str = "    ") -> None:
        for line in textwrap.dedent(text).splitlines():
            inner = " " * (len(line) - len(line.lstrip()) + 4)
            room = WIDTH - len(indent) - 2
            for part in textwrap.wrap(line, room, subsequent_indent=inner, drop_whitespace=True, break_long_words=False) or [""]:
                print(f"{indent}| {part}")
        sys.stdout.flush()

    def check(self, good: bool, what: str, indent: str = "  ") -> None:
        if not good:
            self.wrong.append(what)
        self.say(f"[{'ok' if good else 'WRONG'}] {what}", indent)

    def table(self, columns: list[str], rows: list[list], indent: str = "    ") -> None:
        texts = [columns, *[["" if cell is None else f"{cell:,}" if isinstance(cell, int | float) else str(cell) for cell in row] for row in rows]]
        widths = [max(len(row[n]) for row in texts) for n in range(len(columns))]
        for number, row in enumerate(texts):
            print(indent + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
            if number == 0:
                print(indent + "  ".join("-" * width for width in widths))
        sys.stdout.flush()
