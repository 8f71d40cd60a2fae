"""Reads what `ci/formats` had written with the programs that such files are made for, and compares what they find."""

import collections
import io
import json
import pathlib
import sys

import junitparser
import kcidb_io
import kunit_parser
import kunit_printer

folder = pathlib.Path(sys.argv[1])


def kind(verdict):
    """What all formats can tell apart."""
    return verdict if verdict in ("pass", "skip") else "failed"


outcomes = json.loads((folder / "json").read_text())["outcomes"]
expected = collections.Counter((outcome["scenario"], kind(outcome["verdict"])) for outcome in outcomes)


def junit():
    for suite in junitparser.JUnitXml.fromfile(str(folder / "junit")):
        for case in suite:
            [result] = case.result or [None]
            of = {type(None): "pass", junitparser.Skipped: "skip"}
            yield case.name, of.get(type(result), "failed")


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
for read in (junit, ktap, kcidb):
    found = collections.Counter(read())
    print(f"{read.__name__}: {found.total()} of {expected.total()} runs, {len(found - expected)} of them not as they ended")
    for (scenario, how), count in (found - expected).items():
        print(f"  {scenario}: {count} too many read as {how}")
    wrong += found != expected
sys.exit(1 if wrong else 0)
