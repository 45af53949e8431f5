"""Changes to a text that keep PostgreSQL's meaning, and changes that break it in small ways.

The tokens here are a rough cut: no parser's opinion on a text is wanted, for the texts that two parsers read differently
are the ones worth sending. Every mutation takes and gives a list of tokens; joined, they are the text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import vocabulary as words

TOKEN = re.compile(
    r"""\s+|--[^\n]*|/\*.*?\*/|[uU]&['"](?:[^'"]|'')*['"]|[eEnNbBxX]?'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\w*\$.*?\$\w*\$|\w+|::|[<>=!|&]+|.""",
    re.DOTALL,
)
_COMMENTS = ["/**/", "/* x */", "/* /* in */ out */", "-- x\n", "/* ' */", '/* " */', "--\n", "/* $$ */", "/* ; */", "/*+ hint */"]
_SPACES = ["\t", "\n", "\r\n", "\f", "  ", "\v", "\u00a0", "\u3000", "\ufeff", "\u200b", "\u2028", "\x01", "\x85"]
_NOISE = ["(", ")", ",", ";", "'", '"', "*", "::", "--", "/*", "*/", "$$", "[", "]", "\\", "$1", ":x", "?", "@", "~", "|| ", " AS ", ".", "..", "U&", "E'", "é", "🦆"]
_WORDS = [
    "FROM", "SELECT", "WHERE", "UNION", "ONLY", "LATERAL", "TABLE", "NOT", "NULL", "ALL", "INTO", "FOR", "UPDATE", "END", "CASE", "WITH", "RECURSIVE", "USING", "AND", "OR",
    "DISTINCT", "COLLATE", "OVER", "FILTER", "ARRAY", "ROW", "VALUES", "GROUP", "BY", "LIMIT", "OPERATOR", "ESCAPE", "AT", "TIME", "ZONE", "RETURNING", "SYMMETRIC", "ISNULL",
]  # fmt: skip

Tokens = list[str]
Mutation = Callable[[Tokens, random.Random, str], Tokens]


def _places(tokens: Tokens, wanted: Callable[[str], bool]) -> list[int]:
    return [index for index, token in enumerate(tokens) if wanted(token)]


def _is_word(token: str) -> bool:
    return token.isidentifier()


def _is_name(token: str) -> bool:
    return token.isidentifier() and token.islower()


def _some(places: list[int], rng: random.Random, most: int) -> list[int]:
    return rng.sample(places, min(len(places), 1 + int(rng.random() * most)))


