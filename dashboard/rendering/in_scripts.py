"""The words of the pages' scripts: what `say` in `words.js` may be given, in English.

A test holds the list equal to what the scripts say.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from django.utils.formats import get_format
from django.utils.translation import get_language

from workflows_app import languages, terms
from workflows_app.languages import gettext_lazy
from workflows_app.planner.statuses import RunStatus

WORDS: Final = (
    # Freshness of the page
    gettext_lazy("Changes show up by themselves."),
    gettext_lazy("The run has ended, and nothing has happened for a while."),
    gettext_lazy("No live connection; the page asks every few seconds."),
    gettext_lazy(
        "Nothing changes while text is selected, a dialog is open, or nobody sees the page."
    ),
    gettext_lazy("The server cannot be reached. What is shown may be old."),
    gettext_lazy("The page asks every five seconds, while it is seen."),
    gettext_lazy("every 5 s"),
    gettext_lazy("live"),
    gettext_lazy("polling"),
    gettext_lazy("paused"),
    gettext_lazy("ended"),
    gettext_lazy("offline since {time}"),
    gettext_lazy("You are signed out: reload to sign in"),
    gettext_lazy("You may no longer see this"),
    gettext_lazy("This run is gone"),
    gettext_lazy("The run is {status}."),
    # Times
    gettext_lazy("in {time}"),
    gettext_lazy("{time} ago"),
    gettext_lazy("just now"),
    gettext_lazy("{number} s"),
    gettext_lazy("{number} min"),
    gettext_lazy("{number} h"),
    gettext_lazy("{number} d"),
    gettext_lazy("{large} min {small} s"),
    gettext_lazy("{large} h {small} min"),
    gettext_lazy("{large} d {small} h"),
    # Forms, lists and the inbox
    gettext_lazy(
        "This could not be sent: the server did not answer, or refused the page. What you typed is "
        "still here."
    ),
    gettext_lazy("Restored what you had typed."),
    gettext_lazy("Undo"),
    gettext_lazy("Copy"),
    gettext_lazy("Copied"),
    gettext_lazy("The browser did not let it be copied"),
    gettext_lazy("Mark one more run to compare"),
    gettext_lazy("Compare two marked runs"),
    gettext_lazy("Compare takes two runs: {number} are marked"),
    gettext_lazy("Inbox"),
    gettext_lazy("A new question: {question}"),
    gettext_lazy("{number} new questions"),
    gettext_lazy("{pill} questions"),
    # The page of a run
    gettext_lazy(
        "The server cannot be reached, so this view could not be shown. What you see may be old."
    ),
    gettext_lazy("now"),
    gettext_lazy("Report copied"),
    gettext_lazy("Open as a page"),
    gettext_lazy("All of the graph is shown"),
    gettext_lazy("{number} per cent"),
    # Values as trees
    gettext_lazy("Tools for {name}"),
    gettext_lazy("Search in {name}"),
    gettext_lazy("Search"),
    gettext_lazy("Fold all"),
    gettext_lazy("Unfold all"),
    gettext_lazy("Copy path"),
    gettext_lazy("Copy value"),
    gettext_lazy("Path copied"),
    gettext_lazy("Value copied"),
    gettext_lazy("Too large to be copied from here: download it"),
    gettext_lazy("The value could not be fetched"),
    gettext_lazy("{number} found"),
    gettext_lazy("Nothing found"),
    gettext_lazy("{number} found in what is shown"),
    gettext_lazy("Nothing found in what is shown"),
)
#: The sign before the fraction of a number; a word like the others.
POINT: Final = "."
#: The prefix of the statuses of runs.
STATUS: Final = "status:"


def words() -> dict[str, str]:
    """Return the words that differ from the English ones in the reader's language, by these."""
    return words_in(get_language(), str(get_format("DECIMAL_SEPARATOR", use_l10n=True)))


# Each page has these words. Hosts have few languages, but anybody may ask for any.
@lru_cache(maxsize=32)
def words_in(_language: str | None, point: str) -> dict[str, str]:
    """Return what `words` does; the language is the active one."""
    with languages.in_source():
        english = [str(text) for text in WORDS]
    found = dict(zip(english, map(str, WORDS), strict=True))
    found |= {f"{STATUS}{name.value}": terms.status(name.value) for name in RunStatus}
    found[POINT] = point
    return {text: word for text, word in found.items() if text.removeprefix(STATUS) != word}
