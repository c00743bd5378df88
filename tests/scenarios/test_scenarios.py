"""Every scenario beside this file, put to Palisade: each step must go as written."""

from pathlib import Path

import pytest
from scenarios.run import compare, differs, filled, load, run

FILES = sorted(Path(__file__).parent.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_story_goes_as_written(account, other_account, path):
    outcomes = run(load(path), {"root": account.root, "other": other_account.root})
    wrong = [f"step {o.id}, {o.title}: {o.problem}" for o in outcomes if o.problem]
    assert not wrong, "\n".join(wrong)


def test_a_difference_is_seen():
    assert differs({"a": {"b": 1}}, {"a": {"b": 2}}, "") and differs([1], [1, 2], "") and differs("~^x", "yx", "") and differs({"some": 1}, [2], "")
    assert not differs({"a": {"some": {"b": "~1"}}}, {"a": [{"b": "2"}, {"b": "01", "c": 3}], "d": 4}, "")
    refusal = {"Error": {"Code": "A", "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    assert compare({"refuse": "B"}, {}, refusal, {}) and compare({"refuse": "A", "status": 404}, {}, refusal, {}) and compare({"expect": {}}, {}, refusal, {})
    assert compare({"refuse": "A"}, {"x": 1}, None, {}) and not compare({"refuse": "A", "message": "m"}, {}, refusal, {})
    assert filled({"json": {"a": "${x}", "b": "${aws:username}"}}, {"x": "1"}) == '{"a": "1", "b": "${aws:username}"}'
