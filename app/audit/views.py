"""Page, file and API of the audit trail."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, request

from app.accounts.forms import messages
from app.audit import service
from app.audit.schemas import AuditFilters, AuditPage, AuditQuery
from app.errors import ValidationFailed
from app.trail.actions import NAMES
from app.web.csv_download import csv_download
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private, settings
from app.web.input_validation import read_query
from app.web.operations import Operation

api = Blueprint("audit_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("audit", __name__)
#: Lines of the file that the page offers. The command writes all of them.
MOST_LINES = 10_000
_ROWS = 50

keep_all_private(api, pages)


@api.get("/audit")
@Operation(
    "readAudit",
    tag="audit",
    summary="Read the audit trail",
    description="Who did what, when, to what, and from where; latest first. For admins.",
    query=AuditQuery,
    answer=AuditPage,
    problems=(422,),
)
@faces()
def read() -> Reply:
    """Read the audit trail."""
    return Reply(service.browse(read_query(AuditQuery)))


@pages.get("/audit")
@faces(page="audit/page.html", fragment="audit/_lines.html")
def page() -> Reply:
    """Show the audit trail.

    Template context: ``data`` AuditPage or None, ``filters`` values by name as typed, ``errors`` messages by field,
    ``actions`` names for the list of choices, ``next`` and ``csv`` addresses or "", ``later`` whether this is not the
    first page, ``days`` for which lines are kept, ``most`` lines of the file.
    """
    fields = AuditFilters.model_fields
    typed = {name: request.args.get(name, "")[:200] for name in fields}
    try:
        query = read_query(AuditQuery)
        shown = query if "limit" in request.args else query.model_copy(update={"limit": _ROWS})
        data = service.browse(shown)
    except ValidationFailed as error:
        return Reply(None, error.status, _context(typed, errors=messages(error.errors)))
    more = {**query.chosen, "cursor": data.next} if data.next is not None else {}
    if more and "limit" in request.args:
        more["limit"] = str(query.limit)
    chosen = f"?{urlencode(query.chosen)}" if query.chosen else ""
    next_page = f"/audit?{urlencode(more)}" if more else ""
    context = _context(typed, next=next_page, csv=f"/audit.csv{chosen}", later=query.cursor is not None)
    return Reply(data, context=context)


def _context(typed: dict[str, str], **more: object) -> dict[str, object]:
    return {
        "filters": typed,
        "errors": {},
        "actions": NAMES,
        "next": "",
        "csv": "",
        "later": False,
        "days": settings().audit_retention_days,
        "most": MOST_LINES,
        **more,
    }


@pages.get("/audit.csv")
def lines_csv() -> Response:
    """Download lines with the filters of the address, latest first."""
    rows = service.cells(read_query(AuditFilters), MOST_LINES)
    return csv_download("ecopredict-audit.csv", service.COLUMNS, rows)
