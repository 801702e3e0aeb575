"""Every sabotage still fits the code, and names tests that exist."""

import ast
from pathlib import Path

import pytest

from tests.chaos import sabotage
from tests.chaos.sabotage import DoesNotApply, Part, Sabotage
from tests.product import ROOT

EVERY = sabotage.every()
#: What the list must hold, whatever else it does.
KINDS = (
    "fence", "guard-shortcut", "guard-plain-postgresql", "guard-plain-sqlite", "guards-both",
    "claim-status", "lease-ignored", "recovery-never", "hints-lost", "early-sleep", "early-retry",
    "lost-hook", "lost-cancel", "atomic-split", "numbers-skipped", "second-answer",
)  # fmt: skip


@pytest.mark.parametrize("tried", EVERY, ids=lambda each: each.name)
def test_a_sabotage_fits_the_code_as_it_is_and_leaves_code_behind(tried):
    changed = tried.changed(ROOT)
    for file, text in changed.items():
        assert text != (ROOT / file).read_text(encoding="utf-8")
        ast.parse(text)


@pytest.mark.parametrize("tried", EVERY, ids=lambda each: each.name)
def test_a_sabotage_names_tests_that_exist(tried):
    for test in tried.tests:
        file, _, name = test.name.partition("::")
        functions = {
            node.name
            for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef)
        }
        assert name.partition("[")[0] in functions
    assert tried.tests or tried.is_for_chaos


def test_every_kind_of_sabotage_exists():
    names = [each.name for each in EVERY]
    assert [kind for kind in KINDS if not any(name.startswith(kind) for name in names)] == []


def made(*parts: Part) -> Sabotage:
    """Return a sabotage of these parts."""
    return Sabotage("made", "a promise", (), True, parts)


@pytest.mark.parametrize("text", ["b\n", "a\nb\na\n", "xa\n", "", "    a\n"])
def test_a_sabotage_whose_lines_do_not_occur_exactly_once_says_so(tmp_path, text):
    (tmp_path / "code.py").write_text(text)
    with pytest.raises(DoesNotApply, match=r"made.*exactly once in code\.py"):
        made(Part("code.py", "a\n", "c\n")).apply(tmp_path)
    assert (tmp_path / "code.py").read_text() == text


def test_a_sabotage_of_a_file_that_is_gone_says_so(tmp_path):
    with pytest.raises(DoesNotApply, match="no file gone"):
        made(Part("gone.py", "a\n", "c\n")).apply(tmp_path)


def test_a_sabotage_with_a_part_that_does_not_fit_changes_nothing(tmp_path):
    (tmp_path / "code.py").write_text("a\nb\n")
    with pytest.raises(DoesNotApply):
        made(Part("code.py", "a\n", "c\n"), Part("code.py", "x\n", "y\n")).apply(tmp_path)
    assert (tmp_path / "code.py").read_text() == "a\nb\n"


PATCH = """\
Breaks: a promise
Found by: sqlite tests/a.py::test_b
Found by: chaos

--- one.py
 kept

-old
+new
+newer
@@
-gone
--- two.py
-x
+y
"""


def test_a_patch_is_read_part_by_part(tmp_path):
    file = tmp_path / "name.patch"
    file.write_text(PATCH)
    read = sabotage.read(file)
    assert (read.name, read.breaks, read.is_for_chaos) == ("name", "a promise", True)
    assert read.tests == (sabotage.Test("sqlite", "tests/a.py::test_b"),)
    assert read.parts == (
        Part("one.py", "kept\n\nold\n", "kept\n\nnew\nnewer\n"),
        Part("one.py", "gone\n", ""),
        Part("two.py", "x\n", "y\n"),
    )


@pytest.mark.parametrize(
    "text",
    [
        PATCH.replace("Breaks: a promise\n", ""),
        PATCH.replace("Found by: sqlite tests/a.py::test_b\nFound by: chaos\n", ""),
        PATCH.replace("sqlite", "oracle"),
        PATCH.replace("Breaks: a", "Brakes: a"),
        PATCH.partition("\n\n")[0],
    ],
    ids=["no promise", "nobody finds it", "no database", "misspelt", "no part"],
)
def test_a_patch_that_says_too_little_is_refused(tmp_path, text):
    file: Path = tmp_path / "name.patch"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"name\.patch"):
        sabotage.read(file)
