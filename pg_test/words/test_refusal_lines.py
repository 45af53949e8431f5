"""The one line of a refusal in the server log, where a question in words was asked: of layer 2, and of what a model wrote."""

import pytest

from pg_test.wire.lines import length, one_line, refused_lines, sha256

FAULTS = {"close": ("08006", "model_unreachable"), "refuse": ("38000", "model_refused")}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_model_that_fails(words, talk, standin, fault):
    state, reason = FAULTS[fault]
    question = words.rule()
    standin.play(fault)
    since = length(words)
    talk.fails(state, question)
    fields = one_line(words, since)
    assert (fields["state"], fields["reason"], fields["who"]) == (state, reason, 'tenant "brand-a"')
    assert (fields["what"], fields["hash"]) == ("question", sha256(question))


def test_sql_of_a_model_has_its_own_hash(words, talk, standin):
    """However often it was repaired: one line, of what was tried last."""
    last = "SELECT * FROM vault"
    question = words.rule(sql=["SELECT nope FROM sales", "SELECT nothing FROM sales", last])
    since = length(words)
    talk.fails("42P01", question)
    fields = one_line(words, since)
    assert (fields["what"], fields["hash"]) == ("SQL", sha256(last))


def test_a_question_that_is_declined_is_no_refusal(words, talk, standin):
    since = length(words)
    talk.declined("refused", words.rule(verdict="reject", message="No."))
    assert refused_lines(words, since) == []
    assert words.cluster.log_text()[since:].count("splitplane: layer 2: refused: ") == 1


def test_no_key_of_the_model_stands_in_the_log(words, talk, standin):
    since = length(words)
    standin.play("refuse")
    talk.fails("38000", words.rule())
    log = words.cluster.log_text()[since:]
    assert "splitplane: refused (" in log, "the control: it is said"
    assert standin.secret_key not in log and standin.access_key not in log
