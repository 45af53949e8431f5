"""What is told when an endpoint refuses, or when no model is named: a sentence of ours and the error's name to the caller,
the provider's own words to the server log."""

import re

import pytest
from splitplane_test.session import refusal
from talk import GOOD_SQL, MODEL

POINTER = "docs/models.md"
# What a provider may write and no caller may read.
FOREIGN = re.compile(r"arn:|\d{12}|://|sk-|HTTP \d+, \d+|\(HTTP \d+\)")
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x"
# By name: status, code, the provider's sentence, and words of ours.
ANSWERS = {
    "end of life": (404, "ResourceNotFoundException", "This model version has reached the end of its life. See https://docs.example/x.", "end of its life"),
    "legacy": (403, "AccessDeniedException", "Access denied. This Model is marked by provider as Legacy and was not used.", "end of its life"),
    "no access": (403, "AccessDeniedException", f"User 123456789012 is not authorized to perform x on resource: {ARN}", "no access"),
    "no throughput": (
        400,
        "ValidationException",
        "Invocation of model ID x with on-demand throughput isn\u2019t supported. Retry with the ID or ARN of an inference profile.",
        "inference profile",
    ),
    "quota": (400, "ServiceQuotaExceededException", "Account 123456789012 is over its quota.", "quota"),
    "too long": (400, "ValidationException", "Input is too long for requested model.", "too long"),
    "unknown": (404, "ResourceNotFoundException", f"Could not resolve {ARN}", "no such model"),
    "other": (400, "ValidationException", f"Something about {ARN} at https://a.example", "the server log has"),
}


@pytest.fixture
def logged(words):
    """A function that gives the lines of the server log since it was last called."""
    read = [len(words.cluster.log_text())]

    def since() -> str:
        text = words.cluster.log_text()
        new, read[0] = text[read[0] :], len(text)
        return new

    return since


@pytest.fixture
def openai(standin):
    standin.allow_unsigned = True
    yield {"splitplane__provider": "openai", "splitplane__endpoint": standin.openai_url, "splitplane__model": "llama-3.3-70b"}
    standin.allow_unsigned = False


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("task", ["validation", "generation"])
def test_the_caller_reads_our_sentence_and_the_log_the_providers(words, standin, logged, kind, task):
    status, code, sentence, ours = ANSWERS[kind]
    standin.play("refuse", status=status, code=code, message=sentence, task=task)
    with words.talk() as talk, words.unread(talk):
        error = talk.fails("38000", words.rule())
    message = error.diag.message_primary
    assert ours in message and f"(HTTP {status}, {code})" in message
    assert not FOREIGN.search(str(error)), error
    lines = logged()
    assert sentence in lines
    assert (f"{standin.url}/model/" in lines) == (status == 404), "the URL helps where nothing was found"


def test_each_kind_has_words_of_its_own(words, standin):
    told = {}
    with words.talk() as talk:
        for kind, (status, code, sentence, _) in ANSWERS.items():
            standin.play("refuse", status=status, code=code, message=sentence)
            told[kind] = re.sub(r" \(HTTP.*", "", talk.fails("38000", words.rule()).diag.message_primary)
            standin.play()
    assert told.pop("legacy") == told["end of life"] and len(set(told.values())) == len(told), told


def test_a_status_in_the_place_of_a_code(words, standin, openai, logged):
    """LiteLLM puts the status into `code`, as a text."""
    with words.talk(**openai) as talk:
        for code in ("400", "123456789012", "https://a.example", ARN):
            standin.play("refuse", status=400, code=code, message=f"litellm.BadRequestError: {ARN} has no on-demand throughput")
            error = talk.fails("38000", words.rule())
            assert "inference profile" in str(error) and "(HTTP 400, invalid_request_error)" in str(error)
            assert not FOREIGN.search(str(error)), error
            assert ARN in logged()
            standin.play()


def test_long_and_unprintable_sentences_are_cut_in_the_log(words, standin, logged):
    standin.play("refuse", status=400, code="ValidationException", message="begins \u202e\r\n\x07" + "x" * 5_000)
    with words.talk() as talk:
        talk.fails("38000", words.rule())
    lines = logged()
    assert "begins xxx" in lines and "x" * 480 in lines and "x" * 501 not in lines and "\u202e" not in lines


def test_a_batch_and_an_answer_in_words_log_them_too(words, standin, logged):
    sentence = ANSWERS["no access"][2]
    standin.play("refuse", status=403, code="AccessDeniedException", message=sentence, task="validation")
    rows = words.boss.execute("SELECT message FROM splitplane.validate(ARRAY['How many?', 'How much?'])").fetchall()
    assert len(rows) == 2 and all("no access" in message and not FOREIGN.search(message) for (message,) in rows)
    assert logged().count(sentence) == 1, "once, however many questions fail alike"
    standin.play()
    standin.play("refuse", status=403, code="AccessDeniedException", message=sentence, task="narration")
    with words.talk(splitplane__narrate="rows") as talk:
        assert talk.count(words.rule())["answer"] is None
    assert sentence in logged()


@pytest.mark.parametrize("provider", ["bedrock", "openai"])
@pytest.mark.parametrize("validator", ["", MODEL])
def test_no_model_is_built_in(own, standin, provider, validator):
    own.run("SELECT splitplane.verify_query('units', 'Which units?', 'SELECT unit FROM units ORDER BY unit')")
    settings = {"splitplane__provider": provider, "splitplane__model": "", "splitplane__validator_model": validator}
    with own.talk(**settings, splitplane__narrate="rows") as talk:
        for sql in (None, GOOD_SQL):
            with own.unread(talk):
                assert POINTER in talk.fails("55000", own.rule(), sql=sql).diag.message_primary
        assert talk.say("which units")["source"] == "verified_query"
        assert talk.say("Which units?", sql=GOOD_SQL)["source"] == "caller"
        assert talk.ask(GOOD_SQL)["row_count"] == 1, "SQL without a question needs no model"
    assert not standin.requests
    own.run("SELECT splitplane.unverify_query('units')")


def test_doctor_and_validate_say_so(own):
    found = "SELECT count(*) FROM splitplane.doctor() WHERE object = 'splitplane.model' AND severity = 'warning'"
    own.run("SET splitplane.model = ''")
    try:
        for provider, expected in (("bedrock", 1), ("openai", 1), ("none", 0)):
            own.run(f"SET splitplane.provider = '{provider}'")
            assert own.run(found) == (expected,), provider
        own.run("SET splitplane.provider = 'bedrock'")
        error = refusal(lambda: own.run("SELECT * FROM splitplane.validate(ARRAY['How many?'])"), "55000")
        assert POINTER in str(error)
    finally:
        own.run("RESET splitplane.model")
        own.run("RESET splitplane.provider")
    assert own.run(found) == (0,), "the control"
