"""A local server that behaves like GBIF, and a client of it that notes its waits."""

import pytest

from ml.records.gbif_http import Client
from tests.gbif_server import Gbif


@pytest.fixture
def gbif():
    server = Gbif()
    yield server
    server.close()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def client(gbif, waits):
    return Client(gbif.address, waits.append)
