"""The modules that a script of the pages imports, read from the scripts themselves."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Final

from django.contrib.staticfiles import finders

_IMPORT: Final = re.compile(r"""^\s*(?:import|export)\b[^;"']*["'](\.[^"']+)["']""", re.MULTILINE)


@lru_cache(maxsize=16)
def imported_by(entry: str) -> tuple[str, ...]:
    """Return the names of all modules that a static script needs, itself first.

    Empty where the script is not to be found here, as where static files are served elsewhere.
    """
    found: dict[str, None] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop(0)
        path = finders.find(name)
        if name in found or not isinstance(path, str):
            continue
        found[name] = None
        imports = _IMPORT.findall(Path(path).read_text())
        waiting += [normpath(join(dirname(name), each)) for each in imports]
    return tuple(found)
