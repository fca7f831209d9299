"""Every whole number of a request has bounds, so that none is too large for a column of the database."""

from __future__ import annotations

import pytest

from app import create_app
from app.web.operations import operation_of
from tests.contract.conftest import make_settings

#: Largest number of a column, and of the largest one.
MOST, LARGEST = 2**31 - 1, 2**63 - 1


def unbounded(schema, definitions, at="", seen=frozenset()):
    """The places of whole numbers without bounds within a JSON schema."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [] if name in seen else unbounded(definitions[name], definitions, at, seen | {name})
    found = []
    if schema.get("type") == "integer" and not {"enum", "const"} & set(schema):
        least = schema.get("minimum", schema.get("exclusiveMinimum"))
        most = schema.get("maximum", schema.get("exclusiveMaximum"))
        if least is None or most is None or least < -LARGEST or most > LARGEST:
            found.append(at)
    parts = [(at, one) for key in ("anyOf", "allOf", "oneOf", "prefixItems") for one in schema.get(key, [])]
    parts += [(f"{at}/{name}", one) for name, one in schema.get("properties", {}).items()]
    parts += [(f"{at}/*", one) for one in (schema.get("items"), schema.get("additionalProperties")) if one]
    for place, one in parts:
        if isinstance(one, dict):
            found += unbounded(one, definitions, place, seen)
    return found


def test_every_whole_number_of_a_body_and_a_query_has_bounds(tmp_path):
    wrong = {}
    app = create_app(make_settings(tmp_path, gbif_api="https://api.gbif.org/v1"))
    for endpoint, view in app.view_functions.items():
        operation = operation_of(view)
        for model in (operation.body, operation.query) if operation is not None else ():
            if model is not None:
                schema = model.model_json_schema()
                places = unbounded(schema, schema.get("$defs", {}))
                wrong.update({f"{endpoint} {model.__name__}": places} if places else {})
    assert wrong == {}


@pytest.mark.parametrize("revision", [MOST + 1, LARGEST + 1, 10**300, -1])
@pytest.mark.parametrize(("method", "path"), [("PATCH", "records"), ("PATCH", "layers"), ("POST", "trainings")])
def test_a_revision_that_no_column_holds_is_refused(empty_app, method, path, revision):
    client = empty_app.test_client()
    slug = client.post("/api/v1/studies", json={"title": "Frogs"}).json["slug"]
    refused = client.open(f"/api/v1/studies/{slug}/{path}", method=method, json={"revision": revision})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/revision"), refused.json
