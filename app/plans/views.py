"""The page on which admins change the limits of plans."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.errors import Conflict
from app.plans import service
from app.plans.service import NUMBERS
from app.plans.tables import OF_PEOPLE
from app.web.faces import Reply, keep_all_private, render, settings
from app.web.form_values import Form, FormErrors
from app.web.input_validation import read_form
from app.web.sizes import read_size, size_text

pages = Blueprint("plans", __name__)
_PAGE = "plans/page.html"

keep_all_private(pages)


@pages.get("/plans")
def browse() -> Response:
    """Show all plans, each with its form, and what holds now for one that was changed a moment ago."""
    changed = request.args.get("changed", "")
    return _page(changed=changed if changed in OF_PEOPLE else "")


@pages.post("/plans/<slug:name>")
def change(name: str) -> Response:
    """Change the limits of a plan."""
    fields = {field: text.strip()[:200] for field, text in read_form().items()}
    errors = FormErrors()
    form = Form(fields, errors)
    revision = form.whole_number("revision")
    rate = fields.get("rate") or None
    numbers = {field: _number(fields.get(field, ""), field, errors) for field in NUMBERS}
    # all messages at once: those of the service too, beside those of fields that cannot be read
    errors.add_pointers(service.problems(rate, numbers), {f"/{field}": field for field in ("rate", *NUMBERS)})
    if len(errors):
        return _page(422, name, fields, dict(errors.items()))
    try:
        service.change(name, revision if revision is not None else -1, rate, numbers)
    except Conflict as error:
        return _page(error.status, name, error=error.detail)
    return Response(status=303, headers={"Location": f"/plans?changed={name}#{name}"})


def _number(text: str, field: str, errors: FormErrors) -> int | None:
    """Return a number that may have more digits than those of other forms; None where the field is empty."""
    if not text:
        return None
    if field == "upload_bytes":
        size = read_size(text)
        if size is None:
            errors.add(field, "must be a number of bytes, or a size such as 500 MB or 2 GB, or empty")
        return size
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        errors.add(field, "must be a whole number, or empty")
        return None
    return int(text)


def _page(
    status: int = 200,
    name: str = "",
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    error: str = "",
    changed: str = "",
) -> Response:
    """Return the page of plans.

    Template context: ``plans`` list of Limits, ``name`` of the plan whose form was sent or "", ``typed`` its fields or
    None, ``errors`` its messages by field, ``error`` a sentence or "", ``rate_limit`` the setting, ``changed`` the name
    of the plan that was changed a moment ago or "", ``now`` a sentence about it, ``size_text`` and ``max_upload``.
    """
    plans = service.browse()
    context = {
        "plans": plans,
        "changed": changed,
        "now": next((service.confirmation(one, settings().rate_limit) for one in plans if one.name == changed), ""),
        "name": name,
        "typed": typed,
        "errors": errors or {},
        "error": error,
        "rate_limit": settings().rate_limit,
        "size_text": size_text,
        "max_upload": settings().max_upload,
    }
    return render(Reply(None, status, context), _PAGE, _PAGE)
