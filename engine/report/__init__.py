"""A store as one self-contained HTML page with interactive figures."""

from .page import report

__all__ = ["report"]
