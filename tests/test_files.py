"""Files are written whole or not at all, and files that belong together all or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotting.files import atomic_path, replace_all, write_text


def contents(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old\n")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert contents(tmp_path) == {"a.txt": "old\n"}


def test_folders_are_made_and_line_ends_kept(tmp_path: Path) -> None:
    write_text(tmp_path / "b" / "c" / "a.txt", "Môr\n")
    assert (tmp_path / "b" / "c" / "a.txt").read_bytes() == b"M\xc3\xb4r\n"
    assert [p.name for p in (tmp_path / "b" / "c").iterdir()] == ["a.txt"]


def test_the_temporary_file_has_the_same_suffix(tmp_path: Path) -> None:
    """Writers choose the format by it."""
    with atomic_path(tmp_path / "plan.gpkg") as temporary:
        assert temporary.suffix == ".gpkg"
        temporary.write_bytes(b"x")


def set_up(tmp_path: Path) -> tuple[Path, Path]:
    draft, folder = tmp_path / "draft", tmp_path / "out"
    for name, text in {"a": "new a", "b": "new b", "deep/c": "new c"}.items():
        write_text(draft / name, text)
    for name, text in {"a": "old a", "d": "old d", "mine": "mine"}.items():
        write_text(folder / name, text)
    return draft, folder


def test_new_files_take_the_place_of_old_ones(tmp_path: Path) -> None:
    draft, folder = set_up(tmp_path)
    replace_all(draft, folder, ["a", "b", "deep/c"], gone=["d", "never there"])
    assert contents(folder) == {"a": "new a", "b": "new b", "deep/c": "new c", "mine": "mine"}
    assert {p.name for p in folder.iterdir()} == {"a", "b", "deep", "mine"}


@pytest.mark.parametrize("name", ["a", "b", "deep/c"])
def test_one_that_cannot_be_replaced_stops_them_all(name: str, tmp_path: Path) -> None:
    """A folder of the file's name is in the way: everything is as it was."""
    draft, folder = set_up(tmp_path)
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir(parents=True)
    before = contents(folder)
    with pytest.raises(IsADirectoryError, match=name):
        replace_all(draft, folder, ["a", "b", "deep/c"], gone=["d"])
    assert contents(folder) == before
    assert not list(folder.glob(".writing-*"))


@given(at=st.integers(0, 6))
def test_ctrl_c_at_any_move_stops_them_all(at: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whichever move it comes at, all files are old, or all are new."""
    tmp_path = tmp_path_factory.mktemp("moves")
    draft, folder = set_up(tmp_path)
    before, moves, true_replace = contents(folder), 0, Path.replace

    def replace(self: Path, target: Path) -> Path:
        nonlocal moves
        if moves == at:
            moves += 1
            raise KeyboardInterrupt
        moves += 1
        return true_replace(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        try:
            replace_all(draft, folder, ["a", "b", "deep/c"], gone=["d"])
        except KeyboardInterrupt:
            assert contents(folder) == before
        else:
            assert contents(folder) == {"a": "new a", "b": "new b", "deep/c": "new c", "mine": "mine"}
