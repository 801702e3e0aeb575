"""Times, numbers and kept pieces in the reader's language."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Engine
from django.test import override_settings
from django.utils import translation

from dashboard.rendering import words
from workflows_app import engine_words, errors, languages, refusal_words, terms, type_words
from workflows_app.definition.changes import difference

NOON = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "exact", "took", "size"),
    [
        ("en", "2026-03-01 12:00:05 UTC", "1.5 s", "1.5 MB"),
        ("de", "01.03.2026 12:00:05 UTC", "1,5 s", "1,5 MB"),
    ],
)
def test_times_and_sizes_follow_the_language(language, exact, took, size):
    with translation.override(language):
        assert words.exact(NOON) == exact
        assert words.in_words(timedelta(seconds=1.5)) == took
        assert words.size(1_500_000) == size


def test_how_long_ago_is_a_whole_sentence():
    with translation.override("de"):
        assert words.ago(NOON, NOON + timedelta(minutes=3)) == "vor 3 min"
        assert words.ago(NOON, NOON - timedelta(hours=3)) == "in 3 h"


def test_thousands_are_apart_where_asked_or_where_the_settings_say_so():
    with translation.override("de"):
        assert languages.number(12345) == "12345"
        assert languages.number(12345, is_grouped=True) == "12.345"
        with override_settings(USE_THOUSAND_SEPARATOR=True):
            assert languages.number(12345) == "12.345"


def test_numbers_are_rounded_and_not_cut():
    assert languages.number(0.96, 1) == "1.0"
    assert languages.plain_number(30.0) == "30"
    with translation.override("de"):
        assert languages.plain_number(0.5) == "0,5"


def test_a_kept_piece_is_drawn_again_in_another_language():
    engine = Engine(
        libraries={"i18n": "django.templatetags.i18n", "s": "dashboard.templatetags.signalbox"}
    )
    template = engine.from_string(
        "{% load i18n s %}{% kept 1 %}{% translate 'Inbox' %}{% endkept %}"
    )
    for language, word in (("en", "Inbox"), ("de", "Eingang"), ("en", "Inbox")):
        with translation.override(language):
            assert template.render(Context()) == word


def test_a_status_is_its_own_name_in_english():
    assert terms.status("suspended") == "suspended"
    with translation.override("de"):
        assert terms.status("suspended") == "angehalten"
        assert terms.status("no such") == "no such"


def test_what_a_type_refuses_is_said_in_german_with_its_bounds():
    said = "Input should be greater than or equal to 1"
    assert type_words.of("greater_than_equal", said) == said
    with translation.override("de"):
        assert (
            type_words.of("greater_than_equal", said)
            == "Die Eingabe muss größer als oder gleich 1 sein"
        )
        assert type_words.of("greater_than_equal", "something else") == "something else"
        one = "String should have at least 1 character"
        assert type_words.of("string_too_short", one) == "Der Text muss mindestens 1 Zeichen haben"


def test_what_the_engine_refuses_is_exact_in_english_and_said_by_its_kind_in_german():
    refusal = errors.RunNotPaused("Run 'r' is running; only a paused run can proceed.")
    assert refusal_words.of(refusal) == str(refusal)
    with translation.override("de"):
        assert refusal_words.of(refusal) == "Das ist nur für einen pausierten Lauf möglich."
        assert refusal_words.of(errors.NotMigrated("x")) == "x"


BEFORE, NOW = (("a", "step"), ("b", "foreach")), (("a", "step"), ("c", "step"))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (difference(BEFORE, NOW), "wo „b“ (je Element) war, ist jetzt „c“ (Schritt)"),
        (difference(BEFORE, NOW[:1]), "„b“ (je Element) gibt es nicht mehr"),
        (difference(NOW[:1], NOW), "„c“ (Schritt) ist neu"),
        (
            difference(BEFORE, NOW, "z"),
            "in der Version, mit der der Lauf begann, gibt es keinen Schritt „z“",
        ),
        (
            "Workflow 'w' has changed since this run began: 'c' (step) is new.",
            "Der Workflow „w“ hat sich seit Beginn dieses Laufs geändert: „c“ (Schritt) ist neu.",
        ),
        (
            "What step a returned does not fit its output type: n: Input should be a valid "
            "integer; Input should be a valid string.",
            "Was der Schritt a zurückgab, passt nicht zum Typ seiner Ausgabe: "
            "n: Die Eingabe muss eine ganze Zahl sein; Die Eingabe muss ein Text sein.",
        ),
        (
            "Run 'r-1' had not ended at its deadline, 60 seconds after it began. retry() gives it "
            "that time again.",
            "Lauf „r-1“ war bei Ablauf seiner Frist, 60 Sekunden nach seinem Beginn, nicht zu "
            "Ende. retry() gibt ihm diese Zeit noch einmal.",
        ),
        ("The supplier said no.", "The supplier said no."),
    ],
)
def test_what_the_engine_says_is_said_again_in_german_and_nothing_else(said, told):
    assert engine_words.retold(said) == said
    with translation.override("de"):
        assert engine_words.retold(said) == told


def refusals(kind=errors.WorkflowError):
    """Return all errors that verbs may raise to a page; definitions fail before there is one."""
    for each in kind.__subclasses__():
        if each is not errors.DefinitionError:
            yield each
            yield from refusals(each)


#: Raised inside of steps, or to Python alone.
NEVER_ON_A_PAGE = {
    "EventTimeout", "InsideEventLoop", "InvalidEventType", "InvalidStepInput", "InvalidStepOutput",
    "InvalidSuspendPayload", "InvalidTraceId", "LostLease", "NotMigrated", "RunDeadlineExceeded",
    "SerializationError",
    "StepTimeout", "WaitInsideTransaction", "WaitTooDeep", "WorkerLost",
}  # fmt: skip


def test_every_refusal_that_a_page_may_get_has_german_words():
    english = []
    with translation.override("de"):
        for kind in refusals():
            own = kind.__module__ == errors.__name__ and kind.__name__ not in NEVER_ON_A_PAGE
            if own and refusal_words.of(kind("Nothing of this.")) == "Nothing of this.":
                english.append(kind.__name__)

    assert english == []
