"""A Redis that hangs is worse than one that refuses: it is waited for once, not once for each of thirty species."""

from __future__ import annotations

import socket
import threading

import pytest

from app import answer_cache, create_app
from tests.contract.conftest import make_settings


@pytest.fixture
def hanging():
    """An address that accepts connections and never says anything, and the list of those it accepted."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stopped = threading.Event()
        listener.settimeout(0.05)

        def accept() -> None:
            while not stopped.is_set():
                try:
                    accepted.append(listener.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0", accepted
        stopped.set()
        thread.join()
        for one in accepted:
            one.close()


def test_a_redis_that_hangs_is_left_alone_for_a_moment(tmp_path, hanging):
    address, accepted = hanging
    app = create_app(make_settings(tmp_path, redis_url=address))
    with app.app_context():
        before = len(accepted)
        assert answer_cache.get("first") is None
        tried = len(accepted) - before
        assert tried > 0
        for number in range(20):
            assert answer_cache.get(f"again-{number}") is None
            answer_cache.put(f"again-{number}", {"a": 1})
        assert len(accepted) - before == tried
        # and it is asked again afterwards
        app.extensions[answer_cache._UNTIL] = 0.0
        assert answer_cache.get("later") is None
        assert len(accepted) - before > tried
