"""The release check: what it finds in files, and how it takes turns."""

import json
from typing import Any

import pytest

from workflows_app.demo import code_checks, folder_lock, release_check, source_tree
from workflows_app.demo.code_checks import Coverage, Places
from workflows_app.demo.folder_lock import Locked
from workflows_app.demo.release_check import Findings, Target
from workflows_app.demo.source_tree import CannotCheck


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that writes files into a package that can be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "boxes"
    folder.mkdir()

    def write(**files):
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        return source_tree.read_tree(source_tree.locate("boxes"))

    return write


def test_a_package_is_found_by_its_name_and_is_not_imported(package):
    tree = package(__init__="raise SystemExit", a="x = 1\n")
    assert [file.name for file in tree.files] == ["__init__.py", "a.py"]


def test_a_folder_inside_of_a_package_is_found_by_a_dotted_name_or_a_path():
    by_name = source_tree.locate("workflows_app.definition")
    assert by_name == source_tree.locate("workflows_app/definition") == by_name.resolve()


@pytest.mark.parametrize("where", ["no_such_thing", "no/such", "..bad", "~x", "a\0b", "x" * 5000])
def test_what_is_neither_a_folder_nor_a_package_is_refused(where):
    with pytest.raises(CannotCheck, match="neither a folder nor a package"):
        source_tree.locate(where)


@pytest.mark.parametrize("where", ["/", "/etc", "../.."])
def test_a_folder_outside_of_the_project_and_of_what_is_imported_is_refused(where):
    with pytest.raises(CannotCheck, match="outside of the folders that may be checked"):
        source_tree.locate(where)


def test_a_folder_without_python_is_refused(package):
    with pytest.raises(CannotCheck, match="no Python files"):
        package()


def test_more_files_than_a_check_reads_are_refused(package, monkeypatch):
    monkeypatch.setattr(source_tree, "MOST_FILES", 1)
    with pytest.raises(CannotCheck, match="more than 1 Python files"):
        package(a="", b="")


def test_hidden_generated_and_linked_files_are_left_out(package, tmp_path):
    for name in (".venv", "migrations"):
        (tmp_path / "boxes" / name).mkdir()
        (tmp_path / "boxes" / name / "x.py").write_text("")
    (tmp_path / "outside.py").write_text("")
    (tmp_path / "boxes" / "link.py").symlink_to(tmp_path / "outside.py")
    assert [file.name for file in package(a="").files] == ["a.py"]


def test_a_file_that_has_gone_since_fails_clearly(package, tmp_path):
    tree = package(a="")
    (tmp_path / "boxes" / "a.py").unlink()
    with pytest.raises(CannotCheck, match="cannot be read any more"):
        code_checks.syntax_errors(tree)


def test_a_syntax_error_is_named_by_file_and_line(package):
    found = code_checks.syntax_errors(package(good="x = 1\n", bad="x = 1\ndef\n"))
    assert found.count == 1
    assert found.shown[0].startswith("bad.py:2: ")


def test_only_comments_count_as_markers(package):
    todo = "TO" + "DO"
    tree = package(a=f'x = "{todo}"\n# {todo}: more\n', b=f"# {todo} in a broken file\n(\n")
    found = code_checks.markers(tree)
    assert f"a.py:2: # {todo}: more" in found.shown
    assert not any(place.startswith("a.py:1") for place in found.shown)


def test_docstrings_are_asked_of_what_is_public(package):
    tree = package(
        __init__="",
        a='"""A."""\nclass B:\n    def c(self): "C."\n    def _d(self): ...\ndef _e(): ...\n',
    )
    found = code_checks.docstring_coverage(tree)
    assert (found.documented, found.missing.shown) == (2, ["a.py:2: B"])
    assert found.percent == 66.7


def test_without_names_everything_is_documented():
    assert Coverage().percent == 100


def test_the_longest_files_come_first_and_those_over_the_limit_are_named(package):
    tree = package(a="x\n" * 3, b="x\n" * 9, c="x\n")
    assert [size.file for size in code_checks.largest_files(tree)] == ["b.py", "a.py", "c.py"]
    assert code_checks.long_files(tree, 3).shown == ["b.py: 9 lines"]


def test_only_the_first_places_are_shown_but_all_are_counted():
    found = Places()
    for number in range(100):
        found.add(str(number))
    assert (found.count, len(found.shown)) == (100, code_checks.MOST_SHOWN)


def findings(**changes: Any) -> Findings:
    given: dict[str, Any] = {
        "wanted": Target(),
        "file_count": 1,
        "syntax": Places(),
        "too_long": Places(),
        "markers": Places(),
        "coverage": Coverage(documented=9),
        "largest": [],
    }
    return Findings(**{**given, **changes})


def test_code_without_a_finding_is_signed_off():
    verdict = release_check.judge(findings())
    assert release_check.is_ready(json.loads(verdict.model_dump_json()))
    assert release_check.sign_off(verdict).summary == (
        "workflows_app is ready: 1 file, 100.0 % documented."
    )


def test_each_finding_is_a_reason_and_a_piece_of_work():
    one = Places(count=1, shown=["a.py:1"])
    found = findings(syntax=one, too_long=one, markers=one, coverage=Coverage(missing=one))
    verdict = release_check.judge(found)
    assert release_check.needs_work(json.loads(verdict.model_dump_json()))
    assert len(verdict.reasons) == 4
    assert release_check.list_work(verdict).work[-1] == "a.py:1 has no docstring"


def test_a_lock_of_a_living_run_is_left_alone(tmp_path):
    lock = tmp_path / "lock"
    folder_lock.take(lock, "one", lambda _: True)
    with pytest.raises(Locked, match="Run one is reading this folder"):
        folder_lock.take(lock, "two", lambda _: True)
    assert lock.read_text() == "one"


def test_a_lock_that_a_dead_run_left_is_removed_so_that_the_next_attempt_takes_it(tmp_path):
    lock = tmp_path / "lock"
    lock.write_text("dead")
    with pytest.raises(Locked, match="left behind by run dead"):
        folder_lock.take(lock, "two", lambda _: False)
    folder_lock.take(lock, "two", lambda _: False)
    assert lock.read_text() == "two"
    assert list(tmp_path.iterdir()) == [lock]


def test_a_lock_is_taken_twice_by_its_owner_and_given_back_by_nobody_else(tmp_path):
    lock = tmp_path / "lock"
    folder_lock.take(lock, "one", lambda _: True)
    folder_lock.take(lock, "one", lambda _: True)
    folder_lock.give_back(lock, "two")
    assert lock.exists()
    folder_lock.give_back(lock, "one")
    folder_lock.give_back(lock, "one")
    assert not lock.exists()
