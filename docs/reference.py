"""Generates two pages of the site: the keys of a config, and the commands."""

import json
import re
from typing import Any

from motionfit.cli import app

Schema = dict[str, Any]


# ------------------------------------------------------------------------------- keys of a config


def config_page(schema: Schema) -> str:
    """The reference of the config, as Markdown: the top level, and a section for each recipe that
    it refers to, in the order of the first reference."""
    recipes = schema["$defs"]
    found = references(schema["properties"])
    for name in found:  # grows while it is read
        found += [more for more in references(recipes[name]) if more not in found]
    sections = [section(name, recipes[name]) for name in found]
    return "\n\n".join(
        [
            "# Keys of a config",
            "A config is a YAML file. `motionfit schema` prints the JSON schema from which this "
            "page is made; editors use it to complete and check a config. A key that you leave out "
            "has its default.",
            "## Top level",
            *keys(schema),
            *sections,
        ]
    )


def references(part: Any) -> list[str]:
    """Names of the recipes that a part of a schema refers to, in order, each once."""
    if isinstance(part, list):
        found = [name for value in part for name in references(value)]
    elif isinstance(part, dict):
        found = [
            name for key, value in part.items() if key != "default" for name in references(value)
        ]
        if "$ref" in part:
            found.insert(0, part["$ref"].rpartition("/")[2])
    else:
        found = []
    return list(dict.fromkeys(found))


def section(name: str, recipe: Schema) -> str:
    return "\n\n".join([f"## {name}", recipe.get("description", ""), *keys(recipe)])


def keys(recipe: Schema) -> list[str]:
    """One entry per key: its name, what it may be, its default, and what it means."""
    required = recipe.get("required", [])
    entries = []
    for name, value in recipe["properties"].items():
        facts = [kind(value)]
        if name in required:
            facts.append("required")
        elif "default" in value and not isinstance(value["default"], dict):
            facts.append(f"default `{written(value['default'])}`")
        text = " ".join(value.get("description", "").split())
        entries.append(f"**`{name}`** ({', '.join(facts)})\n:   {text}")
    return entries


def written(value: Any) -> str:
    """A value as a config has it."""
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return value if isinstance(value, str) and value else json.dumps(value)


def kind(value: Schema) -> str:
    """What a key may be, in words, with links to other recipes."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in value:
        return " or ".join(f"`{choice}`" for choice in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    if choices := value.get("anyOf") or value.get("oneOf"):
        return " or ".join(dict.fromkeys(map(kind, choices)))
    match value.get("type"):
        case "array" if "prefixItems" in value:
            return f"[{', '.join(map(kind, value['prefixItems']))}]"
        case "array":
            items = value.get("items")
            return f"list of {kind(items)}" if items else "list"
        case "object":
            items = value.get("additionalProperties")
            return f"names, each with {kind(items)}" if isinstance(items, dict) else "keys"
        case "null":
            return "null"
        case "boolean":
            return "true or false"
        case "string":
            return "path" if value.get("format") == "path" else "text"
        case kind_of_number:
            return f"{kind_of_number}{limits(value)}"


def limits(value: Schema) -> str:
    """The bounds of a number."""
    words = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "exclusiveMaximum": "below",
    }
    parts = [
        f"{word} {value[key]:g}" for key, word in words.items() if abs(value.get(key, 1e9)) < 1e6
    ]
    return " " + " ".join(parts) if parts else ""


# --------------------------------------------------------------------------------------- commands


def commands_page() -> str:
    """The reference of the commands, as Markdown. Stages are commands of the workflow, and are left
    out."""
    text = app.generate_docs(output_format="markdown")
    text = re.sub(r"\n## motionfit stage\n.*?(?=\n## |\Z)", "", text, flags=re.DOTALL)
    text = re.sub(r"^(motionfit (\w+)) \2", r"\1", text, flags=re.MULTILINE)
    text = re.sub(r"(`--threads INT`.*?) \*\[default: \d+\]\*", r"\1 *[default: all cores]*", text)
    head, _, commands = text.partition("\n## motionfit ")
    introduction = head.partition("```\n\n")[2].partition("## Table of Contents")[0]
    return f"# Commands\n\n{introduction}\n## motionfit {commands}"
