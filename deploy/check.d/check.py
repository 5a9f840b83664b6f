"""Holds the dashboard, the alerts and the runbook against each other and against the table of
metrics in README.md.

    check.py                  say what does not fit
    check.py queries          print the dashboard's queries as rules, for promtool to read
    check.py resources FILE   hold the custom resources in a file against their definitions
"""

import json
import re
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent.parent
README = (HERE / "README.md").read_text()
# Labels that Prometheus adds to every series.
EVERYWHERE = {"job", "instance"}


def table():
    """Each metric's type and labels."""
    row = re.compile(r"^\| `(ticketd_\w+)` \| (\w+) \|(.*?)\|", re.MULTILINE)
    found = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in row.findall(README)
    }
    assert found, "README.md has no table of metrics"
    return found | {"up": ("gauge", set())}


METRICS = table()


def metric(name):
    """What a series of this name belongs to: its labels, or nothing if there is no such metric."""
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    kind, labels = METRICS.get(name, METRICS.get(base, (None, set())))
    if kind is None or (kind == "histogram") != (base != name):
        return None
    return labels | ({"le"} if name.endswith("_bucket") else set())


def problems_of(query):
    bare = re.sub(r'"[^"]*"', '""', query)
    names = set(re.findall(r"\b(ticketd_\w+|up)\b", bare))
    known = set(EVERYWHERE)
    for name in names:
        labels = metric(name)
        if labels is None:
            yield f"{name} is not in the table of metrics"
            return
        known |= labels
        for matchers in re.findall(name + r"\{([^}]*)\}", bare):
            for label in re.findall(r"(\w+)\s*[=!]", matchers):
                if label not in labels | EVERYWHERE:
                    yield f"{name} has no label {label}"
    for group in re.findall(r"\bby \(([^)]*)\)", bare):
        for label in re.findall(r"\w+", group):
            if label not in known:
                yield f"nothing in it has the label {label}"
    if not names:
        yield "it asks for no metric"


def dashboard_queries():
    dashboard = json.loads((HERE / "grafana/ticketd.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def alert_problems():
    rules = yaml.safe_load((HERE / "prometheus/alerts.yaml").read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((HERE / "prometheus/alerts_test.yaml").read_text())["tests"]
    cases = [case for test in tests for case in test["promql_expr_test"]]
    anchors = {title.lower() for title in re.findall(r"^### (\w+)$", README, re.MULTILINE)}
    for rule in rules:
        name = rule["alert"]
        for problem in problems_of(rule["expr"]):
            yield f"{name}: {problem}"
        if rule["labels"]["severity"] not in ("critical", "warning"):
            yield f"{name} has no severity"
        if rule["annotations"].keys() != {"summary", "description", "runbook_url"}:
            yield f"{name} lacks an annotation"
        if rule["annotations"]["runbook_url"] != f"deploy/README.md#{name.lower()}":
            yield f"{name} names another section of the runbook"
        if name.lower() not in anchors:
            yield f"README.md has no section {name}"
        mine = [case for case in cases if f'"{name}"' in case["expr"]]
        if not any(case.get("exp_samples") for case in mine):
            yield f"{name} is never tested to fire"
        if all(case.get("exp_samples") for case in mine):
            yield f"{name} is never tested to be silent"
    for anchor in anchors - {rule["alert"].lower() for rule in rules}:
        if anchor.startswith("ticketd"):
            yield f"README.md has a section {anchor}, and there is no such alert"


def as_rules():
    """What Grafana fills in is filled in."""
    rules = []
    for number, (_, query) in enumerate(dashboard_queries()):
        query = query.replace("$__rate_interval", "5m").replace("$job", ".+")
        rules.append({"record": f"panel:{number}", "expr": query})
    print(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, width=1000))


def resource_problems(path):
    from cloudcoil.models.keda import v1alpha1 as keda
    from cloudcoil.models.prometheus_operator import v1 as operator

    kinds = {"ScaledObject": keda.ScaledObject, "TriggerAuthentication": keda.TriggerAuthentication}
    kinds |= {"PodMonitor": operator.PodMonitor}
    found = set()
    for resource in yaml.safe_load_all(Path(path).read_text()):
        model = kinds.get(resource["kind"])
        if model is None:
            continue
        found.add(resource["kind"])
        read = model.model_validate(resource)
        # A field that the definition does not have is ignored, and missing afterwards.
        if read.model_dump(by_alias=True, exclude_unset=True, mode="json") != resource:
            yield f"{resource['kind']} has a field that its definition does not have"
    for kind in kinds.keys() - found:
        yield f"there is no {kind}"


def main(arguments):
    match arguments:
        case []:
            problems = [
                f"dashboard, {title}: {problem}"
                for title, query in dashboard_queries()
                for problem in problems_of(query)
            ]
            problems += alert_problems()
        case ["queries"]:
            return as_rules()
        case ["resources", path]:
            problems = list(resource_problems(path))
        case _:
            sys.exit(__doc__)
    if problems:
        sys.exit("\n".join(problems))


main(sys.argv[1:])
