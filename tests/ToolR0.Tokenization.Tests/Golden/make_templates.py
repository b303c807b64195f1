"""Renders conversations.json, constructs.json and library.json (filters, tests and methods) with Jinja2 itself, set up as transformers sets it up: apt-get install python3-jinja2."""
import json
import pathlib

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


here = pathlib.Path(__file__).parent
environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception


def render(template, variables):
    try:
        return environment.from_string(template).render(**variables)
    except Exception:
        return None


cases = []
for case in json.loads((here / "conversations.json").read_text()):
    variables = {"tools": None, "documents": None, "add_generation_prompt": True, "bos_token": "<|begin_of_text|>", **case["variables"]}
    for name in case.get("templates", ["qwen2.5", "qwen3", "llama3.2"]):
        template = (here / "templates" / f"{name}.jinja").read_text()
        cases.append({"name": case["name"], "template": name, "variables": variables, "text": render(template, variables)})
(here / "conversations.golden.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")

for name in ["constructs", "library"]:
    constructs = json.loads((here / f"{name}.json").read_text())
    golden = [
        {"template": template, "variables": i, "text": render(template, variables)}
        for i, variables in enumerate(constructs["variables"])
        for template in constructs["templates"]
    ]
    (here / f"{name}.golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