def letter_case(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    """Words fold: `OrDeRs` is `orders`."""
    for index in _some(_places(tokens, _is_word), rng, 12):
        tokens[index] = rng.choice([str.upper, str.lower, str.title, str.swapcase])(tokens[index])
    return tokens


def quoting(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    """Names in quotes, and quoted ones without."""
    for index in _some(_places(tokens, _is_name), rng, 4):
        tokens[index] = rng.choice(['"{}"', '"{}"', '"{} "', '"{}""', "`{}`", "[{}]"]).format(tokens[index])
    return tokens


def unicode_names(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    """U&"\\006frders" is orders; letters that look like others, and letters that fold to ASCII ones, are not."""
    for index in _some(_places(tokens, _is_name), rng, 3):
        name = tokens[index]
        at = int(rng.random() * len(name))
        letter = name[at]
        kind = rng.random()
        if kind < 0.6:
            escape = rng.choice([f"\\{ord(letter):04x}", f"\\+{ord(letter):06X}"])
            tokens[index] = f'U&"{name[:at]}{escape}{name[at + 1:]}"'
        elif kind < 0.8:
            tokens[index] = name[:at] + {"o": "о", "e": "е", "s": "ſ", "k": "\u212a", "i": "ı", "a": "а"}.get(letter, "\u0301" + letter) + name[at + 1 :]
        else:
            tokens[index] = name.upper().replace("S", "ſ")
    return tokens


def comments(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    for index in sorted(_some(list(range(len(tokens))), rng, 4), reverse=True):
        tokens.insert(index, rng.choice(_COMMENTS))
    return tokens


def white_space(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    for index in _some(_places(tokens, str.isspace), rng, 6):
        tokens[index] = rng.choice(_SPACES)
    return tokens


def delete(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    for index in sorted(_some(list(range(len(tokens))), rng, 2), reverse=True):
        del tokens[index]
    return tokens


def duplicate(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    index = int(rng.random() * len(tokens))
    length = 1 + int(rng.random() * 6)
    return tokens[: index + length] + [" "] + tokens[index:]


def swap(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    solid = _places(tokens, lambda token: not token.isspace())
    if not solid:
        return tokens
    first, second = rng.choice(solid), rng.choice(solid)
    tokens[first], tokens[second] = tokens[second], tokens[first]
    return tokens


def noise(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    tokens.insert(int(rng.random() * (len(tokens) + 1)), rng.choice(_NOISE))
    return tokens


def keyword(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    tokens.insert(int(rng.random() * (len(tokens) + 1)), f" {rng.choice(_WORDS)} ")
    return tokens


def hidden_name(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    """One table or column becomes another, now and then one that the plane does not show."""
    places = _places(tokens, lambda token: token in words.TABLES or token in _COLUMNS)
    for index in _some(places, rng, 2) if places else []:
        pool = words.HIDDEN_RELATIONS if tokens[index] in words.TABLES else words.HIDDEN_COLUMNS
        tokens[index] = rng.choice(pool if rng.random() < 0.4 else _FAMILIAR)
    return tokens


def qualify(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    for index in _some(_places(tokens, lambda token: token in words.TABLES), rng, 3):
        tokens[index] = rng.choice(["public.", "pg_catalog.", "hostile.public.", "pg_temp.", "public . ", 'U&"publi\\0063".', "ONLY "]) + tokens[index]
    return tokens


def numbers(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    for index in _some(_places(tokens, str.isdigit), rng, 3):
        tokens[index] = rng.choice(["0", "-1", "2147483648", "9223372036854775808", "1e400", "0x1F", "1_000", ".", "NULL", "(SELECT 1)", "1.", "'1'", "32768"])
    return tokens


def splice(tokens: Tokens, rng: random.Random, donor: str) -> Tokens:
    """A bracket of this text is filled with one of another, or with the whole of it."""
    own, others = _brackets(tokens), TOKEN.findall(donor)
    found = _brackets(others)
    piece = others[slice(*rng.choice(found))] if found and rng.random() < 0.6 else ["(", donor.rstrip("; \n"), ")"]
    if not own:
        return [*tokens, rng.choice([" UNION ALL ", " WHERE EXISTS ", " "]), *piece]
    start, end = rng.choice(own)
    return tokens[:start] + piece + tokens[end:]


def halves(tokens: Tokens, rng: random.Random, donor: str) -> Tokens:
    """The head of one text with the tail of another."""
    others = TOKEN.findall(donor)
    return tokens[: int(rng.random() * len(tokens)) + 1] + [" "] + others[int(rng.random() * len(others)) :]


def nesting(tokens: Tokens, rng: random.Random, donor: str) -> Tokens:
    text = "".join(tokens).rstrip("; \n")
    frame = rng.choice(_FRAMES)
    return TOKEN.findall(frame.replace("{q}", text).replace("{d}", donor.rstrip("; \n")))


def hostile_frame(tokens: Tokens, rng: random.Random, _donor: str) -> Tokens:
    return TOKEN.findall(rng.choice(words.HOSTILE_FRAMES).replace("{q}", "".join(tokens)))


def _brackets(tokens: Tokens) -> list[tuple[int, int]]:
    """Where balanced brackets start and end."""
    found, opened = [], []
    for index, token in enumerate(tokens):
        if token == "(":
            opened.append(index)
        elif token == ")" and opened:
            found.append((opened.pop(), index + 1))
    return found


_COLUMNS = {name for columns in words.TABLES.values() for name, _ in columns}
_FAMILIAR = [*words.TABLES, *sorted(_COLUMNS)]
_FRAMES = [
    "SELECT * FROM ({q}) AS z", "SELECT count(*) FROM ({q}) z", "WITH z AS ({q}) SELECT * FROM z", "(({q}))", "SELECT EXISTS ({q})", "SELECT ARRAY(SELECT z::text FROM ({q}) z)",
    "({q}) UNION ALL ({d})", "SELECT * FROM ({q}) a, ({d}) b", "SELECT (SELECT z::text FROM ({q}) z LIMIT 1)", "SELECT z.* FROM orders LEFT JOIN LATERAL ({q}) z ON true",
    "WITH orders AS ({q}) SELECT * FROM orders", "WITH a AS ({q}), b AS ({d}) SELECT * FROM a, b", "SELECT to_jsonb(z) FROM ({q}) z", "SELECT 1 WHERE EXISTS ({q}) OR EXISTS ({d})",
    "SELECT count(*) FROM ({q}) z GROUP BY z", "SELECT * FROM ({q}) z EXCEPT SELECT * FROM ({q}) z", "{q};", "{q} -- end", "SELECT z FROM ({q}) z ORDER BY z LIMIT 3", "TABLE orders",
]  # fmt: skip

# The kinder ones first: they keep the meaning, so that what they make is often answered.
GENTLE: list[Mutation] = [letter_case, quoting, unicode_names, comments, white_space, nesting, qualify]
ROUGH: list[Mutation] = [delete, duplicate, swap, noise, keyword, hidden_name, numbers, splice, halves, hostile_frame]


def mutate(text: str, rng: random.Random, donor: str) -> str:
    """One to three mutations of a text, with `donor` as the other text where two are mixed."""
    tokens = TOKEN.findall(text)
    for _ in range(1 + int(rng.random() ** 2 * 3)):
        if tokens:
            pool = GENTLE if rng.random() < 0.6 else ROUGH
            tokens = rng.choice(pool)(tokens, rng, donor)
    return "".join(tokens)
