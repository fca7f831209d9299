"""Flask extensions that several packages use, made here and bound to an application in ``create_app``."""

from __future__ import annotations

from flask_caching import Cache
from htmx_flask import Htmx

cache = Cache()
htmx = Htmx()
