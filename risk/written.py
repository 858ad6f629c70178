"""What people write: files read whole, YAML read strictly, parts that refuse what they do not know.

Rule. Whatever lies at a path, its reader gets text, or one exception that says why not: a pipe is
not waited for, and a document that repeats a key, nests without end or holds a number or a date
that is none is refused like one with a missing bracket.

It stands here because risk is the lowest floor on which files enter; those above read by it too.
"""

import errno
import os
from collections.abc import Hashable
from pathlib import Path
from stat import S_ISREG
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, model_validator


class NotYaml(ValueError):
    """The text is no document; says where and what was found, not in which file."""


class Part(BaseModel):
    """A part of a file. Every part refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, told: object) -> object:
        if isinstance(told, dict):
            strange = [str(name) for name in told if name not in cls.model_fields]
            if strange:
                known = ", ".join(cls.model_fields)
                raise ValueError(f"unknown field {', '.join(strange)}; there are {known}")
        return told


def content(path: Path) -> bytes:
    """The bytes of a file; an `OSError` of anything else, which could be waited for for ever."""
    if not S_ISREG(path.stat().st_mode):
        what = "a folder" if path.is_dir() else "a pipe or a device"
        raise OSError(errno.EINVAL, f"{what}, not a file", os.fspath(path))
    return path.read_bytes()


def document(text: str) -> object:
    """The YAML document; raises `NotYaml`, which says so."""
    try:
        return yaml.load(text, _Strict)  # noqa: S506  # a SafeLoader that is stricter still
    except RecursionError as error:
        raise NotYaml("not YAML: nested too deep") from error
    except yaml.YAMLError as error:
        raise NotYaml("not YAML: " + " ".join(str(error).split())) from error


class _Strict(yaml.SafeLoader):
    """Refuses a key that is no plain word or stands twice: to YAML, the last one wins."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002  # as PyYAML has it
    ) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _flaw(key, "found a list or a mapping as a key; a plain word would do")
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise _flaw(key, f"the key {key.value!r} stands twice; once would do")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_object(
        self,
        node: yaml.Node,
        deep: bool = False,  # noqa: FBT001, FBT002  # as PyYAML has it
    ) -> Any:  # whatever the document holds
        """What looks like a number or a date, and is none, is a flaw of the document."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError) as error:
            raise _flaw(node, f"found {node.value!r:.40}: {error}") from error


def _flaw(node: yaml.Node, text: str) -> yaml.YAMLError:
    return yaml.YAMLError(f"line {node.start_mark.line + 1}: {text}")
