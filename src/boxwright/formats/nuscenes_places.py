"""Where the records of each scene are in nuScenes' tables: found once, so that one of many scenes is read from its own records alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .json_parts import ROW, list_by_parts
from .json_scenes import ManyScenes, PlacedItems, placed
from .strict_json import Node

__all__ = ["TABLES_OF_SCENES", "places_of_scenes"]

TABLES_OF_SCENES = ("scene", "sample", "sample_data", "ego_pose", "sample_annotation", "instance")
_LEFT = [ROW] * 2  # a token and whose it is
_NOBODYS = ""  # records that no scene asks for


class _Owners:
    """Whose records are, by their tokens: a scene's, or everybody's where several scenes name them."""

    def __init__(self) -> None:
        self._scenes: dict[str, str | None] = {}

    def add(self, token: object, scene: str | None) -> None:
        if isinstance(token, str):
            self._scenes[token] = scene if self._scenes.get(token, scene) == scene else None

    def of(self, token: object) -> str | None:
        """None, which is everybody's, too where it is no token: whoever reads the record tells."""
        return self._scenes.get(token, _NOBODYS) if isinstance(token, str) else None


@dataclass(frozen=True)
class Places:
    """tables : name -> its records, by the tokens of scenes"""

    tables: Mapping[str, ManyScenes]

    @property
    def n_bytes(self) -> int:
        return sum(table.n_bytes for table in self.tables.values())


def places_of_scenes(files: Sequence[Path]) -> Places:
    """files : of TABLES_OF_SCENES"""
    path = dict(zip(TABLES_OF_SCENES, files))
    samples, poses, instances = _Owners(), _Owners(), _Owners()

    def of_sample(k: int, node: Node) -> str | None:
        scene = _told(node, "scene_token")
        samples.add(_told(node, "token"), scene if isinstance(scene, str) else None)
        return scene if isinstance(scene, str) else None

    def of_data(k: int, node: Node) -> str | None:
        scene = samples.of(_told(node, "sample_token"))
        if scene != _NOBODYS:
            poses.add(_told(node, "ego_pose_token"), scene)
        return scene

    def of_annotation(k: int, node: Node) -> str | None:
        scene = samples.of(_told(node, "sample_token"))
        if scene != _NOBODYS:
            instances.add(_told(node, "instance_token"), scene)
        return scene

    found: dict[str, PlacedItems] = {}
    for name, scene_of in (
        ("scene", lambda k, node: str(_told(node, "token"))),
        ("sample", of_sample),
        ("sample_data", of_data),
        ("ego_pose", lambda k, node: poses.of(_told(node, "token"))),
        ("sample_annotation", of_annotation),
        ("instance", lambda k, node: instances.of(_told(node, "token"))),
    ):
        found[name] = placed(list_by_parts(path[name], lambda record: record), scene_of, _LEFT)
    return Places({name: ManyScenes(path[name], {"": items}) for name, items in found.items()})


def _told(node: Node, key: str) -> object:
    return node.value.get(key) if isinstance(node.value, dict) else None
