"""Every page with ```console blocks is run as it is written, the README's tour first."""

import pytest
from docs.run_docs import REPOSITORY, matches, run_page, steps_of

PAGES = [page for page in (REPOSITORY / "README.md", REPOSITORY / "ARCHITECTURE.md", *sorted((REPOSITORY / "docs").glob("*.md"))) if page.exists() and steps_of(page.read_text())[0]]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_does_what_it_says(page):
    problems = run_page(page)
    assert not problems, "\n\n".join(problems)


def test_a_page_that_says_something_else_is_found_out(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```console\n$ palisade up --dev\n...\n$ X=1; echo \"one\n> two $X\"\none\ntwo 1\n$ echo $X \\\n  and more\n1 and more\n$ echo wrong\nright\n```\n")
    (problem,) = run_page(page)
    assert "line 11" in problem and "wrong" in problem


def test_masks_hide_what_differs_and_nothing_else():
    assert matches(["id AIDAABCDEFGHIJKLMNOP at 2026-01-02T03:04:05Z", "...", "end"], ["id AIDAZZZZZZZZZZZZZZZZ at 2027-01-02T03:04:05+00:00", "a", "b", "end"])
    assert matches(['"Id": "..."'], ['"Id": "x-y"']) and matches([], []) and matches(["..."], [])
    assert not matches(["AIDAABCDEFGHIJKLMNOP"], ["AROAABCDEFGHIJKLMNOP"]) and not matches(["a"], ["a", "b"]) and not matches([], ["a"])
