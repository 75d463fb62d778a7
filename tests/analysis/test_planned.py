from factories import PIPELINE, record, run

from sdbench.analysis.planned import planned_knobs
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Axis, Suite

SUITE = Suite(name="test", fixed={"pipeline": PIPELINE}, axes=(Axis("steps", (2, 4)),))


def test_the_suite_tells_the_knobs_of_a_configuration_without_a_record(tmp_path):
    absent = Configuration.of({"pipeline": PIPELINE, "steps": 4})
    incomplete = run(tmp_path, [record(steps=2)], suite=SUITE, missing=[absent.key])
    assert planned_knobs(incomplete)[absent.key]["steps"] == 4


def test_the_default_configuration_is_among_them(tmp_path):
    default = Configuration.of({"pipeline": PIPELINE})
    incomplete = run(tmp_path, [record(steps=2)], suite=SUITE, missing=[default.key])
    assert planned_knobs(incomplete)[default.key]["steps"] is None


def test_what_the_suite_does_not_stand_for_stays_unknown(tmp_path):
    incomplete = run(tmp_path, [record(steps=2)], suite=SUITE, missing=["0123456789ab"])
    assert "0123456789ab" not in planned_knobs(incomplete)


def test_a_suite_that_cannot_be_read_hides_only_what_has_no_record(tmp_path):
    one = record(steps=2)
    incomplete = run(tmp_path, [one], missing=["0123456789ab"], suite_json={"from": "the future"})
    assert list(planned_knobs(incomplete)) == [one.key]
