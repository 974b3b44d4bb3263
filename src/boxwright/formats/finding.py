"""Which format a path is in, found by looking; and what to say of one that is in none, or in several."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import BoxwrightError, FormatError, number_of, one_line
from .looking import may_be_dataset, subfolders
from .unread import EMPTY_JSON, fault_of, said_kind

__all__ = ["Finder", "some_of"]

_MOST_FOLDERS = 100  # looked into, where a folder's own format is not plain
_LEVELS_UP = 3  # from a file to the dataset that it is a part of
_BROKEN = ("an empty file", "JSON that cannot be read", EMPTY_JSON)  # the folder it is in would not help
_LABELS = (".json", ".xml")  # of which none is a part of a dataset that is read by its folder, once it is broken


class Finder:
    """readers : format -> the module of this package that reads it"""

    def __init__(self, readers: Mapping[str, str]) -> None:
        self.readers = readers

    def _module(self, name: str) -> Any:
        return importlib.import_module(f"{__package__}.{self.readers[name]}")

    def found(self, place: Path, format: str | None) -> tuple[str, list[str]]:
        """(the format, the names of the scenes in it); FormatError where none fits, where several do, or where there is no scene."""
        found = [format] if format is not None else self._fitting(place)
        if not found:
            raise self._unknown(place)
        if len(found) > 1:
            fits = [f"{name} ({_said_scenes(self._module(name).list_scenes(place))})" for name in found]
            raise FormatError("could be several formats", expected="one", got=" and ".join(fits), path=place, hint="pass format= to say which")
        try:
            names = self._module(found[0]).list_scenes(place)
        except FormatError:
            if format is None or self._is_claimed(place, format):
                raise
            names = []
        if not names:
            called = "; its scenes are called by numbers, such as 000000" if found[0] in ("kitti_object", "kitti_tracking") else ""
            what = f"no scene in the format {found[0]!r}{called}"
            fits = [name for name in self._fitting_as_far_as_seen(place) if name != format]
            if fits:
                raise FormatError(what, path=place, hint=f"it looks like {' or '.join(fits)}: name that format, or none")
            got, hint = self._kind_and_hint(place, format)
            raise fault_of(place, hint) or FormatError(what, got=got, path=place, hint=hint)
        others = self._beside(place, found[0], names) if format is None else []
        if others:
            got = f"{found[0]} ({_said_scenes(names)}) and {_said_folders(others)}"
            hint = f"pass one of these folders, or format={found[0]!r} for its scenes alone"
            raise FormatError("several datasets in one folder", expected="one", got=got, path=place, hint=hint)
        return found[0], names

    def _fitting(self, place: Path) -> list[str]:
        return [name for name in self.readers if self._module(name).detect(place)]

    def _fitting_as_far_as_seen(self, place: Path) -> list[str]:
        """For a hint: what cannot be looked into fits nothing."""
        found = []
        for name in self.readers:
            with suppress(OSError, BoxwrightError):
                found += [name] if self._module(name).detect(place) else []
        return found

    def _is_claimed(self, place: Path, name: str) -> bool:
        """Whether a format takes a path for its own; what it finds damaged there, it does."""
        try:
            return bool(self._module(name).detect(place))
        except BoxwrightError:
            return True

    def _beside(self, place: Path, format: str, names: Sequence[str]) -> list[tuple[str, list[str]]]:
        """Folders beside those of the scenes that hold other formats. A scene's own folder, and folders of mere points, are no datasets beside."""
        if list(names) == [place.absolute().name] or not place.is_dir():
            return []
        tops = {name.partition("/")[0] for name in names}
        folders = [folder for folder in subfolders(place) if folder.name not in tops][:_MOST_FOLDERS]
        found = [(f"{folder.name}/", self._fitting(folder)) for folder in folders if may_be_dataset(folder)]
        return [(name, fits) for name, fits in found if fits and fits != ["points"] and format not in fits]

    def _unknown(self, place: Path) -> BoxwrightError:
        """What to say of a path that no format claims: which folders in it are datasets, where some are."""
        below = self._datasets_below(place) if place.is_dir() else []
        if below:
            return FormatError("no dataset itself, but a folder of datasets", got=_said_folders(below), path=place, hint="pass one of these")
        got, hint = self._kind_and_hint(place)
        return fault_of(place, hint) or FormatError("no known format", expected=f"one of {', '.join(self.readers)}", got=got, path=place, hint=hint)

    def _kind_and_hint(self, place: Path, format: str | None = None) -> tuple[str, str]:
        """What a path is that is not read, and what to do: where it is a part of a dataset, which folder to give. JSON of which a format was named is
        no part of a dataset in another, and nothing is one of a folder that anything may lie in."""
        got, hint = said_kind(place)
        if got in _BROKEN and place.suffix.lower() in _LABELS:
            return got, hint
        levels = _LEVELS_UP if place.is_file() else 1 if any(place.iterdir()) else 0
        for folder in list(place.absolute().parents)[:levels]:
            if folder in _anybodys():
                break
            fits = self._fitting_as_far_as_seen(folder)
            if fits and (format is None or format in fits or place.suffix.lower() != ".json"):
                return got, f"it is inside {folder}, which is read as {' or '.join(fits)}: give that folder"
        return got, hint

    def _datasets_below(self, place: Path) -> list[tuple[str, list[str]]]:
        """Folders, at most two levels down, that are datasets, and files that are: videos. A link back to where one has been is not followed."""
        found = self._videos_in(place, place)
        seen, front = {place.resolve()}, [place]
        for _ in range(2):
            here, front = [child for folder in front for child in _subfolders_or_none(folder)], []
            for folder in here:
                if folder.resolve() in seen or len(seen) > _MOST_FOLDERS:
                    continue
                seen.add(folder.resolve())
                fits = self._fitting_as_far_as_seen(folder)
                found += [(f"{folder.relative_to(place).as_posix()}/", fits)] if fits else self._videos_in(folder, place)
                front += [] if fits else [folder]
        return found

    def _videos_in(self, folder: Path, place: Path) -> list[tuple[str, list[str]]]:
        return [(file.relative_to(place).as_posix(), ["video"]) for file in self._module("video").videos_in(folder)]


def _anybodys() -> list[Path]:
    """Folders in which anything may lie."""
    places = [Path(tempfile.gettempdir())]
    with suppress(RuntimeError):  # nobody's home
        places.append(Path.home())
    return places


def _subfolders_or_none(folder: Path) -> list[Path]:
    try:
        return subfolders(folder)
    except OSError:
        return []


def _said_folders(folders: Sequence[tuple[str, Sequence[str]]]) -> str:
    return some_of([f"{name} ({' or '.join(fits)})" for name, fits in folders])


def _said_scenes(names: Sequence[str]) -> str:
    return f"{number_of(len(names), 'scene')}: {some_of(names, 3)}" if names else "no scene"


def some_of(names: Sequence[str], most: int = 20) -> str:
    """The first of them, and how many more there are."""
    shown = one_line(", ".join(names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
