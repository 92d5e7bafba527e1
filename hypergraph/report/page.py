"""The file of a report: template, style, scripts and data in one, which its security policy keeps from all else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from hypergraph.report.blobs import Blobs, pack_json

MODULES = ("data", "state", "show", "network", "phases", "plots", "families", "main")
"""The scripts in the order in which they import each other."""
_PAGE = files("hypergraph.report") / "page"
_IMPORT = re.compile(r'^import [^;]*? from "\./\w+\.js";\n', re.MULTILINE)


def page(runs: Sequence[dict[str, Any]], blobs: Blobs) -> str:
    """The HTML of collected runs. Texts are escaped, and data are packed in letters that no markup has."""
    style, libraries, scripts = _read("style.css"), _libraries(), _scripts()
    data = {"data": pack_json(runs), **{f"blob-{number}": text for number, text in enumerate(blobs.texts)}}
    parts = {
        "policy": policy(style, libraries, scripts),
        "title": escape("; ".join(dict.fromkeys(run["title"] for run in runs))),
        "summary": escape(
            " ".join(f"{run['title']}: {summary(run)}" if len(runs) > 1 else summary(run) for run in runs)
        ),
        "runs": "\n".join(map(_facts, runs)),
        "style": style,
        "libraries": libraries,
        "scripts": scripts,
        "data": "\n".join(f'<script type="text/plain" id="{name}">{text}</script>' for name, text in data.items()),
    }
    return re.sub("@([a-z]+)@", lambda marker: parts[marker[1]], _read("index.html"))


def policy(style: str, *scripts: str) -> str:
    """The content security policy: nothing is fetched, and only this style and these scripts are used."""
    allowed = " ".join(map(_hash, scripts))
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


def _libraries() -> str:
    return "\n".join(_read(f"vendor/{name}.min.js") for name in json.loads(_read("vendor/packages.json")))


def _scripts() -> str:
    """All modules as one, without imports and exports: their names differ."""
    joined = "\n".join(_IMPORT.sub("", _read(f"{name}.js")) for name in MODULES)
    return re.sub("^export ", "", joined, flags=re.MULTILINE)


def summary(run: dict[str, Any]) -> str:
    """What was found, in one or two sentences."""
    networks, labels = run["networks"], run["labels"]
    counts = Counter(network["label"] for network in networks if network["label"] is not None)
    losses = [network["loss"] for network in networks if network["loss"] is not None]
    solved = sum(loss < run["solved_loss"] for loss in losses)
    members = f"{run['config']['members']} hypernetwork{'s' if run['config']['members'] > 1 else ''}"
    found = ", ".join(f"{labels[label]['name']} {count}" for label, count in counts.most_common())
    what = f"{members} generated {len(networks)} networks at {len(run['betas'])} prices of information."
    if not losses:
        return f"{what} All of them diverged."
    best = f"{solved} of them solve the task (loss below {run['solved_loss']:g}); the lowest loss is {min(losses):.4f}."
    return f"{what} {best}" + (f" They run {found}." if found else "")


def _facts(run: dict[str, Any]) -> str:
    """The configuration of a run as a list of names and values."""
    config, spec = run["config"], run["spec"]
    recipe = config["recipe"] or {}
    activation = spec["activation"] if isinstance(spec["activation"], str) else ", ".join(spec["activation"])
    trained = [f"{name.replace('_', ' ')} {value}" for name, value in recipe.items() if value is not None]
    facts = {
        "task": config["task"],
        "options": ", ".join(f"{name}={value}" for name, value in config["options"].items()),
        "network": f"{','.join(map(str, spec['sizes']))}, {activation}",
        "members": config["members"],
        "training": ", ".join(trained) or "none: these generators come with the task",
        "seed": config["seed"],
        "computed with": ", ".join(f"{name} {value}" for name, value in config["versions"].items()),
    }
    rows = [f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items() if value != ""]
    return f'<dl class="facts">{"".join(rows)}</dl>'
