"""Where a lake is found, and what is said when its settings are wrong."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from lake_shell import Shell

import lakectl
from lakectl import settings


@pytest.fixture(autouse=True)
def _no_words_of_the_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("LAKECTL_")]:
        monkeypatch.delenv(name)


def test_a_lake_is_found_from_any_folder_below_it(
    trips: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = trips.cwd / "some/deep/folder"
    deep.mkdir(parents=True, exist_ok=True)
    names = ["nyc.trips", "nyc.zones"]
    assert [one["name"] for one in Shell(deep).json("ls")] == names
    elsewhere = Shell(tmp_path)
    assert [one["name"] for one in elsewhere.json("--lake", trips.cwd, "ls")] == names
    named = Shell(tmp_path, {"LAKECTL_LAKE": str(trips.cwd)})
    assert [one["name"] for one in named.json("ls")] == names
    # What is nearer wins: the flag over the variable, the variable over the folder.
    assert "no lake in" in named.refused(3, "--lake", tmp_path, "ls")
    monkeypatch.chdir(deep)
    assert settings.find_root() == trips.cwd
    monkeypatch.setenv("LAKECTL_LAKE", str(tmp_path))
    with pytest.raises(lakectl.NotFound, match="no lake in"):
        settings.find_root()
    assert settings.find_root(str(trips.cwd)) == trips.cwd


def test_profiles_are_chosen_by_flag_variable_and_file(
    lake: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lake.cwd / settings.FILE
    other = (
        '[profiles.other]\nwarehouse = "gs://b/p"\ndatabase = "postgres://u@h/d"\nreadonly = true\n'
    )
    path.write_text(path.read_text() + other)
    found = settings.load(str(lake.cwd))
    assert (found.profile, found.readonly) == ("default", False)
    assert found.warehouse == str(lake.cwd / "warehouse")
    assert found.database == f"sqlite:///{lake.cwd}/.lakectl/lake.db"
    monkeypatch.setenv("LAKECTL_PROFILE", "other")
    found = settings.load(str(lake.cwd))
    assert (found.profile, found.readonly, found.warehouse) == ("other", True, "gs://b/p")
    assert found.database == "postgresql://u@h/d"
    assert settings.load(str(lake.cwd), "default").profile == "default"
    with pytest.raises(lakectl.NotFound, match="no profile 'third'"):
        settings.load(str(lake.cwd), "third")
    assert "default, other" in lake.refused(3, "--profile", "third", "ls")


def test_a_readonly_profile_refuses_every_change(trips: Shell) -> None:
    closed = Shell(trips.cwd, {"LAKECTL_READONLY": "1"})
    assert len(closed.json("ls")) == 2
    for words in (
        ["ingest", "trips.csv", "--into", "nyc.trips"],
        ["rollback", "nyc.trips", "--to", "v1", "--yes"],
        ["drop", "nyc.trips", "--yes"],
        ["undo"],
        ["tag", "nyc.trips", "x"],
    ):
        assert "reading only" in closed.refused(6, *words)


def test_a_password_is_never_written(tmp_path: Path) -> None:
    url = "postgresql://ann:s3cret@db.example:5433/lake?sslmode=require"
    notes = settings.write(tmp_path, "warehouse", url)
    text = (tmp_path / settings.FILE).read_text()
    assert "s3cret" not in text
    assert "postgresql://ann@db.example:5433/lake?sslmode=require" in text
    assert any("password" in note for note in notes)
    assert "s3cret" not in "".join(notes)
    assert stat.S_IMODE((tmp_path / settings.FILE).stat().st_mode) == 0o600


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    url = "postgresql://ann:s3cret@127.0.0.1:9/lake"
    for words in ([], ["--debug"]):
        ran = shell.run(*words, "init", "--database", url)
        assert ran.code == 5, ran
        assert "s3cret" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[profiles.default\n", "line 1"),
        ('x = 1\n[profiles.default]\nwarehouse = "a\n', "line 3"),
        ("", "[profiles"),
        ('[profiles.default]\nwarehouse = "w"\n', "database"),
        ('[profiles.default]\ndatabase = "sqlite:///x"\n', "warehouse"),
        ('[profiles.default]\nwarehouse = 5\ndatabase = "sqlite:///x"\n', "warehouse"),
        (
            '[profiles.default]\nwarehouse = "w"\ndatabase = "sqlite:///x"\nwarehose = 1\n',
            "warehose",
        ),
        ('[profiles.default]\nwarehouse = "w"\ndatabase = "mysql://h/d"\n', "mysql"),
        ("profiles = 3\n", "[profiles"),
        ("[profiles]\ndefault = 3\n", "default"),
        ('profile = 7\n[profiles.default]\nwarehouse = "w"\ndatabase = "sqlite:///x"\n', "7"),
        ("\x00\x01", "line 1"),
    ],
)
def test_a_mistake_in_the_settings_is_told_by_line_or_key(
    tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / settings.FILE).write_text(text)
    with pytest.raises(lakectl.LakeError) as told:
        lakectl.open(tmp_path).ls()
    assert says in told.value.message, told.value.message
    assert settings.FILE in told.value.message


def test_settings_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_bytes(b"\xff\xfe\x00")
    assert settings.FILE in Shell(tmp_path).refused(2, "ls")


def test_init_refuses_to_make_a_lake_twice_and_keeps_what_is_there(trips: Shell) -> None:
    before = (trips.cwd / settings.FILE).read_bytes()
    assert "already" in trips.refused(4, "init")
    assert (trips.cwd / settings.FILE).read_bytes() == before
    assert len(trips.json("ls")) == 2


def test_a_new_lake_is_for_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        shell = Shell(tmp_path / "new")
        shell.cwd.mkdir(mode=0o700)
        shell.ok("init")
        shell.file("a.csv", "a\n1\n").chmod(0o600)
        shell.ingest("a.csv", "--into", "x.y")
    finally:
        os.umask(old)
    open_ones = [
        str(path.relative_to(tmp_path))
        for path in (tmp_path / "new").rglob("*")
        if stat.S_IMODE(path.stat().st_mode) & 0o077 and path.name != "__pycache__"
    ]
    assert open_ones == []
