"""What there is to do: a dataset's scenes as shards, each with a digest of the files it is made of."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ArgumentError, BoxwrightError
from ..formats import SceneList
from ..formats.finding import some_of

__all__ = ["Inputs", "Shard", "file_label", "gold_names", "inputs_of", "scenes_a_shard", "shards_of"]

LONGEST_LABEL = 80
SHARD_BYTES, MOST_SCENES, FEWEST_SHARDS = 64_000_000, 64, 200  # of shards that hold several scenes


@dataclass(frozen=True)
class Shard:
    """One piece of work: a whole scene, some small ones that follow each other, or some frames of one.

    shard_id : its name, which a file can have; results of one scene follow each other by it
    scenes : names
    inputs : a digest of the files that it is made of
    frames : first and one past the last; None for all of them
    gold : scene -> the gold scene, where there is one
    """

    shard_id: str
    scenes: tuple[str, ...]
    inputs: str
    frames: tuple[int, int] | None = None
    gold: Mapping[str, str] = field(default_factory=dict)


def shards_of(
    found: SceneList, n_scenes: int, shard_frames: int | None, digests: Mapping[str, str], gold: Mapping[str, str], gold_digests: Mapping[str, str]
) -> Iterator[Shard]:
    """The shards, in the order of the dataset: of about so many scenes each, or of so many frames at most."""
    for names in _runs(found.names, n_scenes):
        of_gold = {name: gold[name] for name in names if name in gold}
        parts = [text for name in names for text in (digests[name], *([gold_digests[gold[name]]] if name in gold else []))]
        inputs = parts[0] if len(parts) == 1 else hashlib.sha256(" ".join(parts).encode()).hexdigest()
        label = file_label(names[0]) + (f".to.{file_label(names[-1])}" if len(names) > 1 else "")
        n = None
        if shard_frames is not None:
            entry = found[names[0]]
            try:
                n = entry.glance()["n_frames"] or len(entry.read(strict=False))
            except BoxwrightError:  # whoever works on it tells why
                n = None
        if n is None or shard_frames is None or n <= shard_frames:
            yield Shard(label, names, inputs, None, of_gold)
            continue
        for first in range(0, n, shard_frames):
            yield Shard(f"{label}.{first:07d}", names, inputs, (first, min(first + shard_frames, n)), of_gold)


def scenes_a_shard(n_scenes: int, n_bytes: int) -> int:
    """How many scenes a shard has, on average, in a dataset of so many scenes and bytes: 1, but where many are so small that their results would be
    more work than they are themselves, a power of two."""
    most = min(MOST_SCENES, n_scenes // FEWEST_SHARDS, SHARD_BYTES * n_scenes // max(n_bytes, 1))
    return 1 << max(most.bit_length() - 1, 0)


def _runs(names: Sequence[str], n_scenes: int) -> Iterator[tuple[str, ...]]:
    """Names that follow each other, about so many at a time, twice as many at most. Where a run ends is told by the name of its last scene alone, so
    that a scene that comes or goes changes its own run and seldom the next, and all others stay what they are."""
    run: list[str] = []
    for name in names:
        run.append(name)
        if len(run) == 2 * n_scenes or int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % n_scenes == 0:
            yield tuple(run)
            run = []
    if run:
        yield tuple(run)


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


@dataclass(frozen=True)
class Inputs:
    """What scenes are made of.

    digests : scene -> 64 hexadecimal digits over the names, sizes and times of change of its files, or over what is in them
    n_bytes : of all files
    """

    digests: Mapping[str, str]
    n_bytes: int


def inputs_of(path: Path, names: Sequence[str], *, by_content: bool = False) -> Inputs:
    """What each of a dataset's scenes is made of.

    A file is of the scenes whose names its path beneath the dataset holds, as a folder's name or as a file's without its endings; one that names none
    is of all of them. So more may be taken for changed than has changed, and nothing less.
    """
    common = hashlib.sha256()
    if path.is_file() and path.name != "scene.json":
        said, n_bytes = _said(path.name, path, by_content)
        common.update(said)
        return Inputs({name: common.hexdigest() for name in names}, n_bytes)
    base = path.parent if path.is_file() else path
    by_part: dict[str, list[str]] = {}
    for name in names:
        by_part.setdefault(name.rpartition("/")[2], []).append(name)
    if len(names) == 1:
        by_part = {}
    own, n_bytes = {name: hashlib.sha256() for name in names}, 0
    for relative, file in _files(base):
        wanted = {name for part in Path(relative).parts for word in _words(part) for name in by_part.get(word, ())}
        said, size = _said(relative, file, by_content)
        for digest in [own[name] for name in wanted] or [common]:
            digest.update(said)
        n_bytes += size
    shared = common.digest()
    for digest in own.values():
        digest.update(shared)
    return Inputs({name: digest.hexdigest() for name, digest in own.items()}, n_bytes)


def _words(part: str) -> Iterator[str]:
    """A name, and what is left of it without its last ending, and without the one before."""
    yield part
    while "." in part:
        part = part.rpartition(".")[0]
        yield part


def _said(relative: str, file: Path, by_content: bool) -> tuple[bytes, int]:
    """What a digest takes of a file, and how large it is."""
    size = 0
    try:
        found = file.stat()
        size = found.st_size
        if by_content:
            with file.open("rb") as opened:
                content = hashlib.file_digest(opened, "sha256").hexdigest()
            said = f"{relative}\0{content}\n"
        else:
            said = f"{relative}\0{size}\0{found.st_mtime_ns}\n"
    except OSError as error:  # gone, or not to be read: whoever works on it tells why
        said = f"{relative}\0{error.errno}\n"
    return said.encode("utf-8", "surrogateescape"), size


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
