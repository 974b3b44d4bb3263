"""What there is to do: a dataset's scenes as shards, each with a digest of the files it is made of."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ArgumentError, BoxwrightError
from ..formats import SceneList
from ..formats.finding import some_of

__all__ = ["Shard", "file_label", "gold_names", "input_digests", "shards_of"]

LONGEST_LABEL = 80


@dataclass(frozen=True)
class Shard:
    """One piece of work: a whole scene, or some of its frames.

    shard_id : its name, which a file can have; results of one scene follow each other by it
    scene : the scene's name
    inputs : a digest of the files that it is made of
    frames : first and one past the last; None for all of them
    gold : name of the gold scene, where there is one
    """

    shard_id: str
    scene: str
    inputs: str
    frames: tuple[int, int] | None = None
    gold: str | None = None


def shards_of(
    found: SceneList, shard_frames: int | None, digests: Mapping[str, str], gold: Mapping[str, str], gold_digests: Mapping[str, str]
) -> Iterator[Shard]:
    """The shards, in the order of the dataset."""
    for entry in found:
        label, inputs, of_gold = file_label(entry.name), digests[entry.name], gold.get(entry.name)
        if of_gold is not None:
            inputs = hashlib.sha256(f"{inputs} {gold_digests[of_gold]}".encode()).hexdigest()
        n = None
        if shard_frames is not None:
            try:
                n = entry.glance()["n_frames"] or len(entry.read(strict=False))
            except BoxwrightError:  # whoever works on it tells why
                n = None
        if n is None or shard_frames is None or n <= shard_frames:
            yield Shard(label, entry.name, inputs, None, of_gold)
            continue
        for first in range(0, n, shard_frames):
            yield Shard(f"{label}.{first:07d}", entry.name, inputs, (first, min(first + shard_frames, n)), of_gold)


def file_label(name: str) -> str:
    """A scene's name as that of a file: the same where it is fit for one, else what is fit of it and a digest, so that no two are alike."""
    fit = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:LONGEST_LABEL].strip("_")
    return name if name and fit == name else f"{fit or 'scene'}-{hashlib.sha256(name.encode()).hexdigest()[:10]}"


def gold_names(found: SceneList, gold: SceneList) -> dict[str, str]:
    """scene -> the gold scene of its name; where both hold one alone, these two."""
    if len(found) == len(gold) == 1:
        return {found.names[0]: gold.names[0]}
    there = set(gold.names)
    names = {name: name for name in found.names if name in there}
    if not names:
        expected, got = f"some of {some_of(found.names)}", some_of(gold.names)
        raise ArgumentError("gold has no scene of any name here", expected=expected, got=got, field="gold", hint="name scenes as their gold is named")
    return names


# ------------------------------------------------------------ what shards are made of


def input_digests(path: Path, names: Sequence[str], *, by_content: bool = False) -> dict[str, str]:
    """scene -> 64 hexadecimal digits over the names, sizes and times of change of its files, or over what is in them.

    A file is of the scenes whose names its path beneath the dataset holds, as a folder's name or as a file's without its endings; one that names none
    is of all of them. So more may be taken for changed than has changed, and nothing less.
    """
    common = hashlib.sha256()
    if path.is_file() and path.name != "scene.json":
        _take(common, path.name, path, by_content)
        return {name: common.hexdigest() for name in names}
    base = path.parent if path.is_file() else path
    by_part: dict[str, list[str]] = {}
    for name in names:
        by_part.setdefault(name.rpartition("/")[2], []).append(name)
    if len(names) == 1:
        by_part = {}
    own = {name: hashlib.sha256() for name in names}
    for relative, file in _files(base):
        wanted = {name for part in Path(relative).parts for word in _words(part) for name in by_part.get(word, ())}
        for digest in [own[name] for name in sorted(wanted)] or [common]:
            _take(digest, relative, file, by_content)
    shared = common.digest()
    for digest in own.values():
        digest.update(shared)
    return {name: digest.hexdigest() for name, digest in own.items()}


def _words(part: str) -> Iterator[str]:
    """A name, and what is left of it without its last ending, and without the one before."""
    yield part
    while "." in part:
        part = part.rpartition(".")[0]
        yield part


def _take(digest: hashlib._Hash, relative: str, file: Path, by_content: bool) -> None:
    try:
        if by_content:
            with file.open("rb") as opened:
                content = hashlib.file_digest(opened, "sha256").hexdigest()
            said = f"{relative}\0{content}\n"
        else:
            found = file.stat()
            said = f"{relative}\0{found.st_size}\0{found.st_mtime_ns}\n"
    except OSError as error:  # gone, or not to be read: whoever works on it tells why
        said = f"{relative}\0{error.errno}\n"
    digest.update(said.encode("utf-8", "surrogateescape"))


def _files(base: Path) -> Iterator[tuple[str, Path]]:
    """Every file beneath, by name, through links to folders too, but not around in circles."""

    def walk(folder: Path, relative: str, above: frozenset[tuple[int, int]]) -> Iterator[tuple[str, Path]]:
        try:
            here = folder.stat()
            with os.scandir(folder) as entries:
                rows = sorted((entry.name, entry.is_dir()) for entry in entries)
        except OSError:
            return
        mark = (here.st_dev, here.st_ino)
        if mark in above:
            return
        for name, is_folder in rows:
            place = f"{relative}/{name}" if relative else name
            if is_folder:
                yield from walk(folder / name, place, above | {mark})
            else:
                yield place, folder / name

    yield from walk(base, "", frozenset())
