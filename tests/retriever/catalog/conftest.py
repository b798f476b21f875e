from __future__ import annotations

from tests.retriever.web import serve_http

__all__ = ["serve_http"]
