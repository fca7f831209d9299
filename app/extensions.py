"""Flask extensions that several packages use. ``create_app`` binds them to an application."""

from __future__ import annotations

from flask_caching import Cache
from htmx_flask import Htmx

cache = Cache()
htmx = Htmx()
