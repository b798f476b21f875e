from __future__ import annotations

import pytest

from tests.retriever.web import serve_http

from .helpers import VirtualCounting, sources

__all__ = ["serve_http"]


@pytest.fixture
def counting():
    return VirtualCounting(project="tests", catalog=sources(7))
