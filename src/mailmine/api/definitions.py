"""What a dataset's labels and fields are called. mailmine trains no model; it keeps the names that clients give."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from mailmine.api.limits import Title

Flag = Literal["gpt4", "external_moon_llm", "qos", "zero_shot_labels"]
"""What clients know; any other word would break their lists."""
Word = Annotated[str, Meta(max_length=1_024)]
Words = Annotated[tuple[Word, ...], Meta(max_length=1_024)]
_DEFAULT_GROUP = "default"


class EntityDef(Struct, frozen=True, rename={"flags": "_entity_def_flags"}):
    """A kind of field that is found in messages."""

    name: Word
    title: Title = ""
    trainable: bool = False
    inherits_from: Words = ()
    flags: Words = ()

    def shown(self) -> Mapping[str, Any]:
        """Tell of it as clients need it."""
        digest = hashlib.sha256(self.name.encode())
        return {
            "id": digest.hexdigest()[:16],
            "color": int.from_bytes(digest.digest()[:3], "big"),
            **msgspec.to_builtins(self),
        }


class GeneralField(Struct, frozen=True, omit_defaults=True):
    """A field of a message as a whole."""

    api_name: Word
    title: Word | None = None
    field_type_id: Word | None = None
    field_type_name: Word | None = None


class Pretrained(Struct, frozen=True, omit_defaults=True):
    """The label of a model that the vendor trained."""

    id: Word
    name: Word | None = None


class LabelDef(Struct, frozen=True, omit_defaults=True):
    """A label: what messages are about."""

    name: Word
    title: Word | None = None
    description: Annotated[str, Meta(max_length=16_384)] | None = None
    external_id: Word | None = None
    pretrained: Pretrained | None = None

    def shown(self) -> Mapping[str, Any]:
        """Tell of it as clients need it."""
        told: dict[str, Any] = msgspec.to_builtins(self) | {
            "title": self.title or "",
            "description": self.description or "",
        }
        if self.pretrained is not None:
            pretrained = self.pretrained
            told["pretrained"] = {"id": pretrained.id, "name": pretrained.name or self.name}
        return told


LabelDefs = Annotated[tuple[LabelDef, ...], Meta(max_length=4_096)]


class LabelGroup(Struct, frozen=True):
    """Labels that belong together."""

    name: Word
    label_defs: LabelDefs = ()
    instructions: Annotated[str, Meta(max_length=65_536)] = ""

    def shown(self) -> Mapping[str, Any]:
        """Tell of it as clients need it."""
        return {
            "name": self.name,
            "instructions": self.instructions,
            "label_defs": [one.shown() for one in self.label_defs],
        }


EntityDefs = Annotated[tuple[EntityDef, ...], Meta(max_length=1_024)]
GeneralFields = Annotated[tuple[GeneralField, ...], Meta(max_length=1_024)]
LabelGroups = Annotated[tuple[LabelGroup, ...], Meta(max_length=256)]


class Definitions(Struct, frozen=True, omit_defaults=True):
    """All of a dataset; kept as it was said."""

    entity_defs: EntityDefs = ()
    general_fields: GeneralFields = ()
    label_defs: LabelDefs = ()
    label_groups: LabelGroups = ()

    def shown(self) -> Mapping[str, Any]:
        """Tell of them. Labels without a group are those of the default one."""
        groups = list(self.label_groups)
        if self.label_defs and not any(one.name == _DEFAULT_GROUP for one in groups):
            groups.insert(0, LabelGroup(name=_DEFAULT_GROUP, label_defs=self.label_defs))
        labels = self.label_defs or next(
            (one.label_defs for one in groups if one.name == _DEFAULT_GROUP), ()
        )
        return {
            "entity_defs": [one.shown() for one in self.entity_defs],
            "general_fields": msgspec.to_builtins(self.general_fields),
            "label_defs": [one.shown() for one in labels],
            "label_groups": [one.shown() for one in groups],
        }


def written(definitions: Definitions) -> Mapping[str, Any]:
    """Write them as they are kept."""
    kept: Mapping[str, Any] = msgspec.to_builtins(definitions)
    return kept


def read(kept: Mapping[str, Any]) -> Definitions:
    """Read what `written` wrote."""
    return msgspec.convert(kept, Definitions)
