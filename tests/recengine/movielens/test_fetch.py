"""A line that breaks, a server that changes its mind: what has arrived is used again only where it may be."""

from __future__ import annotations

import hashlib
import logging
import re

import httpx
import pytest
from http_shelf import CONTENT, NAME, NEWER, ZIP, failure, files, part_of

from recengine.movielens import fetch
from recengine.movielens.download import download


def test_a_flaky_line_is_taken_up_where_it_broke(shelf, target):
    shelf.drops = [100_000 + i for i in range(12)]  # more breaks than attempts, but each brings something
    download(NAME, target, base_url=shelf.url)

    assert files(target) == CONTENT
    answers = shelf.of_the_zip()
    assert [a.status for a in answers] == [200] + [206] * 12
    assert answers[1].asked == "bytes=100000-"
    assert sum(a.sent for a in answers) == len(ZIP)


@pytest.mark.parametrize(("etag", "dated"), [(True, False), (False, True)])
def test_either_an_etag_or_a_date_is_enough_to_resume(shelf, target, etag, dated):
    shelf.etag, shelf.dated, shelf.drops = etag, dated, [500_000]
    download(NAME, target, base_url=shelf.url)
    assert [(a.status, a.sent) for a in shelf.of_the_zip()] == [(200, 500_000), (206, len(ZIP) - 500_000)]


def test_without_any_version_or_ranges_it_starts_over(shelf, target):
    shelf.etag = shelf.dated = False
    shelf.drops = [500_000]
    download(NAME, target, base_url=shelf.url)
    assert [(a.asked, a.sent) for a in shelf.of_the_zip()] == [(None, 500_000), (None, len(ZIP))]

    other = target.with_name("other")
    shelf.answers.clear()
    shelf.etag, shelf.ranges, shelf.drops = True, False, [500_000]
    download(NAME, other, base_url=shelf.url)
    assert [(a.asked, a.status) for a in shelf.of_the_zip()] == [(None, 200), ("bytes=500000-", 200)]
    assert files(target) == files(other) == CONTENT


@pytest.mark.parametrize("if_range", [True, False], ids=["server knows If-Range", "server ignores If-Range"])
@pytest.mark.parametrize("kept", [500_000, len(ZIP)])
def test_a_file_that_changed_between_two_calls_is_fetched_anew(shelf, target, if_range, kept):
    shelf.drops, shelf.statuses = [kept], [200, 404]
    shelf.md5 = "no checksum" if kept == len(ZIP) else shelf.md5
    failure(shelf, target)
    assert part_of(target).stat().st_size == kept

    shelf.statuses, shelf.drops, shelf.if_range = [], [], if_range
    shelf.zip, shelf.md5 = NEWER, f"MD5 ({NAME}.zip) = {hashlib.md5(NEWER).hexdigest().upper()}\n"
    download(NAME, target, base_url=shelf.url)
    assert b"Toy Story" in (target / "movies.csv").read_bytes()
    assert shelf.of_the_zip()[-1].sent == len(NEWER)


def test_a_zip_that_is_all_here_is_not_sent_again(shelf, target):
    shelf.md5 = "no checksum"
    assert "holds no MD5 checksum" in failure(shelf, target)
    shelf.md5 = hashlib.md5(ZIP).hexdigest()
    download(NAME, target, base_url=shelf.url)
    assert [(a.status, a.sent) for a in shelf.of_the_zip()] == [(200, len(ZIP)), (416, 0)]


def test_transient_answers_are_tried_again_and_others_are_not(shelf, target, caplog):
    shelf.statuses = [503, 500, 429]
    with caplog.at_level(logging.WARNING):
        download(NAME, target, base_url=shelf.url)
    assert re.search(r"attempt 1 of 5: .*503 Service Unavailable.*; again in 0\.0 s\n", caplog.text)
    assert [a.status for a in shelf.of_the_zip()] == [503, 500, 429, 200]

    shelf.answers.clear()
    shelf.statuses = [404] * 9
    sentence = failure(shelf, target.parent / "elsewhere" / NAME)
    assert sentence.startswith(f"{shelf.url}/{NAME}.zip answered 404 Not Found; try again later or set")
    assert [a.status for a in shelf.answers] == [404]


def test_a_server_that_stays_down_gets_five_attempts(shelf, target):
    shelf.statuses = [503] * 9
    assert "answered 503 Service Unavailable" in failure(shelf, target)
    assert len(shelf.answers) == fetch.ATTEMPTS == 5


def test_a_line_that_stays_broken_says_how_to_go_on(shelf, target):
    shelf.drops = [1_000_000] + [0] * 19
    sentence = failure(shelf, target)
    assert sentence.startswith("Could not finish the download from 127.0.0.1 (")
    assert (
        "run again to go on after the 1.0 MB that are here, or download ml-latest-small.zip on a" in sentence
    )
    assert len(shelf.answers) == 2 * fetch.ATTEMPTS  # once more, as the first five brought something


def test_silence_is_a_transient_fault(shelf, target, monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT", httpx.Timeout(0.3))
    shelf.hang_after = 700_000
    download(NAME, target, base_url=shelf.url)
    assert [a.sent for a in shelf.of_the_zip()] == [700_000, len(ZIP) - 700_000]
    assert files(target) == CONTENT


def test_a_login_page_does_not_replace_what_is_here(shelf, target):
    shelf.drops, shelf.statuses = [500_000], [200, 404]
    failure(shelf, target)
    shelf.content_type, shelf.ranges, shelf.zip = (
        "text/html; charset=utf-8",
        False,
        b"<html>please log in</html>",
    )
    assert "answered with a web page instead of a file" in failure(shelf, target)
    assert part_of(target).stat().st_size == 500_000
