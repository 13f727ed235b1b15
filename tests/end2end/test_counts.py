"""The counts of a classification: whatever is chosen, stopped and started again, each tweet is in just one of them."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.study import cascade, classification
from app.study.classification import classify_study
from app.study.labelling import Labelling
from app.study.study import Study
from db.tables import Prediction, Tweet
from tests.end2end.cascade_at_work import TERMS

JOBS = st.lists(
    st.fixed_dictionaries(
        {
            "cascade": st.sampled_from([TERMS, TERMS, None]),
            "again": st.booleans(),
            "only_unlabelled": st.booleans(),
            "language": st.sampled_from(["", "", "es"]),
            "limit": st.sampled_from([None, None, 40]),
            # After so many looks at it; a whole job with a cascade looks 24 times.
            "stop": st.one_of(st.none(), st.integers(0, 24)),
            # Whether the choices of the job before are kept: then it goes on where that was stopped.
            "same": st.booleans(),
            # So many tweets get a label in between.
            "label": st.integers(0, 3),
        }
    ),
    min_size=2,
    max_size=4,
)
CHOICES = ("cascade", "again", "only_unlabelled", "language", "limit")


def _outcomes(study: Study) -> dict[int, tuple[str, bool, str]]:
    """Return {tweet: (status, settled, when)}."""
    with study.reading() as session:
        rows = session.execute(
            select(Prediction.tweet_id, Prediction.status, Prediction.settled, Prediction.created)
        )
        return {row[0]: (row[1], row[2], row[3]) for row in rows}


def _chosen(study: Study, job: dict[str, Any]) -> set[int]:
    with study.reading() as session:
        rows = session.execute(select(Tweet.id, Tweet.lang, Tweet.labelled)).all()
    return {
        row.id
        for row in rows
        if (not job["language"] or row.lang == job["language"])
        and not (job["only_unlabelled"] and row.labelled)
    }


def _stop_after(looks: int | None) -> Any:
    left = looks

    def stop() -> bool:
        nonlocal left
        if left is None:
            return False
        left -= 1
        return left < 0

    return stop


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(jobs=JOBS)
def test_the_counts_always_sum_up_and_are_those_of_the_study(
    jobs: list[dict[str, Any]], fresh: Path, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against what stands in the study before and after each job, tweet by tweet."""
    monkeypatch.setattr(classification, "CHUNK", 32)
    monkeypatch.setattr(cascade, "_CHUNK", 64)
    path = Path(shutil.copyfile(fresh, tmp_path / "s.stancedesk"))
    with Study.open(path) as study:
        coder = Labelling(study, "Mia")
        unlabelled = sorted(_chosen(study, {"language": "", "only_unlabelled": True}), reverse=True)
        job = jobs[0]
        for number, drawn in enumerate(jobs):
            job = drawn | {choice: job[choice] for choice in CHOICES if number and drawn["same"]}
            for _ in range(drawn["label"]):
                coder.show(unlabelled.pop())
                coder.label("pro", 1.0)
            before, chosen = _outcomes(study), _chosen(study, job)
            report = classify_study(
                study, tiny, stop=_stop_after(job["stop"]), **{choice: job[choice] for choice in CHOICES}
            )
            after = _outcomes(study)
            new = {tweet: row for tweet, row in after.items() if before.get(tweet) != row}
            counts = (report.before, report.predicted, report.settled, report.failed, report.left)
            assert report.selected == sum(counts) and min(counts) >= 0
            assert report.stopped or report.left == 0
            assert report.failed == sum(report.failures.values())
            assert sum(report.per_leaf.values()) == report.predicted + report.settled
            # What each tweet of the study came to in this job.
            assert report.predicted == sum(row[:2] == ("predicted", False) for row in new.values())
            assert report.settled == sum(row[1] for row in new.values())
            assert report.failed - report.failed_before == sum(row[0] == "failed" for row in new.values())
            if job["cascade"] is None:
                redone = [t for t in new if t in before and before[t][1]]
                assert report.were_settled == len(redone)
            if job["limit"] is None:
                # A sample that was drawn before a stop may have tweets that are labelled now.
                assert report.selected == len(chosen | set(new))
            if not job["again"]:
                kept = [before[t] for t in chosen if t in before and before[t][0] == "predicted"]
                # Without a cascade, what a light model settled is the model's to do.
                kept = [row for row in kept if job["cascade"] is not None or not row[1]]
                assert report.before == len(kept)
                assert report.before_settled == sum(row[1] for row in kept)


def test_a_job_that_goes_on_tells_what_was_done_before(fresh: Path, tiny: str, tmp_path: Path) -> None:
    path = Path(shutil.copyfile(fresh, tmp_path / "s.stancedesk"))
    with Study.open(path) as study:
        first = classify_study(study, tiny, limit=100)
        assert (first.selected, first.before, first.predicted) == (100, 0, 100)
        rest = classify_study(study, tiny)
        assert (rest.selected, rest.before, rest.predicted, rest.failed) == (529, 100, 428, 1)
        told = rest.summary()
        assert "529 selected = 100 classified before + 428 classified now + 1 failed" in told
        assert "1 failed: no text is left" in told
        again = classify_study(study, tiny, again=True)
        assert (again.selected, again.before, again.predicted, again.failed) == (529, 0, 528, 1)


def test_a_cascade_that_goes_on_counts_what_failed_before_the_stop(
    fresh: Path, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classification, "CHUNK", 32)
    path = Path(shutil.copyfile(fresh, tmp_path / "s.stancedesk"))
    with Study.open(path) as study:
        stops = 0
        # Stopped in the samples, while settling, and in the full pass.
        while (report := classify_study(study, tiny, cascade=TERMS, stop=_stop_after(5))).stopped:
            stops += 1
            assert report.left > 0 and f"{report.left} left" in report.summary()
        assert stops >= 3
        assert report.selected == 529 and report.failed == 1 and report.before > 0
        assert report.before + report.predicted + report.settled == 528
        assert report.before_settled + report.settled == report.cascade["settled"]  # type: ignore[index]


def test_without_a_cascade_the_model_itself_does_what_a_light_model_settled(
    fresh: Path, tiny: str, tmp_path: Path
) -> None:
    path = Path(shutil.copyfile(fresh, tmp_path / "s.stancedesk"))
    with Study.open(path) as study:
        settled = classify_study(study, tiny, cascade=TERMS).settled
        assert settled > 50
        with_cascade = classification.count_selected(study, "tiny", cascade=True)
        assert (len(with_cascade.keys), with_cascade.before, with_cascade.before_settled) == (1, 528, settled)
        without = classification.count_selected(study, "tiny")
        assert (len(without.keys), without.before, len(without.settled)) == (
            1 + settled,
            528 - settled,
            settled,
        )
        events: list[dict[str, Any]] = []
        report = classify_study(study, tiny, on_event=events.append)
        assert any(f"has settled {settled} of them before" in event.get("message", "") for event in events)
        assert (report.selected, report.before, report.before_settled) == (529, 528 - settled, 0)
        assert (report.predicted, report.were_settled, report.failed) == (settled, settled, 1)
        assert f"{settled} classified now ({settled} of them settled before)" in report.summary()
        assert not any(row[1] for row in _outcomes(study).values())
        # Nothing is left of it for another one.
        assert classify_study(study, tiny).were_settled == 0
