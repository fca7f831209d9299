"""The end of each job has a line."""

from __future__ import annotations

from app.jobs import service
from app.jobs.steps import Cancelled, Step, StepError, register_kind
from app.jobs.worker import Worker


def test_the_end_of_a_job_that_fails_or_is_cancelled_has_a_line(production, lines):
    def fail(_context):
        raise StepError("no")

    def cancel(context):
        with production.app_context():
            service.cancel(context.job.id)
        context.interrupt(Cancelled())
        context.check_cancelled()

    register_kind("test-failing", "Test", [Step("one", "First", fail)], lambda job: None)
    register_kind("test-cancelled", "Test", [Step("one", "First", cancel)], lambda job: None)
    with production.app_context():
        failed, cancelled = service.enqueue("test-failing", "", {}).id, service.enqueue("test-cancelled", "", {}).id
    Worker(production, 1).run(once=True)
    ends = {line.object_id: line.detail for line in lines("job.") if line.action == "job.end"}
    assert ends == {failed: "test-failing: failed", cancelled: "test-cancelled: cancelled"}
