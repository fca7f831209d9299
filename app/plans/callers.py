"""A person as the limits see them: all their sessions, keys and tokens together."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Flask, Response, g, has_request_context
from limits import RateLimitItem

from app.components import component
from app.database.types import now
from app.errors import OverPlan
from app.limits.limiter import Usage as Shown
from app.plans.service import Limits, Plans
from app.plans.usage import Usage, end_of_month
from app.web.credentials import IDENTIFYING


@dataclass(frozen=True)
class Caller:
    """A person who sends a request.

    Attributes
    ----------
    user_id : str
    limits : Limits
        Of their plan.
    has_quota : bool
        Whether the request counts towards the quota of the month (app/accounts/quota.py).
    is_open : bool
        Whether the person could send the request without signing in. It counts as a stranger's then, where the quota is
        used up.
    """

    user_id: str
    limits: Limits
    has_quota: bool
    is_open: bool = False

    @property
    def key(self) -> str:
        """The key under which requests are counted."""
        return f"person-{self.user_id}"

    @property
    def items(self) -> Sequence[RateLimitItem] | None:
        """The rates of the plan; None for RATE_LIMIT."""
        return self.limits.items

    def refuse(self, item: RateLimitItem) -> OverPlan:
        """Return the error of a request beyond a rate, and count it."""
        component(Usage).refuse(self.user_id)
        return OverPlan(
            f"Too many requests with this account. Its plan {self.limits.name} allows {item}, over all sessions, keys "
            "and tokens together. Wait a moment, then try again."
        )

    def count(self, cost: int) -> bool:
        """Count the cost of a request towards the quota of the month.

        Returns
        -------
        bool
            False where the quota was used up before, and the request counts as a stranger's.

        Raises
        ------
        OverPlan
            The quota was used up before, and the request needs an account, or comes with a key or a token.
        """
        quota = self.limits.requests_a_month
        if not self.has_quota:
            return True
        total = component(Usage).count(self.user_id, cost, quota, refuses=not self.is_open)
        if quota is None:
            return True
        end = end_of_month(now())
        seconds = max(1, math.ceil((end - now()).total_seconds()))
        g.quota = (quota, max(0, quota - total) if total is not None else 0, seconds)
        if total is not None:
            return True
        g.beyond_quota = OverPlan(
            f"The plan {self.limits.name} allows {quota:,} requests a month, and they are used up. The next month "
            f"begins on {end:%Y-%m-%d} at 00:00 UTC. What needs no account goes on in a browser. Usage is on /account."
        )
        if not self.is_open:
            g.rate_limit = Shown(quota, 0, time.monotonic() + seconds)
            raise g.beyond_quota
        return False


def refuse_beyond_quota() -> None:
    """Refuse what needs an account within a request that a stranger could send, where the quota is used up.

    Raises
    ------
    OverPlan
    """
    error: OverPlan | None = g.get("beyond_quota") if has_request_context() else None
    if error is not None:
        raise error


def caller_of(user_id: str, plan: str, *, has_quota: bool, is_open: bool) -> Caller:
    """Return a person as the limits see them."""
    return Caller(user_id, component(Plans).get(plan), has_quota, is_open)


def init_app(app: Flask) -> None:
    """Add the headers of the quota."""
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    quota = g.get("quota")
    if quota is not None:
        for name, value in zip(("Limit", "Remaining", "Reset"), quota, strict=True):
            response.headers[f"X-Quota-{name}"] = str(value)
        # the headers are those of one person
        response.vary.update(IDENTIFYING)
        response.cache_control.public, response.cache_control.private = False, True
    return response
