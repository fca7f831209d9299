#!/bin/sh
# Install a real MLflow server for the tests into .venv/mlflow (about 90 MB): `sh tools/mlflow.sh`.
# Only what .venv lacks is installed: MLflow's other requirements are among those of the application and its tests.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."
[ ! -e .venv/mlflow/.complete ] || exit 0
rm -rf .venv/mlflow
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv/mlflow \
    mlflow==3.17.2 mlflow-skinny==3.17.2 mlflow-tracing==3.17.2 \
    annotated-doc==0.0.7 databricks-sdk==0.162.0 fastapi==0.165.0 sqlparse==0.6.1 starlette==1.10.0
touch .venv/mlflow/.complete
