"""Drafts of models, and those that killed processes have left."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from ml.serving.artifact import find_artifacts
from ml.serving.drafts import remove_drafts


def test_unfinished_drafts_are_not_found(trained, tmp_path):
    home = tmp_path / "study" / "species"
    shutil.copytree(trained, home / trained.name)
    shutil.copytree(trained, home / ".writing-abc")
    assert find_artifacts(tmp_path) == [home / trained.name]


WRITE = """
import sys, time
from pathlib import Path
from ml.serving.drafts import new_draft
home = Path(sys.argv[1]) / "study" / "species"
home.mkdir(parents=True, exist_ok=True)
with new_draft(home) as draft:
    (draft / "card.json").write_text("{}")
    print(draft, flush=True)
    time.sleep(300)
"""


def test_only_the_drafts_of_killed_processes_are_removed(tmp_path):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, tmp_path], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    try:
        drafts = [Path(writer.stdout.readline().strip()) for writer in writers]
        assert remove_drafts(tmp_path) == 0
        writers[0].send_signal(signal.SIGKILL)
        writers[0].wait()
        # the other writer holds its draft for five minutes, and nothing waits for it
        assert remove_drafts(tmp_path) == 1
        assert [draft.exists() for draft in drafts] == [False, True]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    # a link is not followed
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "study" / "species" / ".writing-link").symlink_to(tmp_path / "elsewhere")
    assert remove_drafts(tmp_path) == 1
    assert (tmp_path / "elsewhere").exists()
