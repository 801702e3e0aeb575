"""The docs agree with the code: links, paths, settings, targets, words; examples are Python."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.documents import PAGES, ROOT, examples, text
from workflows_app import conf
from workflows_app.planner.statuses import RunStatus, StepStatus

MOST_LINES: Final = 150
MOST_WORDS: Final = 19
MOST_BYTES_OF_A_PICTURE: Final = 200_000
#: Pages that describe the code as it is; the changelog also names what is gone.
OF_TODAY: Final = [page for page in PAGES if page != "CHANGELOG.md"]
#: Folders whose module names are made of words of the glossary.
NAMED: Final = ("definition", "planner", "engine")
#: Words of module names that mean what they mean everywhere.
ORDINARY: Final = {
    "answering", "calls", "changes", "clock", "connections", "context", "control", "copies",
    "database", "decide", "definitions", "deleting", "events", "execute", "functions", "ids",
    "inputs", "json", "jsontext", "lists", "loops", "models", "names", "on", "options", "ports",
    "postgresql", "process", "queues", "reading", "reference", "request", "rewriting", "serialize",
    "sqlite", "start", "starting", "statuses", "steering", "taking", "timers", "transactions",
    "values", "versions", "waiting", "writer",
}  # fmt: skip

_CODE: Final = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH: Final = re.compile(
    r"(?<![\w./-])((?:workflows_app|dashboard|worker|templates|tests)/[\w./-]*)"
)


def _prose(page: str) -> str:
    """Return a page without its blocks of code, where brackets are no links and `#` no heading."""
    return _CODE.sub("", text(page))


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+)$", _CODE.sub("", page.read_text("utf-8")), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        found[words] = found.get(words, -1) + 1
    return {f"{w}-{n}" if n else w for w, last in found.items() for n in range(last + 1)}


def _cells(page: str) -> Iterator[str]:
    for line in _prose(page).splitlines():
        if line.startswith("|"):
            yield from (cell.strip() for cell in line.strip("|").split("|"))


def test_the_readme_is_a_front_page() -> None:
    assert len(text("README.md").splitlines()) <= MOST_LINES


def test_the_picture_of_the_readme_is_there_in_light_and_dark_and_loads_quickly() -> None:
    shown = re.findall(r'src(?:set)?="([^"]+)"', text("README.md"))
    assert len(shown) == 2
    assert all((ROOT / path).stat().st_size < MOST_BYTES_OF_A_PICTURE for path in shown)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_within_the_repository_leads_somewhere(page: str) -> None:
    links = [link for link in _LINK.findall(_prose(page)) if "://" not in link]
    dead = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)
    assert not dead


def test_every_page_of_the_docs_can_be_reached_from_the_front_pages() -> None:
    pages = {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}
    pages -= {"index.md"}
    assert {f"docs/{page}" for page in pages} <= set(_LINK.findall(_prose("README.md")))
    assert pages <= set(_LINK.findall(_prose("docs/index.md")))
    assert all(page in text("mkdocs.yml") for page in pages)


@pytest.mark.parametrize("page", OF_TODAY)
def test_every_path_that_is_named_exists(page: str) -> None:
    named = {path.rstrip(".") for path in _PATH.findall(text(page))}
    assert not [path for path in sorted(named) if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", OF_TODAY)
def test_every_make_target_that_is_named_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^|PORT=\d+ )make ([a-z][a-z-]*)", text(page), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("page", OF_TODAY)
def test_the_cells_of_tables_are_short(page: str) -> None:
    assert not [cell for cell in _cells(page) if len(cell.split()) > MOST_WORDS]


@pytest.mark.parametrize("name", conf.NAMES)
def test_every_setting_is_described(name: str) -> None:
    assert re.search(rf"^\| `{name}` \| .+ \| .+ \|$", text("docs/settings.md"), re.MULTILINE)


def test_no_setting_is_described_that_does_not_exist() -> None:
    table = text("docs/settings.md").partition("## Workflow settings")[2]
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)) == set(conf.NAMES)


def test_every_variable_of_the_environment_is_described() -> None:
    read = text("dashboard/settings.py") + text("dashboard/environment.py")
    names = set(re.findall(r'"((?:DATABASE|DJANGO|REDIS|SIGNALBOX|WORKFLOWS)_[A-Z_]+)"', read))
    described = set(re.findall(r"^\| `([A-Z_]+)` \|", text("docs/settings.md"), re.MULTILINE))
    assert names <= {*described, *(f"WORKFLOWS_{name}" for name in conf.NAMES)}


@pytest.mark.parametrize("status", sorted({*RunStatus, *StepStatus}))
def test_every_status_is_explained(status: str) -> None:
    assert f"| `{status}` |" in text("docs/glossary.md")


def _words_of_modules() -> set[str]:
    folders = [*(ROOT / "workflows_app" / name for name in NAMED), ROOT / "worker"]
    modules = [path.stem for folder in folders for path in folder.rglob("*.py")]
    return {word for name in modules for word in name.split("_") if word} - {"init"} - ORDINARY


def _stem(word: str) -> str:
    return re.sub(r"(ing|ity|ed|er|e|y|i)$", "", re.sub(r"e?s$", "", word))


@pytest.mark.parametrize("word", sorted(_words_of_modules()))
def test_every_word_of_a_module_name_is_in_the_glossary(word: str) -> None:
    rows = [line.split("|")[1] for line in text("docs/glossary.md").splitlines() if "|" in line]
    terms = {_stem(each) for each in re.findall(r"[a-z]+", " ".join(rows).lower())}
    assert _stem(word) in terms


@pytest.mark.parametrize("page", PAGES)
def test_every_example_is_python(page: str) -> None:
    for example in examples(page):
        ast.parse(example)
