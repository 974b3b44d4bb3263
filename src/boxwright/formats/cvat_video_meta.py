"""What CVAT's `meta` says of a task: its labels with their attributes, and its frames; kept as nested [name, attributes, text or children].

label/attributes/attribute    name, mutable, input_type, default_value, values (one to a line)
in old files a text           ~select=action:standing,walking    ~ can change, @ cannot; then the kind, the name and the values
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import FormatError

__all__ = ["LONGEST", "MOST_VALUES", "Label", "attribute_text", "label_nodes", "labels_of", "leaf", "size_of", "text_of", "whole_of", "with_labels"]

_OLD = re.compile(r"([~@])(\w+)=([^:]*):(.*)", re.DOTALL)
MOST_VALUES = 30
LONGEST = 4096  # characters that CVAT takes in a value of an attribute, and in all values to choose from
Node = list[Any]


@dataclass(frozen=True)
class Label:
    """is_mutable, kind : by an attribute's name; kind is CVAT's input_type"""

    is_mutable: Mapping[str, bool]
    kind: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str, text: str) -> Any:
        """A flag or a number where the label says so and it comes back as the same text, else the text."""
        kind = self.kind.get(name)
        if kind == "checkbox" and text in ("true", "false"):
            return text == "true"
        if kind == "number":
            if re.fullmatch("-?[0-9]{1,15}", text) and str(int(text)) == text:
                return int(text)
            if re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,15}", text) and repr(float(text)) == text:
                return float(text)
        return text


def attribute_text(value: Any) -> str | None:
    """A value as CVAT holds it; None where it is none of its kinds."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return value if isinstance(value, str) else None


def _children(node: Node, name: str) -> list[Node]:
    return [child for child in node[2] if child[0] == name] if isinstance(node[2], list) else []


def _leaf_text(node: Node, name: str) -> str | None:
    found = _children(node, name)
    return found[0][2] if found and isinstance(found[0][2], str) else None


def _task(meta: Node) -> Node:
    for path in (("task",), ("job",), ("project", "tasks", "task")):
        nodes = [meta]
        for name in path:
            nodes = [child for node in nodes for child in _children(node, name)]
        if len(nodes) > 1:
            raise FormatError("the labels of several tasks", expected="those of one", got=f"{len(nodes)}", field="meta", hint="export one task")
        if nodes:
            return nodes[0]
    return ["task", {}, []]


def text_of(meta: Node, name: str) -> str | None:
    return _leaf_text(_task(meta), name) or None


def whole_of(meta: Node, name: str) -> int | None:
    text = text_of(meta, name)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,9}", text):
        raise FormatError(expected="a whole number", got=repr(text[:40]), field=f"meta/task/{name}", hint="correct the file or export it again")
    return int(text)


def size_of(meta: Node) -> tuple[int, int] | None:
    """(width_px, height_px)"""
    found = [*_children(_task(meta), "original_size"), *_children(meta, "original_size")]
    if not found:
        return None
    texts = [_leaf_text(found[0], name) or "" for name in ("width", "height")]
    if not all(re.fullmatch("[1-9][0-9]{0,5}", text) for text in texts):
        expected, got = "a width and a height in whole pixels", repr(" ".join(texts)[:40])
        raise FormatError(expected=expected, got=got, field="meta/task/original_size", hint="correct the file or export it again")
    return int(texts[0]), int(texts[1])


def _label_lists(meta: Node) -> list[Node]:
    task = _task(meta)
    return [*_children(task, "labels"), *[child for node in _children(meta, "project") for child in _children(node, "labels")]]


def labels_of(meta: Node) -> dict[str, Label]:
    found = {}
    for labels in _label_lists(meta):
        for label in _children(labels, "label"):
            is_mutable, kind = {}, {}
            for attribute in [one for some in _children(label, "attributes") for one in _children(some, "attribute")]:
                name, mutable, input_type = _attribute(attribute)
                is_mutable[name], kind[name] = mutable, input_type
            found[_leaf_text(label, "name") or ""] = Label(is_mutable, kind)
    return found


def _attribute(node: Node) -> tuple[str, bool, str]:
    if isinstance(node[2], str):
        old = _OLD.fullmatch(node[2].strip()) or _OLD.fullmatch(f"{node[2].strip()}:")
        return (old[3], old[1] == "~", old[2]) if old else (node[2], True, "text")
    return _leaf_text(node, "name") or "", (_leaf_text(node, "mutable") or "").lower() == "true", _leaf_text(node, "input_type") or "text"


