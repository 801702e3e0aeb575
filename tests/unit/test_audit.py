"""What `make audit` says of what pip-audit found."""

from tests import audit

SOUND = {"name": "a", "version": "1", "vulns": []}
UNKNOWN = {"name": "b", "skip_reason": "not found"}
POOR = {"name": "c", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}


def test_a_vulnerability_is_named_with_the_way_out():
    assert list(audit.vulnerable([SOUND, UNKNOWN, POOR])) == ["c 2: PYSEC-1, fixed in 3"]


def test_what_was_not_audited_is_said():
    assert audit.summary("x.lock", [SOUND, UNKNOWN]) == "x.lock: 1 of 2 packages were audited.\n"
    assert "not audited" in audit.summary("x.lock", [UNKNOWN])
