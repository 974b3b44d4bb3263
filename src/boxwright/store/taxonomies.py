"""A taxonomy in JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ArgumentError
from ..shapes2d import Skeleton
from ..taxonomy import AttributeDefinition, Category, SizePrior, Taxonomy

__all__ = ["taxonomy_from", "taxonomy_mapping"]

_PRIOR = ("median_m", "low_m", "high_m", "source")
_FLAGS = ("is_rigid", "is_yaw_from_motion")


def taxonomy_mapping(taxonomy: Taxonomy) -> dict[str, Any]:
    return {"categories": [_category_mapping(category) for category in taxonomy]}


def _category_mapping(category: Category) -> dict[str, Any]:
    prior = category.size_prior
    return {
        "name": category.name,
        "category_id": category.category_id,
        "color": list(category.color),
        "size_prior": None if prior is None else {name: _listed(getattr(prior, name)) for name in _PRIOR},
        **{name: getattr(category, name) for name in _FLAGS},
        "aliases": list(category.aliases),
        "attributes": [_attribute_mapping(one) for one in category.attributes],
        "skeleton": None if category.skeleton is None else _skeleton_mapping(category.skeleton),
    }


def _skeleton_mapping(skeleton: Skeleton) -> dict[str, Any]:
    return {"points": list(skeleton.points), "edges": [list(edge) for edge in skeleton.edges]}


def _attribute_mapping(one: AttributeDefinition) -> dict[str, Any]:
    members = [_attribute_mapping(member) for member in one.members]
    return {"name": one.name, "kind": one.kind, "values": list(one.values), "is_mutable": one.is_mutable, "members": members}


def taxonomy_from(mapping: Any) -> Taxonomy:
    """ArgumentError where it is none that `taxonomy_mapping` makes."""
    try:
        return Taxonomy([_category(one) for one in mapping["categories"]])
    except (KeyError, TypeError, AttributeError) as error:
        hint = "bw.Taxonomy makes them"
        raise ArgumentError("not a taxonomy", got=f"{type(error).__name__} {error}", field="taxonomy", hint=hint) from None


def _category(one: Mapping[str, Any]) -> Category:
    prior, skeleton = one["size_prior"], one.get("skeleton")  # projects of before have no skeletons
    return Category(
        name=one["name"],
        category_id=one["category_id"],
        color=tuple(one["color"]),
        size_prior=None if prior is None else SizePrior(**{name: prior[name] for name in _PRIOR}),
        aliases=tuple(one["aliases"]),
        attributes=tuple(_attribute(item) for item in one["attributes"]),
        skeleton=None if skeleton is None else Skeleton(tuple(skeleton["points"]), tuple(tuple(edge) for edge in skeleton["edges"])),
        **{name: one[name] for name in _FLAGS},
    )


def _attribute(one: Mapping[str, Any]) -> AttributeDefinition:
    members = tuple(_attribute(member) for member in one["members"])
    return AttributeDefinition(one["name"], one["kind"], tuple(one["values"]), one["is_mutable"], members)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
