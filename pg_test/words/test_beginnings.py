"""What a prompt begins with is the same for every question of every tenant, so that an endpoint that keeps beginnings reads it
once; nothing of a tenant stands in it, and everything of the question is behind it, between tags of its own."""

import json
import re
import uuid

import pytest

ENDING = re.compile(r'<ending-([0-9a-f]{16})>"([0-9a-f]{16})"</ending-\1>')


def beginning(asked) -> tuple[str, str]:
    """System text and material in front of the piece that ends it."""
    ending = ENDING.search(asked.user)
    return asked.system, asked.user[: ending.start()]


def of(standin, task):
    return [record.asked for record in standin.settle() if record.task == task]


@pytest.mark.parametrize("task", ["validation", "generation"])
def test_the_beginning_is_the_same_for_every_tenant_and_session(words, standin, task):
    conversation = str(uuid.uuid4())
    with words.talk() as talk, words.talk(TimeZone="Asia/Tokyo") as other:
        talk.count(words.rule(), "brand-a", conversation=conversation)
        talk.count(words.rule(), "brand-a", conversation=conversation)
        other.count(words.rule(), "brand-b")
    asked = of(standin, task)
    assert len(asked) == 3 and len({beginning(one) for one in asked}) == 1
    system, material = beginning(asked[0])
    assert len(material) > 500 and "table sales" in material
    assert "brand-" not in system + material and "How many" not in system + material
    # The control: behind it stand the question and the earlier one, under a number that no other prompt has.
    assert [piece.name for piece in asked[1].tags].count("earlier-question") == 1
    assert len({ENDING.search(one.user).group(2) for one in asked}) == 3


def test_tags_of_the_question_are_not_those_of_the_beginning(words, talk, standin):
    talk.count(words.rule())
    for asked in of(standin, "generation"):
        lasting, fresh = ENDING.search(asked.user).groups()
        behind = [piece for piece in asked.tags if piece.nonce == fresh]
        assert lasting != fresh and {"question", "time-now"} <= {piece.name for piece in behind}
        assert {piece.nonce for piece in asked.tags} == {lasting, fresh}


def test_another_plane_has_another_beginning(words, talk, standin):
    talk.count(words.rule())
    words.run("COMMENT ON TABLE sales IS 'one sale a row'")
    try:
        talk.count(words.rule())
    finally:
        words.run("COMMENT ON TABLE sales IS NULL")
    first, second = (ENDING.search(asked.user).group(1) for asked in of(standin, "generation"))
    assert first != second


def test_properties_are_sent_as_they_are_to_be_written(words, talk, standin):
    """Servers that constrain decoding write them in this order: the reason before the verdict."""
    talk.count(words.rule())
    for record in standin.settle():
        names = list(record.asked.schema["properties"])
        assert names == record.asked.schema["required"] != sorted(names), json.dumps(record.asked.schema)
