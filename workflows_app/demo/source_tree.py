"""Finding and reading the Python files of a folder; nothing is imported or changed."""

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from django.conf import settings
from pydantic import BaseModel

MOST_FILES: Final = 2000

#: Larger files are hardly ever written by people.
MOST_BYTES: Final = 1_000_000

#: Folders with generated or installed code, which are left out like hidden ones.
LEFT_OUT: Final = frozenset({"__pycache__", "migrations", "node_modules", "site-packages", "venv"})


class CannotCheck(ValueError):
    """The folder cannot be checked: it is missing, may not be read, or is too large."""


class Tree(BaseModel):
    """The Python files of a folder, by their path in it."""

    folder: Path
    files: list[Path]


def locate(where: str) -> Path:
    """Return the folder of a path or of an importable package, without importing it.

    Raises CannotCheck if it is neither, or if the folder is outside of `roots`.
    """
    named = Path(where)
    relative = Path(str(getattr(settings, "BASE_DIR", "."))) / named
    folder = next((path for path in (named, relative) if _is_folder(path)), None)
    folder = folder or _folder_of_package(where)
    if folder is None:
        raise CannotCheck(
            f"{where!r} is neither a folder nor a package that can be imported here; give a path "
            "such as 'dashboard/forms' or a name such as 'workflows_app'."
        )
    folder = folder.resolve()
    if not any(folder.is_relative_to(root) for root in roots()):
        raise CannotCheck(
            f"{folder} is outside of the folders that may be checked: the project's own and those "
            "that Python imports from. Add it to PYTHONPATH if it is yours to check."
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        raise CannotCheck(f"{folder} may not be read by the user that runs this process.")
    return folder


def roots() -> list[Path]:
    """Return the folders that people may check: the project, and those that Python imports from."""
    base = getattr(settings, "BASE_DIR", None)
    found = [Path(path or ".").resolve() for path in [*([str(base)] if base else []), *sys.path]]
    return [path for path in found if path.is_dir() and path != Path(path.anchor)]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # no permission on the way, or not a path
        return False


def _folder_of_package(name: str) -> Path | None:
    """Return the folder of a dotted package; only its first part is looked up, so nothing runs."""
    first, *inner = name.split(".")
    if not all(part.isidentifier() for part in (first, *inner)):
        return None
    try:
        spec = find_spec(first)
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    folders = [Path(place, *inner) for place in places]
    return next((folder for folder in folders if _is_folder(folder)), None)


def read_tree(folder: Path) -> Tree:
    """Return the Python files below a folder, in order of their names.

    Raises CannotCheck when there are none, or more than `MOST_FILES`.
    """
    files: list[Path] = []
    for path in _python_files(folder):
        if len(files) == MOST_FILES:
            raise CannotCheck(
                f"{folder} has more than {MOST_FILES:,} Python files, and one check reads at most "
                "that many; name a smaller folder."
            )
        files.append(path.relative_to(folder))
    if not files:
        raise CannotCheck(f"{folder} has no Python files, so there is nothing to check.")
    return Tree(folder=folder, files=sorted(files))


def _python_files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT and name[0] != "."]
        for name in names:
            path = Path(place, name)
            # A link may lead out of the folder.
            if path.suffix == ".py" and path.is_file() and not path.is_symlink():
                yield path


def sources(tree: Tree) -> Iterator[tuple[str, bytes]]:
    """Yield each file's path in the tree and its contents.

    Raises CannotCheck for a file that is gone, may not be read, or is over `MOST_BYTES`.
    """
    for file in tree.files:
        path = tree.folder / file
        try:
            if path.stat().st_size > MOST_BYTES:
                raise CannotCheck(
                    f"{path} is larger than {MOST_BYTES:,} bytes, which no check reads; name a "
                    "folder without it."
                )
            yield file.as_posix(), path.read_bytes()
        except OSError as error:
            raise CannotCheck(f"{path} cannot be read any more: {error.strerror}.") from error
