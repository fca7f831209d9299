from __future__ import annotations

import pytest

from tools import follow
from tools.follow import follow as copy


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "first"
    for name in ("models/s/a/1/card.json", "layers/s/k/values.npz", "registry/active.json", "models/.draft/card.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "registry" / ".lock").touch()
    return folder


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_models_layers_and_lists_are_copied_once(source, tmp_path):
    target = tmp_path / "second"
    assert copy(source, target) == 3
    assert files(target) == ["layers/s/k/values.npz", "models/s/a/1/card.json", "registry/active.json"]
    assert copy(source, target) == 0
    (source / "registry" / "active.json").write_text("other")
    (source / "layers" / "s" / "k" / "values.npz").write_text("gained a scenario")
    assert copy(source, target) == 2
    assert (target / "registry" / "active.json").read_text() == "other"
    assert (target / "layers" / "s" / "k" / "values.npz").read_text() == "gained a scenario"


def test_lists_do_not_name_what_was_not_copied(source, tmp_path, monkeypatch):
    """A copy that ends in the middle leaves the earlier list."""
    target = tmp_path / "second"
    copy(source, target)
    (source / "models" / "s" / "a" / "2").mkdir()
    (source / "models" / "s" / "a" / "2" / "card.json").write_text("2")
    (source / "registry" / "active.json").write_text("names 2")
    (target / "models" / "s" / "a" / "2").write_text("in the way")
    with pytest.raises(OSError, match="2"):
        copy(source, target)
    assert (target / "registry" / "active.json").read_text() == "registry/active.json"
    (target / "models" / "s" / "a" / "2").unlink()
    assert copy(source, target) == 2


def test_links_are_not_followed(source, tmp_path):
    (tmp_path / "secret").write_text("hush")
    (source / "models" / "link").symlink_to(tmp_path / "secret")
    copy(source, tmp_path / "second")
    assert not (tmp_path / "second" / "models" / "link").exists()


def test_a_folder_that_is_no_site_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["follow", str(tmp_path), str(tmp_path / "second")])
    assert follow.main() == 2
    assert "is no data directory" in capsys.readouterr().err
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("inner", ["", "models/sub", "second/.."])
def test_a_site_is_not_copied_into_itself(source, monkeypatch, capsys, inner):
    before = files(source)
    monkeypatch.setattr("sys.argv", ["follow", str(source), str(source / inner)])
    assert follow.main() == 2
    assert "are one folder or one is inside of the other" in capsys.readouterr().err
    assert files(source) == before


def test_a_site_is_not_copied_over_the_folder_that_contains_it(source, tmp_path, monkeypatch, capsys):
    (tmp_path / "link").symlink_to(source)
    monkeypatch.setattr("sys.argv", ["follow", str(tmp_path / "link"), str(tmp_path)])
    assert follow.main() == 2
    assert not (tmp_path / "models").exists()
