"""What the packages beside this one are called: the one place that knows of two layouts.

In the repository they are `dashboard` and `worker`, at the top. The wheel puts both under
`signalbox`, because many projects have a package called `dashboard` or `worker` of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

#: What comes before their names where this package was installed as a wheel.
_INSTALLED: Final = "signalbox"

_is_installed: Final = (Path(__file__).parents[1] / _INSTALLED / "worker").is_dir()


def named(package: Literal["dashboard", "worker"]) -> str:
    """Return the name under which a package is imported."""
    return f"{_INSTALLED}.{package}" if _is_installed else package
