"""The WSGI application, for ``flask --app wsgi`` and ``gunicorn wsgi:app``."""

from app import create_app
from app.config import dotenv
from app.config.settings import SECRETS, Settings

_NAMES = {*(field.upper() for field in Settings.model_fields), *(f"{name}_FILE" for name in SECRETS)}
# before the settings are read, which may be refused
dotenv.report(_NAMES)
app = create_app()
