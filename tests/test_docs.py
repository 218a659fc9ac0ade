"""The docs say what the program does: the reference is made from it, and every example runs.

A page is run from top to bottom in a folder of its own:

- ``console``: lines after ``$`` are run; the other lines are an excerpt of what was printed, in
  order (``...`` stands for anything, also at the end of a line). ``exit=3`` after the language is
  the exit code expected. A design gets a few seconds, unless its line says how many.
- ``python``: doctests.
- ``toml`` and ``csv`` with a file's name: that file is written, or, where it is a brief that is
  there already, changed. ``toml`` without one must still fit the brief's models.
"""

from __future__ import annotations

import datetime as dt
import doctest
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from allocation.pay.brief import PayBrief
from lotting.brief import Brief

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    p.relative_to(ROOT).as_posix()
    for p in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"),
              ROOT / "data/geo/README.md")
)
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)(?P<target>[^)#\s]*)(?:#(?P<part>[^)\s]*))?\)")
# Keys that cannot stand beside each other: the one an example sets takes the other's place.
INSTEAD = {
    "areas": ({"file", "files"}, {"layer", "layers"}),
    "demand": ({"hours", "packages"},),
    "lots": ({"minimise", "weights"}, {"number", "per_locality"}),
}
SMALLEST: dict[str, Any] = {
    "areas": {"file": "areas.gpkg"}, "demand": {"hours": "hours.csv"}, "lots": {"number": 2},
    "today": {"plan": "today.csv"},
}


@dataclass(frozen=True)
class Block:
    language: str
    file: str
    exit_code: int
    body: str
    line: int


def blocks(text: str) -> Iterator[Block]:
    for found in FENCE.finditer(text):
        language, *words = found["info"].split() or [""]
        codes = [int(w.removeprefix("exit=")) for w in words if w.startswith("exit=")]
        files = [w for w in words if "=" not in w]
        yield Block(language, files[0] if files else "", codes[0] if codes else 0, found["body"],
                    text[: found.start()].count("\n") + 1)


def changed(brief: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Merge an example into a brief."""
    result = dict(brief)
    for name, table in change.items():
        if isinstance(table, dict) and isinstance(result.get(name), dict):
            old = dict(result[name])
            for group in INSTEAD.get(name, ()):
                if group & set(table):
                    old = {k: v for k, v in old.items() if k not in group}
            inner = {k: {**old[k], **v} for k, v in table.items() if k == "columns" and k in old}
            result[name] = old | table | inner
        else:
            result[name] = table
    return result


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {as_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(as_toml(v) for v in value) + "]"
    if isinstance(value, dt.date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)


def write(block: Block, folder: Path) -> None:
    path = folder / block.file
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name == "brief.toml" and path.exists():
        old = tomllib.loads(path.read_text(encoding="utf-8"))
        brief = changed(old, tomllib.loads(block.body))
        text = "".join(f"{name} = {as_toml(table)}\n" for name, table in brief.items())
    else:
        text = block.body
    path.write_text(text, encoding="utf-8", newline="\n")


def commands(body: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block and the lines below it."""
    command, shown = "", []
    for line in body.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line.removeprefix("$ "), []
        elif line.strip() and line.strip() != "...":
            shown.append(line.rstrip())
    yield command, shown


def run(command: str) -> tuple[int, list[str]]:
    """Run a command in this process, in the folder we are in, 80 columns wide."""
    program, *arguments = shlex.split(command)
    if arguments[0] == "design" and "--time-limit" not in arguments:
        arguments += ["--time-limit", "8"]
    assert program in {"lotting", "allocation"}, f"the docs run only our own commands, not {program}"
    done = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(
        importlib.import_module(f"{program}.cli").app, arguments, prog_name=program)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, [line.rstrip() for line in done.output.splitlines()]


def check_console(block: Block, page: str) -> None:
    steps = list(commands(block.body))
    for i, (command, shown) in enumerate(steps):
        code, printed = run(command)
        expected = block.exit_code if i == len(steps) - 1 else 0
        where = f"{page}, line {block.line}: {command}"
        assert code == expected, "\n".join([where, f"ended with {code}:", *printed])
        rest = iter(printed)
        for line in shown:
            found = (p.startswith(line[:-3]) if line.endswith("...") else p == line for p in rest)
            assert any(found), "\n".join([where, f"does not print: {line}", *printed])


def _fits_a_brief(given: dict[str, Any]) -> None:
    """A pay brief by its tables; else a part of the brief."""
    if {"rota", "pay", "policy"} & set(given):
        PayBrief.model_validate(given)
    else:
        Brief.model_validate(changed(SMALLEST, given))


def check_python(block: Block, names: dict[str, Any], page: str) -> None:
    test = doctest.DocTestParser().get_doctest(block.body, names, page, page, block.line)
    test.globs = names  # one page, one set of names
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=said.append, clear_globs=False)
    assert not runner.failures, "".join(said)


@pytest.mark.parametrize("page", PAGES)
def test_every_example_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks((ROOT / page).read_text(encoding="utf-8")):
        if block.language == "console":
            check_console(block, page)
        elif block.language == "python":
            check_python(block, names, page)
        elif block.file:
            write(block, tmp_path)
        elif block.language == "toml":
            _fits_a_brief(tomllib.loads(block.body))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    text = FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    for link in LINK.finditer(text):
        target = (ROOT / page).parent / link["target"] if link["target"] else ROOT / page
        assert target.exists(), f"{page}: {link[0]}"
        if link["part"]:
            heads = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}
            assert link["part"] in anchors, f"{page}: {link[0]} is none of {sorted(anchors)}"


def test_the_references_of_briefs_are_those_the_models_make() -> None:
    script = ROOT / "docs" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGES
    for name in module.PAGES:
        page = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
        assert page == module.render(name), f"{name} is out of date: run python docs/make_reference.py"


def test_the_reference_names_every_command() -> None:
    from lotting.cli import app

    page = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    names = {c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands}
    assert names
    assert {n for n in names if f"## lotting {n}\n" not in page} == set()


def test_the_reference_names_every_usual_column() -> None:
    from lotting.packages import ALIASES

    page = (ROOT / "docs" / "reference" / "files.md").read_text(encoding="utf-8")
    assert {a for names in ALIASES.values() for a in names if f"`{a}`" not in page} == set()


@pytest.mark.parametrize("county", ["leicestershire", "herefordshire"])
def test_the_brief_of_an_example_says_what_the_sample_does(county: str, tmp_path: Path) -> None:
    from lotting.scaffold import new_project

    new_project(tmp_path, county)
    sample = tomllib.loads((tmp_path / "brief.toml").read_text(encoding="utf-8"))
    example = (ROOT / "examples" / county / "brief.toml").read_text(encoding="utf-8")
    assert Brief.model_validate(tomllib.loads(example)) == Brief.model_validate(sample)


def test_the_example_in_python_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "from_python.py")], cwd=tmp_path, text=True,
        encoding="utf-8", env={**os.environ, "PYTHONUTF8": "1"}, capture_output=True, check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "hours a week" in done.stdout
