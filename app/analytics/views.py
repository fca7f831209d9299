"""Page and API of the analytics."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.accounts.identity import may
from app.analytics import operations, service
from app.analytics.operation_schemas import Operations
from app.analytics.presentation import present
from app.analytics.schemas import PERIODS, Analytics, AnalyticsQuery, PeriodQuery
from app.database.replica import from_replica
from app.web.csv_download import csv_download
from app.web.faces import API_PREFIX, Reply, face, faces, keep_all_private, keep_private
from app.web.input_validation import read_query
from app.web.list_links import Column, ListLinks
from app.web.operations import Operation

api = Blueprint("analytics_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("analytics", __name__)
#: What the service did, for admins. It exists also where the analytics are not public.
for_admins = Blueprint("operations_api", __name__, url_prefix=API_PREFIX)
keep_all_private(for_admins)

_COLUMNS = (
    Column("name", "Species", "by name"),
    Column("study", "Study", "by study"),
    Column("requests", "Answers", "most answers first", descending=True),
)


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

    Template context: ``data`` Analytics, ``view`` AnalyticsView, ``periods`` the offered periods in days, ``links`` the
    addresses of the table of species, ``operations`` Operations for an admin, otherwise None.
    """
    query = read_query(AnalyticsQuery)
    analytics = service.look_back(query)
    view = present(analytics) if face() != "json" else None
    links = ListLinks("/analytics", _COLUMNS, {"days": str(query.days)}, query.sort, "sort" in request.args)
    shown = operations.look_back(query.days) if view is not None and may("admin") else None
    context = {"view": view, "periods": PERIODS, "links": links, "operations": shown}
    return Reply(analytics, context=context, headers={"Cache-Control": "private, no-store"})


@for_admins.get("/analytics/operations")
@Operation(
    "operations",
    tag="analytics",
    summary="Read what the service did in a period",
    description="Requests, latency, cache hits, novelty and jobs, from counts by hour. For admins.",
    query=PeriodQuery,
    answer=Operations,
    problems=(422,),
)
@faces()
@from_replica
def read_operations() -> Reply:
    """Return what the service did in a period."""
    return Reply(operations.look_back(read_query(PeriodQuery).days))


@pages.get("/analytics.csv")
@from_replica
def species_csv() -> Response:
    """Download all species with requests in the period, in the order of the page."""
    analytics = service.look_back(read_query(AnalyticsQuery), most=None)
    response = csv_download(
        f"ecopredict-requests-{analytics.days}-days.csv",
        ("species", "scientific_name", "vernacular_name", "study", "requests", "share", "since", "until"),
        (
            (
                use.slug,
                use.scientific_name,
                use.vernacular_name,
                use.study.slug,
                use.requests,
                use.share,
                analytics.since.isoformat(),
                analytics.until.isoformat(),
            )
            for use in analytics.species
        ),
    )
    keep_private(response)
    return response
