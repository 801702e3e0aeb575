"""The release check over real files, and the lock for which it tries again."""

import pytest

from workflows_app.demo import folder_lock, source_tree
from workflows_app.demo.workflows import release_check

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boxes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "boxes"
    folder.mkdir()
    (folder / "good.py").write_text('"""Good."""\n\n\ndef box():\n    """Box."""\n')
    return folder


def test_good_code_is_signed_off(boxes):
    result = release_check.create_run().start({"where": "boxes"})

    assert result.status == "success", result.error
    assert result.result["is_ready"] is True
    assert result.result["summary"] == "boxes is ready: 1 file, 100.0 % documented."
    assert "list_work" not in result.steps


def test_code_with_faults_comes_back_with_the_work(boxes):
    (boxes / "bad.py").write_text("def\n")

    result = release_check.create_run().start({"where": str(boxes), "most_lines": 4})

    assert result.status == "success", result.error
    assert result.result["is_ready"] is False
    assert result.result["work"][0].startswith("bad.py:1: ")
    assert "good.py: 5 lines" in result.result["work"]
    assert "sign_off" not in result.steps


def test_the_product_itself_can_be_checked():
    result = release_check.create_run().start({})

    assert result.status == "success", result.error
    assert result.steps["check_syntax"].output["count"] == 0
    assert len(result.result["largest"]) == 5


def test_a_lock_that_was_left_behind_heals_with_the_second_attempt(boxes):
    lock = folder_lock.lock_of(source_tree.locate("boxes"))
    lock.write_text("a-run-that-is-gone")

    result = release_check.create_run().start({"where": "boxes"})

    assert result.status == "success", result.error
    assert result.steps["take_lock"].retry_count == 1
    assert not lock.exists()


def test_the_lock_is_given_back_when_the_run_fails(boxes, monkeypatch):
    monkeypatch.setattr(source_tree, "MOST_BYTES", 1)

    result = release_check.create_run().start({"where": "boxes"})

    assert result.status == "failed"
    assert result.error is not None
    assert result.error.type == "CannotCheck"
    assert not folder_lock.lock_of(source_tree.locate("boxes")).exists()


@pytest.mark.parametrize("where", ["no_such_package", "/etc"])
def test_a_folder_that_cannot_be_checked_fails_the_run_clearly(where):
    result = release_check.create_run().start({"where": where})

    assert result.status == "failed"
    assert result.error is not None
    assert result.error.type == "CannotCheck"
    assert where in result.error.message
