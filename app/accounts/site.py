"""The address of this site in links that are printed or sent."""

from __future__ import annotations

from urllib.parse import urlsplit

from app.config.settings import Settings


def configured(settings: Settings) -> str | None:
    """Return the address of the site from the settings, or None in development and where no full name is set."""
    names = [host for host in settings.allowed_hosts if not host.startswith(".")]
    return f"https://{names[0]}" if names and settings.environment != "development" else None


def of_request(settings: Settings, root: str) -> str:
    """Return the address of the site for a link that a request asked for.

    Parameters
    ----------
    settings : Settings
    root : str
        Address of the site by the request, whose host is allowed. Whoever sends the request chooses host and port, so
        only development takes it as it is. Elsewhere a request decides between the names of a wildcard and no more.
    """
    if settings.environment == "development":
        return root
    return configured(settings) or (f"https://{_host(root)}" if settings.allowed_hosts else local(settings))


def local(settings: Settings) -> str:
    """Return the address of the site for this machine, where no name is set."""
    return f"http://127.0.0.1:{settings.port}"


def _host(root: str) -> str:
    name = urlsplit(root).hostname or ""
    return f"[{name}]" if ":" in name else name
