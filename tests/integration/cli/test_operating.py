"""Problems, workers, users and types by the URL of a server."""

from __future__ import annotations

import json

from tests.integration.cli.conftest import Place
from tests.integration.engine.conftest import ScriptedExecutor
from vidijob.cli.exits import Exit
from vidijob.executors.base import Done, Outcome, StepContext, Wait
from vidijob.jobs.catalogue import PAGES
from vidijob.jobs.states import JobState


async def test_problems_are_listed_and_decided(vidijob: Place) -> None:
    there = False

    async def act(step: StepContext) -> Outcome:
        if there or step.step == 5000:
            return Done()
        return Wait("TEST", {"what": step.data["what"][0]}, "It is not there; bring it.")

    vidijob.engine.worker(ScriptedExecutor(work=act))
    vidijob.engine.scheduler()
    first, second, other = [await vidijob.engine.submit(what=what) for what in ("disk", "disk", "tape")]
    for id in (first, second, other):
        await vidijob.engine.until(id, JobState.WAITING)
    rows = [line.split("\t") for line in (await vidijob("problem", "list")).out.splitlines()]
    assert sorted(row[1:] for row in rows) == [
        ["TEST", "what=disk", "It is not there; bring it.", f"{first}, {second}"],
        ["TEST", "what=tape", "It is not there; bring it.", other],
    ]
    disk, tape = (row[0] for row in sorted(rows, key=lambda row: row[2]))
    assert (await vidijob("problem", "list", "--job", other)).out.split("\t")[0] == tape
    assert len(json.loads((await vidijob("problem", "list", "--json")).out)["problem"]) == 2
    assert (await vidijob("problem", "fail", tape)).out == f"The jobs of problem {tape} fail.\n"
    await vidijob.engine.until(other, JobState.FAILED_TOTAL)
    there = True
    assert (await vidijob("problem", "retry", disk, "--job", first)).out == f"{first} of problem {disk} tries again.\n"
    await vidijob.engine.until(first, JobState.FINISHED)
    assert (await vidijob("problem", "retry", "999")).code == Exit.NOT_FOUND
    ended = await vidijob("problem", "fail", disk, "--user", "reader")
    assert ended.code == Exit.DENIED and "vidijob user grant reader ROLE" in ended.err


async def test_workers_are_listed_drained_and_resumed(vidijob: Place) -> None:
    worker = vidijob.engine.worker(ScriptedExecutor())
    id = str(worker.id)
    while not (listed := (await vidijob("worker", "list")).out):
        pass
    assert listed.split("\t")[0] == id and listed.split("\t")[3] == "working"
    assert (await vidijob("worker", "drain", id)).out == f"The worker {id} takes no more steps.\n"
    assert json.loads((await vidijob("worker", "list", "--json")).out)["worker"][0]["drained"] is True
    assert (await vidijob("worker", "resume", id)).code == Exit.DONE
    assert (await vidijob("worker", "list")).out.split("\t")[3] == "working"
    assert (await vidijob("worker", "drain", "nobody")).code == Exit.NOT_FOUND


async def test_users_are_made_and_changed_by_the_server_or_on_its_database(vidijob: Place, url: str) -> None:
    new = {"VIDIJOB_NEW_PASSWORD": "very secret"}
    ended = await vidijob("user", "add", "ann", "--role", "_job_read", set=new)
    assert ended.out == "The user ann is there, with _job_read.\n", ended
    assert (await vidijob("user", "add", "ann", set=new)).code == Exit.FAULT
    as_ann: dict[str, str | None] = {"VIDIJOB_USER": "ann", "VIDIJOB_PASSWORD": "very secret"}
    assert (await vidijob("job", "list", set=as_ann)).code == Exit.DONE
    await vidijob("user", "grant", "ann", "_job_write", "_administrator")
    await vidijob("user", "revoke", "ann", "_job_read")
    # What the server did, the database shows, and the other way round.
    for place in ((), ("--database-url", url)):
        rows = {
            line.split("\t")[0]: line.split("\t")[1]
            for line in (await vidijob("user", "list", *place)).out.splitlines()
        }
        assert set(rows["ann"].split(", ")) == {"_job_write", "_administrator"}
    document = json.loads((await vidijob("user", "list", "--json")).out)
    assert {"admin", "reader", "ann"} == {one["userName"] for one in document["user"]}
    assert (await vidijob("user", "list", "--json", "--database-url", url)).code == Exit.USAGE
    assert (await vidijob("user", "disable", "ann")).code == Exit.DONE
    assert "ann (disabled)\t" in (await vidijob("user", "list", "--database-url", url)).out
    assert (await vidijob("user", "enable", "ann")).code == Exit.DONE
    assert (await vidijob("user", "password", "ann", set={"VIDIJOB_NEW_PASSWORD": "another one"})).code == Exit.DONE
    assert (await vidijob("user", "list", set={**as_ann, "VIDIJOB_PASSWORD": "another one"})).code == Exit.DONE
    assert (await vidijob("user", "delete", "ann", "--database-url", url)).code == Exit.DONE
    assert (await vidijob("user", "grant", "ann", "_job_read")).code == Exit.NOT_FOUND
    ended = await vidijob("user", "list", "--database-url", url, "--url", vidijob.url)
    assert ended.code == Exit.USAGE


async def test_types_are_those_of_the_server_where_one_is_named(vidijob: Place) -> None:
    lines = dict(line.split("\t") for line in (await vidijob("jobtype", "list")).out.splitlines())
    assert lines["WORK"] == "of this server" and lines["TRANSCODE"] == PAGES["TRANSCODE"].summary
    steps = [line.split("\t") for line in (await vidijob("jobtype", "show", "work")).out.splitlines()]
    assert [step[0] for step in steps] == ["100", "200", "5000"] and steps[-1][-1] == "clean-up"
    assert len(json.loads((await vidijob("jobtype", "show", "WORK", "--json")).out)["task"]) == 3
    assert (await vidijob("jobtype", "show", "NOPE")).code == Exit.NOT_FOUND
    # Without a server, the pages of this program.
    assert "WORK" not in (await vidijob("jobtype", "list", set={"VIDIJOB_URL": None})).out
    assert (await vidijob("jobtype", "list", "--xml", set={"VIDIJOB_URL": None})).code == Exit.USAGE
