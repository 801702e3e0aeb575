"""What the settings take from the environment."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from dashboard import environment


@pytest.mark.parametrize("word", ["1", "true", "YES", " on "])
def test_a_flag_is_on_when_it_says_so(word):
    assert environment.flag({"X": word}, "X")


@pytest.mark.parametrize("given", [{}, {"X": ""}, {"X": "0"}, {"X": "False"}, {"X": "no"}])
def test_a_flag_is_off_otherwise(given):
    assert not environment.flag(given, "X")


def test_a_flag_that_says_neither_is_refused():
    with pytest.raises(ImproperlyConfigured, match="X is 'maybe'; it must be 1 or 0"):
        environment.flag({"X": "maybe"}, "X")


def test_words_stand_between_commas_without_blanks():
    assert environment.words({"X": " a, b ,,c"}, "X") == ["a", "b", "c"]
    assert environment.words({}, "X") == []


def test_the_database_is_a_file_in_the_folder_when_none_is_named(tmp_path):
    described = environment.database({}, tmp_path / "state")

    assert described["ENGINE"] == "django.db.backends.sqlite3"
    assert described["NAME"] == str(tmp_path / "state" / "signalbox.sqlite3")
    assert (tmp_path / "state").is_dir()


def test_sqlite_takes_its_lock_first_and_its_test_database_is_a_file_beside_it(tmp_path):
    described = environment.database({"DATABASE_URL": f"sqlite:///{tmp_path}/a.sqlite3"}, tmp_path)

    assert described["NAME"] == str(tmp_path / "a.sqlite3")
    assert described["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert Path(described["TEST"]["NAME"]).parent == tmp_path


def test_postgresql_has_a_pool_and_nothing_that_a_pool_excludes(tmp_path):
    url = "postgresql://me:p%40ss%2Fword@db.example:5433/runs?sslmode=require"

    described = environment.database({"DATABASE_URL": url}, tmp_path)

    assert described["ENGINE"] == "django.db.backends.postgresql"
    assert (described["NAME"], described["HOST"], described["PORT"]) == ("runs", "db.example", 5433)
    assert described["PASSWORD"] == "p@ss/word"
    assert described["OPTIONS"]["sslmode"] == "require"
    assert described["OPTIONS"]["pool"]["max_size"] >= 32
    assert described["CONN_MAX_AGE"] == 0


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://:memory:", "in memory, which worker threads cannot see"),
        ("mysql://me@db.example/runs", "runs on SQLite and PostgreSQL"),
        ("nonsense", "DATABASE_URL cannot be read"),
    ],
)
def test_a_database_that_cannot_work_is_refused(tmp_path, url, said):
    with pytest.raises(ImproperlyConfigured, match=said):
        environment.database({"DATABASE_URL": url}, tmp_path)


def test_a_key_that_is_given_is_taken_and_nothing_is_written(tmp_path):
    file = tmp_path / "a.secret-key"

    assert environment.secret_key({"DJANGO_SECRET_KEY": "given"}, "embedded", file) == "given"
    assert not file.exists()


def test_a_key_that_is_made_is_kept_for_its_owner_alone(tmp_path):
    file = tmp_path / "new" / "a.secret-key"

    made = environment.secret_key({}, "embedded", file)

    assert len(made) >= 50
    assert environment.secret_key({}, "embedded", file) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_of_processes_that_make_a_key_at_once_all_get_the_same(tmp_path):
    file = tmp_path / "a.secret-key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: environment.secret_key({}, "embedded", file), range(32)))

    assert len(keys) == 1


def test_an_empty_key_file_is_refused_and_not_replaced(tmp_path):
    file = tmp_path / "a.secret-key"
    file.touch()

    with pytest.raises(ImproperlyConfigured, match="is empty"):
        environment.secret_key({}, "embedded", file)


def test_an_unwritable_folder_is_reported_with_the_way_out(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(ImproperlyConfigured, match="set DJANGO_SECRET_KEY"):
        environment.secret_key({}, "embedded", tmp_path / "file" / "a.secret-key")


def test_the_distributed_mode_makes_no_key(tmp_path):
    with pytest.raises(ImproperlyConfigured, match="DJANGO_SECRET_KEY is not set"):
        environment.secret_key({}, "distributed", tmp_path / "a.secret-key")


def test_the_key_stands_beside_the_sqlite_file_and_bears_its_name(tmp_path):
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/data/a.sqlite3"}
    postgresql = {"ENGINE": "django.db.backends.postgresql", "NAME": "runs"}

    assert environment.key_file(sqlite, tmp_path) == Path("/data/a.secret-key")
    assert environment.key_file(postgresql, tmp_path) == tmp_path / "signalbox.secret-key"


def test_forms_are_taken_over_https_from_the_named_hosts_alone():
    hosts = ["localhost", "*", "flows.example", ".corp.example"]

    assert environment.trusted_origins(hosts) == ["https://flows.example", "https://*.corp.example"]
