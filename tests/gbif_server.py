"""A server that answers as GBIF's API does, with the mishaps that a test orders."""

import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEY = "0001234-240101000000000"
DOI = "10.15468/dl.abcdef"


def record(number):
    """Return a record as the occurrence search has it."""
    return {
        "key": number,
        "datasetKey": f"dataset-{number % 3}",
        "species": "Lacerta schreiberi",
        "scientificName": "Lacerta schreiberi Bedriaga, 1878",
        "decimalLatitude": 40.0 + number / 1000,
        "decimalLongitude": -5.0,
        "eventDate": "2001-05-03",
        "license": "http://creativecommons.org/licenses/by/4.0/legalcode",
        "locality": "a place\twith a tab\nand two lines",
        "issues": ["COORDINATE_ROUNDED", "CONTINENT_DERIVED_FROM_COORDINATES"],
    }


def archive(size=300_000):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        target.writestr("occurrence.txt", "gbifID\n" + "0123456789" * (size // 10))
        target.writestr("citations.txt", f"GBIF.org (2 January 2024) GBIF Occurrence Download https://doi.org/{DOI}")
    return content.getvalue()


def simple_download():
    """A download in GBIF's simple format: a zip file with the table alone."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        target.writestr(
            f"{KEY}.csv", "gbifID\tdatasetKey\tspecies\tdecimalLatitude\tdecimalLongitude\n1\ta\tB c\t40\t-5\n"
        )
    return content.getvalue()


class Gbif:
    """The server and what it did.

    Attributes
    ----------
    mishaps : list
        Taken one by one: a pair of status and headers, or "break" for a connection that ends in the middle.
    requests : list of (path, query, headers)
    most_at_once : int
        Largest number of requests that were answered at the same time.
    """

    def __init__(self, n_records=650, content=b""):
        self.n_records, self.content = n_records, content
        self.etag = '"first"'
        self.status = "SUCCEEDED"
        self.match = {"usageKey": 5224, "matchType": "EXACT", "rank": "SPECIES", "scientificName": "Lacerta schreiberi"}
        self.match["canonicalName"] = "Lacerta schreiberi"
        self.mishaps, self.requests = [], []
        self.most_at_once = self._at_once = 0
        self.ignores_ranges = False
        self.hold = threading.Event()
        self.hold.set()
        self.hold_from = None
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                with server._lock:
                    server._at_once += 1
                    server.most_at_once = max(server.most_at_once, server._at_once)
                try:
                    server.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                finally:
                    with server._lock:
                        server._at_once -= 1

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request):
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.requests.append((parts.path, query, dict(request.headers)))
        mishap = self.mishaps.pop(0) if self.mishaps else None
        if isinstance(mishap, tuple):
            self.send(request, mishap[0], b"wait", mishap[1])
            return
        if parts.path.endswith("/request/" + KEY + ".zip"):
            self.send_file(request, mishap)
            return
        body = json.dumps(self.body(parts.path, query)).encode()
        self.send(request, 200, body, {}, cut=mishap == "break")

    def body(self, path, query):
        if path.endswith("/species/match"):
            return self.match
        if path.endswith(("/download/" + KEY, "/download/" + DOI)):
            return {"key": KEY, "status": self.status, "doi": DOI, "created": "2024-01-02T03:04", "totalRecords": 7}
        offset, limit = int(query["offset"]), int(query["limit"])
        if self.hold_from is not None and offset >= self.hold_from:
            self.hold.wait(30)
        page = [record(number) for number in range(offset, min(offset + limit, self.n_records))]
        return {"count": self.n_records, "endOfRecords": offset + limit >= self.n_records, "results": page}

    def send_file(self, request, mishap):
        span, headers, status = request.headers.get("Range"), {"ETag": self.etag}, 200
        content = self.content
        if span and request.headers.get("If-Range") == self.etag and not self.ignores_ranges:
            begin = int(span.removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            content, status = content[begin:], 206
        self.send(request, status, content, headers, cut=mishap == "break")

    def send(self, request, status, body, headers, cut=False):
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        if cut:
            request.wfile.write(body[: len(body) // 2])
            request.wfile.flush()
            request.close_connection = True
            request.connection.shutdown(2)
            return
        request.wfile.write(body)
