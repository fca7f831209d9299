"""The application with kinds of jobs for tests: ``flask --app tools.live.jobs_app jobs work``."""

from __future__ import annotations

from app import create_app
from tools.live import jobs_kinds

__all__ = ["app", "jobs_kinds"]
app = create_app()
