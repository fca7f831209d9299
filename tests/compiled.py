"""What Flask compiles for each application is compiled once for all applications of one process of tests.

An application compiles its rules of addresses when it is made (most of the time of `create_app`) and each template when
it is first rendered. Tests make about two thousand applications from the same rules and templates.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

_compile_builder = Rule._compile_builder
_builders: dict[tuple[object, ...], Callable[..., tuple[str, str]]] = {}


class _Templates(BytecodeCache):
    """Compiled templates by their name, file and text."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._known[bucket.key, bucket.checksum] = bucket.code


def _builder_of(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    """Return the function that builds the addresses of a rule; it reads converters from the rule that it is given."""
    if rule.defaults:
        return _compile_builder(rule, append_unknown)
    key = (rule.rule, *rule._trace, append_unknown)
    if key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]


def share() -> None:
    """Let all applications that are made from now on share compiled rules and templates."""
    options: Any = Flask.jinja_options
    options["bytecode_cache"] = _Templates()
    Rule._compile_builder = _builder_of  # type: ignore[method-assign]
