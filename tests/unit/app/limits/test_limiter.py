"""The client that an address belongs to: one count for one client, however its address is written."""

from __future__ import annotations

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.limits.limiter import client_of
from tools.live import PROJECT

addresses = st.ip_addresses(v=6)


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:443", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("[2001:DB8::2]:443", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::9", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no address", "unknown"),
        ("", "unknown"),
        ("1.2.3.4.5", "unknown"),
        ("x" * 10_000, "unknown"),
    ],
)
def test_an_address_belongs_to_one_client(address, client):
    assert client_of(address) == client


@given(addresses, st.integers(0, 2**64 - 1))
def test_all_addresses_of_a_network_are_one_client(address, host):
    other = ipaddress.IPv6Address(int(address) >> 64 << 64 | host)
    if address.ipv4_mapped is None and other.ipv4_mapped is None:
        assert client_of(str(address)) == client_of(f"[{other}]:80") == client_of(other.exploded)


def _nginx_client(address: str) -> str:
    """The key of nginx's zones, by the patterns of its configuration in their order."""
    text = (PROJECT / "nginx" / "limits.conf").read_text()
    for pattern, group in re.findall(r'^ +"~([^"]+)" \$(\w+);', text, re.MULTILINE):
        match = re.match(pattern.replace("(?<", "(?P<"), address)
        if match:
            return match[group]
    return address


def _groups(key: str) -> list[int]:
    """The four groups that a key of nginx stands for."""
    text = key.rstrip(":") if "::" not in key else key
    if "::" in text:
        before, _, after = text.partition("::")
        first = [int(group, 16) for group in before.split(":") if group]
        last = [int(group, 16) for group in after.split(":") if group]
        return first + [0] * (4 - len(first) - len(last)) + last
    return [int(group, 16) for group in text.split(":")]


@given(addresses)
def test_nginx_counts_by_the_same_network(address):
    key = _nginx_client(str(address))
    if address.ipv4_mapped is None:
        network = int(address) >> 64
        assert _groups(key) == [network >> shift & 0xFFFF for shift in (48, 32, 16, 0)]


def test_nginx_counts_ipv4_addresses_one_by_one():
    assert _nginx_client("192.0.2.1") == "192.0.2.1"
    assert _nginx_client("::ffff:192.0.2.1") == "192.0.2.1"


@given(
    st.one_of(
        st.text(max_size=50),
        st.ip_addresses().map(str),
        st.tuples(st.ip_addresses().map(str), st.text(":[]%.0123456789abcdef/ ", max_size=6)).map("".join),
    )
)
def test_any_text_is_a_network_or_unknown(address):
    client = client_of(address)
    if client != "unknown":
        network = ipaddress.ip_network(client)
        assert str(network).removesuffix("/32") == client
        assert network.prefixlen == (32 if network.version == 4 else 64)
        assert client_of(str(network.network_address)) == client


@given(st.ip_addresses(v=4), st.integers(0, 65535))
def test_an_ipv4_address_is_one_client_however_it_is_written(address, port):
    spellings = [f"{address}:{port}", f" {address} ", f"::ffff:{address}", f"[::ffff:{address}]:{port}", f"[{address}]"]
    assert {client_of(text) for text in spellings} == {str(address)}
