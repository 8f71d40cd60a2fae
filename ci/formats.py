"""Reads what `ci/formats` had written with the programs that such files are made for, and compares what they find."""

import collections
import io
import json
import pathlib
import sys

import junitparser
import kcidb_io
import markdown_it
import kunit_parser
import kunit_printer

folder = pathlib.Path(sys.argv[1])


def kind(verdict):
    """What all formats can tell apart."""
    return verdict if verdict in ("pass", "skip") else "failed"


outcomes = json.loads((folder / "json").read_text())["outcomes"]


def machine(outcome):
    """The machine of a run; one that did not boot, as it was asked for."""
    return "Linux {kernel}, mdadm {mdadm}, {accel}".format(**outcome["machine"]) if outcome["machine"] else outcome["options"]


def name(outcome):
    """What a run is called where its machine is no part of its name."""
    return outcome["scenario"] if outcome["machine"] or not outcome["options"] else f"{outcome['scenario']} {outcome['options']}"


def named(name):
    return collections.Counter((name(outcome), kind(outcome["verdict"])) for outcome in outcomes)


def where(outcome):
    return outcome["scenario"] + (f" on {machine(outcome)}" if machine(outcome) else "")


failed = [outcome for outcome in outcomes if kind(outcome["verdict"]) == "failed"]
of_the_laboratory = {name(outcome) for outcome in failed if outcome["verdict"] in ("infra", "usage", "boot", None)}


def junit():
    for suite in junitparser.JUnitXml.fromfile(str(folder / "junit")):
        for case in suite:
            [result] = case.result or [None]
            of = {type(None): "pass", junitparser.Skipped: "skip"}
            assert result is None or result.message, f"{case.name} says nothing of why it did not pass"
            assert not isinstance(result, junitparser.Error) or case.name in of_the_laboratory, f"{case.name} is no error"
            yield case.name, of.get(type(result), "failed")


def markdown():
    """The numbers of the table, as a reader of GitHub's sees them, and the titles of what failed."""
    tokens = markdown_it.MarkdownIt("commonmark").enable("table").parse((folder / "markdown").read_text())
    text = lambda token: "".join(child.content for child in token.children)
    inline = [token for token in tokens if token.type == "inline"]
    cells = [text(token) for before, token in zip(tokens, tokens[1:]) if before.type == "td_open"]
    for counted, *numbers in zip(*[iter(cells)] * 4):
        for how, number in zip(("pass", "skip", "failed"), numbers):
            for _ in range(int(number)):
                yield counted, how
    titles = collections.Counter(text(token).split(" ", 1)[1] for token in inline if token.children[0].content == "" and len(token.children) > 3)
    wanted = collections.Counter(where(outcome) for outcome in failed)
    assert not titles - wanted and titles.total() == min(20, len(failed)), f"titles: {titles}, expected of {wanted}"


def annotations():
    for line in (folder / "github").read_text().splitlines():
        command, _, text = line.removeprefix("::error ").partition("::")
        properties = dict(one.split("=", 1) for one in command.split(","))
        for code, sign in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            properties = {key: value.replace(code, sign) for key, value in properties.items()}
            text = text.replace(code, sign) if code not in ("%3A", "%2C") else text
        assert text.strip(), f"{properties['title']} says nothing"
        yield properties["title"], "failed"


def ktap():
    # It prints all that it reads.
    kunit_parser.stdout = kunit_printer.Printer(io.StringIO())
    top = kunit_parser.parse_run_tests((folder / "ktap").read_text().splitlines())
    assert top.counts.errors == 0, f"kunit_parser.py found {top.counts.errors} errors"
    statuses = {"SUCCESS": "pass", "SKIPPED": "skip", "FAILURE": "failed"}
    for machine in top.subtests:
        for test in machine.subtests:
            yield test.name, statuses[test.status.name]


def kcidb():
    report = json.loads((folder / "kcidb").read_text())
    schema = kcidb_io.schema.V5_3
    assert schema.is_compatible_exactly(report), "KCIDB 5.3 is expected"
    schema.validate_exactly(report)
    statuses = {"PASS": "pass", "SKIP": "skip", "FAIL": "failed", "ERROR": "failed"}
    builds = {build["id"] for build in report["builds"]}
    assert builds and all(test["build_id"] in builds for test in report["tests"])
    for test in report["tests"]:
        yield test["path"].removeprefix("mdlab.").replace(".", "::"), statuses[test["status"]]


wrong = 0
for read, expected in (
    (junit, named(name)),
    (ktap, named(name)),
    (kcidb, named(lambda outcome: outcome["scenario"].replace(" ", "_"))),
    (markdown, named(lambda outcome: machine(outcome) if outcome["machine"] else "no machine")),
    (annotations, collections.Counter((where(outcome), "failed") for outcome in failed)),
):
    found = collections.Counter(read())
    print(f"{read.__name__}: {found.total()} of {expected.total()} runs, {len(found - expected)} of them not as they ended")
    for (scenario, how), count in (found - expected).items():
        print(f"  {scenario}: {count} too many read as {how}")
    wrong += found != expected
sys.exit(1 if wrong else 0)