def without_attribute(node: Node, name: str) -> Node:
    """The meta without the definitions of the attribute of that name, and without empty lists of them."""
    if not isinstance(node[2], list):
        return node
    stay = [one for one in node[2] if node[0] != "attributes" or one[0] != "attribute" or _attribute(one)[0] != name]
    inside = [one for one in (without_attribute(child, name) for child in stay) if one[0] != "attributes" or one[2]]
    return [node[0], node[1], inside]


# ------------------------------------------------------------ and back


def leaf(name: str, text: Any) -> Node:
    return [name, {}, str(text)]


def label_nodes(values: Mapping[str, tuple[bool, set[str]]], typed: Container[str]) -> list[Node]:
    """Definitions of attributes. values : name -> whether it changes, and its texts; typed : names of those that take any text"""
    nodes = []
    for name, (is_mutable, texts) in values.items():
        listed = sorted(texts)
        if name not in typed and texts <= {"true", "false"}:
            kind, listed = "checkbox", ["false"]
        else:
            is_short = len(texts) <= MOST_VALUES and sum(map(len, texts)) + len(texts) <= LONGEST
            kind = "select" if name not in typed and is_short and not any("\n" in text or not text for text in texts) else "text"
        parts = [("name", name), ("mutable", str(is_mutable)), ("input_type", kind), ("default_value", listed[0] if kind != "text" else "")]
        nodes.append(["attribute", {}, [leaf(*part) for part in parts] + [leaf("values", "\n".join(listed) if kind != "text" else "")]])
    return nodes


def with_labels(
    meta: Node, wanted: Mapping[str, Mapping[str, tuple[bool, set[str]]]], skeletons: Mapping[str, Sequence[str]], typed: Container[str] = ()
) -> Node:
    """The meta with definitions of all labels and attributes that are used; those it has stay as they are, but for attributes in the old form,
    which others do not read any more."""
    known = labels_of(meta)
    lists = _label_lists(meta)
    old = {_leaf_text(label, "name"): label for label in (_children(lists[0], "label") if lists else [])}
    labels = {name: _with_parts(label) for name, label in old.items()}
    for category, attributes in wanted.items():
        missing = {name: said for name, said in attributes.items() if name not in known.get(category, Label({})).is_mutable}
        if category in old and not missing:
            continue
        label = labels.get(category, ["label", {}, [leaf("name", category)]])
        had = [one for some in _children(label, "attributes") for one in _children(some, "attribute")]
        rest = [child for child in label[2] if child[0] != "attributes"]
        kind = [leaf("type", "skeleton")] if category in skeletons and category not in old else []
        labels[category] = ["label", label[1], [*rest, *kind, ["attributes", {}, [*had, *label_nodes(missing, typed)]]]]
    for category, points in skeletons.items():
        if category not in old:
            for name in points:
                labels[f"{category}/{name}"] = ["label", {}, [leaf("name", name), leaf("type", "points"), leaf("parent", category)]]
    return _with_list(meta, ["labels", {}, list(labels.values())])


def _with_parts(label: Node) -> Node:
    """The label with its attributes in parts: name, mutable, input_type, default_value, values."""
    if not isinstance(label[2], list):
        return label
    return [label[0], label[1], [[one[0], one[1], _in_parts(one[2])] if one[0] == "attributes" else one for one in label[2]]]


def _in_parts(attributes: Any) -> Any:
    if not isinstance(attributes, list):
        return attributes
    fresh = []
    for node in attributes:
        is_old = node[0] == "attribute" and isinstance(node[2], str)
        old = (_OLD.fullmatch(node[2].strip()) or _OLD.fullmatch(f"{node[2].strip()}:")) if is_old else None
        if old is None:
            fresh.append(node)
            continue
        values = [text for text in old[4].rstrip(":").split(",") if text]
        parts = [("name", old[3]), ("mutable", str(old[1] == "~")), ("input_type", old[2]), ("default_value", values[0] if values else "")]
        fresh.append(["attribute", {}, [*[leaf(*part) for part in parts], leaf("values", "\n".join(values))]])
    return fresh


def _with_list(meta: Node, labels: Node) -> Node:
    """The meta with that list of labels in its task, or where the task has none of its own, in its project."""
    project = next(iter(_children(meta, "project")), None)
    if project is not None and _children(project, "labels"):
        fresh = [child if child[0] != "labels" else labels for child in project[2]]
        return [meta[0], meta[1], [child if child is not project else [child[0], child[1], fresh] for child in meta[2]]]
    task = _task(meta)
    parts = task[2] if isinstance(task[2], list) else []
    fresh = [labels if child[0] == "labels" else child for child in parts]
    fresh += [] if _children(task, "labels") else [labels]
    return [meta[0], meta[1], [child if child is not task else [child[0], child[1], fresh] for child in meta[2]]]
