"""Seeds for each target, made of what the repository has: corpora, recorded signatures, and the texts of the unit tests.

`write(folder)` makes folder/<target>/ anew. Nothing of it is committed, so the seeds never lag behind their sources.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

from pg_test.analytics import corpus

ROOT = Path(__file__).resolve().parents[1]
QUESTION = "Which of my stores had the highest void rate last week?"
_LITERAL = re.compile(r'(?<![\w\'])b?"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F_]+)\}|x([0-9a-fA-F]{2})|(\n\s*)|(.))", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


def literals(path: Path) -> list[str]:
    """The string literals of a Rust file. Raw strings are read as if they were none, which is good enough for seeds."""

    def plain(match: re.Match) -> str:
        code, byte, line, letter = match.groups()
        if code or byte:
            return chr(int((code or byte).replace("_", ""), 16))
        return "" if line else _PLAIN.get(letter, letter)

    return [_ESCAPE.sub(plain, text) for text in _LITERAL.findall(path.read_text(encoding="utf-8"))]


def nests() -> list[str]:
    """As deep and as long as the gate admits, or a little more, in each way of `gate::tests::caps`."""
    source = (ROOT / "src/gate/tests/caps.rs").read_text(encoding="utf-8")
    table = source[source.index("let nests = [") : source.index("let worker")]
    found = []
    for line in table.splitlines():
        parts = _LITERAL.findall(line)
        if len(parts) == 4:
            start, before, core, after = parts
            found += [start + before * depth + core + after * depth for depth in (6, 12, 16, 24, 47)]
    links = [" + 1", " || a", " AND a", " OR a", "::int", "[1]", " IS NULL", " -> 'a'", " UNION SELECT 1", " COLLATE \"C\""]
    found += [f"SELECT a{link * count}" for link in links for count in (7, 190, 980)]
    return found


def sql() -> list[str]:
    found = [query.sql for query in corpus.load()]
    for name in ("catalogue", "own"):
        lines = (ROOT / f"pg_test/attacks/{name}.jsonl").read_text(encoding="utf-8").splitlines()
        found += [entry["sql"] for entry in map(json.loads, lines) if "sql" in entry]
    for path in sorted((ROOT / "src/gate/tests").glob("*.rs")):
        found += [text for text in literals(path) if re.match(r"\W*(SELECT|WITH|VALUES|TABLE)\b", text, re.IGNORECASE)]
    return found + nests()


def identity() -> list[str]:
    recorded = json.loads((ROOT / "src/identity/testdata/botocore.json").read_text(encoding="utf-8"))["contexts"]
    found = []
    for context in recorded:
        headers = context["headers"]
        found.append(json.dumps(headers))
        found.append(json.dumps({name: [value] for name, value in headers.items()}))
        found.append(json.dumps(json.dumps({**headers, **{name.upper(): value for name, value in headers.items()}})))
        own = {name.lower(): value for name, value in headers.items()}
        names = [own.get(f"x-splitplane-{name}", "") for name in ("tenant", "business", "subject", "conversation", "nonce")]
        fields = [*names, context["key_id"], "analytics", context["region"], str(context["seconds"])]
        found += ["s" + "\n".join([*fields, payload]) for payload in (context["payload"], '{"stores": [1, 2], "region": "north"}')]
    for path in sorted((ROOT / "src/identity").glob("*.rs")):
        texts = literals(path)
        found += [text for text in texts if text.startswith("{")]
        found += ["c" + text for text in texts if text.startswith("{")]
    return found + ["k" + "n" * 24 + "the secret", "k" + "\x01" + "n" * 60]


def envelopes(fields: dict, tool: str) -> list[tuple[str, dict]]:
    """The fields as each wire format and form carries them, with the letter of its reader."""
    text = json.dumps(fields)
    usage = {"inputTokens": 7, "outputTokens": 9, "totalTokens": 16}
    called = {"toolUse": {"toolUseId": "t1", "name": tool, "input": fields}}

    def converse(content: list, reason: str) -> dict:
        return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason, "usage": usage}

    def choice(message: dict, reason: str) -> dict:
        usage = {"prompt_tokens": 7, "completion_tokens": 9}
        return {"choices": [{"index": 0, "finish_reason": reason, "message": {"role": "assistant", **message}}], "usage": usage}

    call = {"id": "c1", "type": "function", "function": {"name": tool, "arguments": text}}
    return [
        ("b", converse([{"text": "Let me see."}, called], "tool_use")),
        ("B", converse([{"reasoningContent": {"text": "so"}}, {"text": text}], "end_turn")),
        ("o", choice({"content": None, "tool_calls": [call]}, "tool_calls")),
        ("O", choice({"content": text, "refusal": None}, "stop")),
        ("J", choice({"content": text}, "stop")),
    ]


def model() -> list[str]:
    shapes = [
        ("v", "record_verdict", {"reason": "A clear question.", "verdict": "allow", "message": ""}),
        ("v", "record_verdict", {"reason": "Two readings.", "verdict": "clarify", "message": "Welche Woche?"}),
        ("w", "write_sql", {"sql": "```sql\nSELECT 1\n```", "clarification": ""}),
        ("w", "write_sql", {"sql": "", "clarification": "Which year?"}),
        ("a", "tell_answer", {"answer": "Store 3: 12.50"}),
    ]
    found = []
    for letter, tool, fields in shapes:
        found.append("j" + letter + json.dumps(fields))
        found += [reader + letter + json.dumps(body) for reader, body in envelopes(fields, tool)]
    found += ["gx" + json.dumps({"action": action, "outputs": []}) for action in ("NONE", "GUARDRAIL_INTERVENED")]
    tests = ["bedrock/tests.rs", "bedrock/tests/replies.rs", "openai/tests.rs", "guardrail.rs", "strict.rs", "verdict.rs", "endpoint.rs"]
    for text in (text for name in tests for text in literals(ROOT / "src/llm" / name)):
        if text.startswith(("{", "[")):
            found += [reader + "v" + text for reader in "bBoOgeEj"]
        else:
            found += ["nx" + text, "ex" + text]
            found += ["ex" + json.dumps({"__type": "ValidationException", "message": text}), "Ex" + json.dumps({"error": {"message": text, "code": "x"}})]
    return found


def question() -> list[str]:
    entries = "stores|table stores: store_id integer, city text|regions\nregions|table regions: title text|countries\n"
    entries += "void_rate|How many voids per order?|voids,void share\n" + f"top|{QUESTION}|worst store"
    asked = [QUESTION, "void rate"]
    asked += [rule["question"] for rule in json.loads((ROOT / "docs/questions.json").read_text(encoding="utf-8"))["rules"]]
    for name in ("screen/corpus.rs", "matching/tests.rs", "matching/folding.rs", "relevance/tests.rs", "prompts/tests.rs", "screen/tests.rs"):
        asked += literals(ROOT / "src/llm" / name)
    return asked + [text.replace("\n", " ") + "\n" + entries for text in asked[:60]]


SOURCES = {"identity": identity, "gate": sql, "rewrite": sql, "model": model, "question": question}


def write(folder: Path) -> dict[str, int]:
    """Makes folder/<target>/ for every target and tells how many seeds each has."""
    counts = {}
    for target, source in SOURCES.items():
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        for old in place.iterdir():
            old.unlink()
        seeds = {text.encode("utf-8", "replace") for text in source()} - {b""}
        for seed in seeds:
            (place / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
        counts[target] = len(seeds)
    return counts


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
