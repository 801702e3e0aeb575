"""`make screens`: pictures of every page and state, at desktop and phone width, light and dark.

Starts the product with the demo on its own database, acts like an operator, and writes PNG files to
a folder (default `.screens`). Pages that log errors to the console, or are wider than the screen,
are reported, and the exit code is then 1.
"""

import argparse
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

from tests.pages import ENVIRONMENT, LOOKS, STATUSES, look, pages, people, sign_in, visit
from tests.product import product

QUIET: Final = ["--no-sandbox", "--disable-gpu"]
#: The pictures of the README and of docs/, by their names there.
SHOWN: Final = {
    "run-light": "run-suspended-desktop-light",
    "run-dark": "run-suspended-desktop-dark",
    "run-graph": "run-graph-desktop-light",
    "run-timeline": "run-timeline-desktop-light",
    "time-travel-plan": "time-travel-plan-desktop-light",
    "inbox": "inbox-desktop-light",
}


def main() -> int:
    """Make the pictures; return 1 if a page complained."""
    options = argparse.ArgumentParser()
    options.add_argument("--folder", type=Path, default=Path(".screens"))
    options.add_argument("--only", default="", help="names that contain this")
    options.add_argument("--shown", type=Path, help="also put the pictures of the docs there")
    asked = options.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        sys.stderr.write("There is no Chromium here; on Debian: apt install chromium\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="signalbox-screens-") as scratch:
        place = Path(scratch)
        url = f"sqlite:///{place / 'screens.sqlite3'}"
        with product(url, place, ENVIRONMENT) as made, sync_playwright() as playwright:
            made.up("--demo")
            people(made)
            browser = playwright.chromium.launch(executable_path=path, args=QUIET)
            cookies = sign_in(browser, made.sign_in_link, made.address, place)
            found = pages(browser, made.address, cookies)
            wanted = {name: where for name, where in found.items() if asked.only in name}
            complaints = _shoot(browser, made.address, cookies, wanted, asked.folder)
            browser.close()
    if asked.shown is not None:
        asked.shown.mkdir(parents=True, exist_ok=True)
        for name, taken in SHOWN.items():
            shutil.copy(asked.folder / f"{taken}.png", asked.shown / f"{name}.png")
    for complaint in complaints:
        sys.stdout.write(complaint + "\n")
    sys.stdout.write(f"{len(wanted) * len(LOOKS)} pictures in {asked.folder}/\n")
    return 1 if complaints else 0


def _shoot(
    browser: Browser, address: str, cookies: str, wanted: dict[str, str], folder: Path
) -> list[str]:
    complaints: list[str] = []
    for name_of_look in LOOKS:
        context = look(browser, cookies, name_of_look)
        page = context.new_page()
        said: list[str] = []
        page.on("console", partial(_note, said))
        page.on("pageerror", partial(_note_error, said))
        for name, where in wanted.items():
            said.clear()
            visit(page, address, name, where)
            page.wait_for_timeout(150)
            page.screenshot(path=folder / f"{name}-{name_of_look}.png", full_page=True)
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if wide > 0:
                complaints.append(f"{name} {name_of_look}: {wide} px wider than the screen")
            expected = STATUSES.get(name)
            complaints += [
                f"{name} {name_of_look}: {text}"
                for text in said
                if not (expected and expected in text)
            ]
        context.close()
    return complaints


def _note_error(said: list[str], error: object) -> None:
    said.append(str(error))


def _note(said: list[str], message: Any) -> None:
    if message.type in {"error", "warning"}:
        said.append(message.text)


if __name__ == "__main__":
    sys.exit(main())
