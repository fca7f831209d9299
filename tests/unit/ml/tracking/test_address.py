from __future__ import annotations

import pytest

from ml.tracking.address import TrackingServer, from_environment, parse


def test_parts():
    assert parse("http://localhost:5000") == TrackingServer("http://localhost:5000")
    server = parse("https://eco:p%40ss@mlflow.example.org/base/")
    assert server == TrackingServer("https://mlflow.example.org/base", "eco", "p@ss")
    assert "p@ss" not in repr(server)
    assert parse("http://[::1]:5000/").url == "http://[::1]:5000"


@pytest.mark.parametrize(
    "uri",
    ["mlruns", "file:///tmp/x", "sqlite:///x.db", "databricks", "http://", "http://hush@h", "http://h:0", "http://h:x",
     "http://:hush@h", "http://h/?a=hush", "http://h/#hush", "http://h /", "http://[hush"],
)  # fmt: skip
def test_refused(uri):
    with pytest.raises(ValueError, match="expected the address of an MLflow server") as caught:
        parse(uri)
    assert "hush" not in str(caught.value)


def test_from_the_environment(tmp_path):
    file = tmp_path / "uri"
    file.write_text("http://h:1\n")
    assert from_environment({}) is None
    assert from_environment({"MLFLOW_TRACKING_URI": " "}) is None
    assert from_environment({"MLFLOW_TRACKING_URI_FILE": str(file)}) == TrackingServer("http://h:1")
    with pytest.raises(ValueError, match="not both"):
        from_environment({"MLFLOW_TRACKING_URI": "http://h", "MLFLOW_TRACKING_URI_FILE": str(file)})
    with pytest.raises(ValueError, match="MLFLOW_TRACKING_URI_FILE: the file cannot be read"):
        from_environment({"MLFLOW_TRACKING_URI_FILE": str(tmp_path / "none")})
    with pytest.raises(ValueError, match=r"^MLFLOW_TRACKING_URI: expected"):
        from_environment({"MLFLOW_TRACKING_URI": "ftp://h"})
