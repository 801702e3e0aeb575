"""The catalogues of translations are whole: nothing is missing, and the program reads the same."""

import gettext
import io
import re
from pathlib import Path

import django
import pytest
from babel.messages.mofile import read_mo

from dashboard.rendering import in_scripts
from tests import catalogues
from workflows_app import languages

BOTH = [(package, language) for package in catalogues.SOURCES for language in catalogues.LANGUAGES]
SCRIPTS = sorted((catalogues.ROOT / "dashboard" / "assets").glob("*.js"))


def texts(one):
    return (one,) if isinstance(one, str) else tuple(one)


@pytest.mark.parametrize(("package", "language"), BOTH)
def test_every_sentence_of_the_source_has_words_and_no_other_has(package, language):
    said = {(each.context, each.id) for each in catalogues.messages(catalogues.extracted(package))}
    known = {
        (each.context, each.id): each
        for each in catalogues.messages(catalogues.read(package, language))
    }
    assert said == known.keys(), "run `make words`"
    assert [each.id for each in known.values() if not all(texts(each.string))] == []
    assert [each.id for each in known.values() if each.fuzzy] == []


@pytest.mark.parametrize(("package", "language"), BOTH)
def test_a_translation_fills_in_what_its_sentence_fills_in(package, language):
    for each in catalogues.messages(catalogues.read(package, language)):
        wanted = [catalogues.holes(text) for text in texts(each.id)]
        for word in texts(each.string):
            assert catalogues.holes(word) in wanted, each.id
        assert catalogues.holes(texts(each.string)[-1]) == wanted[-1], each.id


@pytest.mark.parametrize(("package", "language"), BOTH)
def test_the_program_reads_what_the_catalogue_says(package, language):
    written = catalogues.po_file(package, language).with_suffix(".mo").read_bytes()
    found = gettext.GNUTranslations(io.BytesIO(written))._catalog
    again = gettext.GNUTranslations(
        io.BytesIO(catalogues.compiled(catalogues.read(package, language)))
    )._catalog
    found.pop(""), again.pop("")
    assert found == again, "run `make words`"


def test_the_scripts_say_only_what_the_page_brings_words_for():
    said = set()
    for path in SCRIPTS:
        calls = re.findall(r'\b(?:say|words)\("((?:[^"\\]|\\.)*)"', path.read_text())
        said |= set(calls)
    with languages.in_source():
        assert said == {str(text) for text in in_scripts.WORDS} | {in_scripts.POINT}


@pytest.mark.parametrize(("package", "language"), BOTH)
def test_no_word_here_changes_what_the_pages_of_django_and_of_projects_say(package, language):
    """All catalogues of a process are one: without a context, "May" is the month everywhere."""
    theirs = {}
    for path in Path(django.__file__).parent.rglob(f"locale/{language}/LC_MESSAGES/django.mo"):
        with path.open("rb") as file:
            for message in catalogues.messages(read_mo(file)):
                key = message.context, texts(message.id)[0]
                theirs.setdefault(key, set()).add(texts(message.string)[0])
    for each in catalogues.messages(catalogues.read(package, language)):
        word = texts(each.string)[0]
        assert word in theirs.get((each.context, texts(each.id)[0]), {word}), each.id


def test_a_page_in_english_brings_no_words():
    with languages.in_source():
        assert in_scripts.words() == {}
