"""What a server was told at its start."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """hosts : Host headers that are answered, such as "127.0.0.1:8300"; others are refused, so that no name somebody else owns leads here
    schemes : of origins that are this server's own
    roots : folders beneath which recorded files may lie besides their recordings' own folders
    is_behind_proxy : the last address of X-Forwarded-For is who asks
    has_docs : /api/v1/openapi.json is served, to those with a token
    body_bytes, json_depth, json_items, text_characters : of a request's body
    writes_per_s, writes_at_once, works_at_once, feeds_at_once : of one account
    all_works : computations of all accounts at a time
    bad_tokens_per_minute : of one address
    request_s : what a client may take to send its request
    """

    hosts: frozenset[str]
    schemes: frozenset[str] = frozenset({"http"})
    roots: tuple[Path, ...] = ()
    is_behind_proxy: bool = False
    has_docs: bool = False
    body_bytes: int = 8 << 20
    json_depth: int = 32
    json_items: int = 200_000
    text_characters: int = 4096
    writes_per_s: int = 60
    writes_at_once: int = 8
    works_at_once: int = 2
    feeds_at_once: int = 8
    all_works: int = max(2, os.cpu_count() or 1)
    bad_tokens_per_minute: int = 10
    request_s: float = 30.0

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(f"{scheme}://{host}" for scheme in self.schemes for host in self.hosts)
