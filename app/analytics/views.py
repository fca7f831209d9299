"""Page and API of the analytics."""

from __future__ import annotations

from flask import Blueprint

from app.analytics import service
from app.analytics.presentation import present
from app.analytics.schemas import PERIODS, Analytics, AnalyticsQuery
from app.database.replica import from_replica
from app.web.faces import API_PREFIX, Reply, face, faces
from app.web.input_validation import read_query
from app.web.operations import Operation

api = Blueprint("analytics_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("analytics", __name__)


@api.get("/analytics")
@pages.get("/analytics")
@Operation(
    "analytics",
    tag="analytics",
    summary="Read the analytics of a period",
    query=AnalyticsQuery,
    answer=Analytics,
    problems=(422,),
)
@faces(page="analytics/page.html", fragment="analytics/_report.html")
@from_replica
def look_back() -> Reply:
    """Show the analytics of a period.

    Template context: ``data`` Analytics, ``view`` AnalyticsView, ``periods`` the offered periods in days.
    """
    analytics = service.look_back(read_query(AnalyticsQuery))
    view = present(analytics) if face() != "json" else None
    headers = {"Cache-Control": "private, no-store"}
    return Reply(analytics, context={"view": view, "periods": PERIODS}, headers=headers)
