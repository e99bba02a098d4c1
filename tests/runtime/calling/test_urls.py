"""Addresses of servers: what may be written into a rubric."""

from __future__ import annotations

import pytest

from rl_rewards.runtime.calling.urls import check_url

FINE = [
    "http://localhost:8000",
    "https://rm.example/get_reward",
    "http://[::1]:8000/v1",
    "https://host/path?version=2&model=rm",
    "https://host/path?tokenizer=llama&max_tokens=5&monkey=1",
    "http://host/a:b@c",
]


@pytest.mark.parametrize("url", FINE)
def test_an_address_without_credentials_is_fine(url: str) -> None:
    check_url(url)


REFUSED = [
    ("localhost:8000", "must begin with http:// or https://"),
    ("ftp://host", "must begin with http:// or https://"),
    ("unix:///tmp/socket", "must begin with http:// or https://"),
    ("http://", "must name a host"),
    ("http://:8000", "must name a host"),
    ("http://127.0.0.1:99999", "with a port up to 65535"),
    ("http://host:port", "must be an address"),
    ("http://[::1", "must be an address"),
    ("http://host/a b", "no white space"),
    ("http://host\r\n", "no white space"),
    ("http://me:hunter2@host", "must hold no user or password"),
    ("https://hunter2@host/path", "must hold no user or password"),
    ("http://me:hun@ter2@host", "must hold no user or password"),
    ("http://me:%68unter2@host", "must hold no user or password"),
    ("user:hunter2@host", "must begin with"),
    ("http:/me:hunter2@host", "must begin with"),
    ("http://me:hunter2/x@host", "must be an address"),
    ("http://host/?token=hunter2", r"got one in \['token'\]"),
    ("http://host/?x=1&api_key=hunter2", r"got one in \['api_key'\]"),
    ("http://host/?x=1;apiKey=hunter2", r"got one in \['apiKey'\]"),
    ("http://host/?X-Amz-Signature=hunter2", "must hold no key"),
    ("http://host/?access-token=hunter2", "must hold no key"),
    ("http://host/?subscription-key=hunter2", "must hold no key"),
    ("http://host/#access_token=hunter2", "must hold no key"),
    ("http://host/?%74oken=hunter2", "must hold no key"),
    ("http://host/?q=sk-hunter2abcdefghijklmnop", "must hold no key"),
    ("http://host/?pass%77ord=hunter2", "must hold no key"),
]


@pytest.mark.parametrize(("url", "message"), REFUSED)
def test_another_is_refused_without_showing_a_credential(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        check_url(url)
    assert "hunter2" not in str(refusal.value) and "ter2@" not in str(refusal.value)
