"""Pairs before heads: what is drawn, what is learned, and where it is refused."""

from __future__ import annotations
