"""Scripts that sites add to the imports of real servers (contract 9: steps 540, 545 and 852), defined over the API as their
administrators do, in XML, and run in a real import.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lxml import etree
from pymediainfo import MediaInfo

from tests.acceptance.conftest import Client, Installation
from tests.acceptance.test_custom_types import data

NAMESPACE = "http://xml.vidispine.com/schema/vidispine"
#: Each as it comes in a list, with both dependencies, as dumps of real servers have them.
BESIDE_THE_TRANSCODE = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<TaskDefinitionListDocument xmlns="{NAMESPACE}">
  <task>
    <description>Looking at the picture</description><extradata/><flags>0</flags>
    <script><![CDATA[
      var info = JSON.parse(job.getData("mediaInfo"));
      var picture = info.streams.filter(function (stream) {{ return stream.kind === "video"; }})[0];
      job.log("It is " + picture.width + " wide.");
      job.setData("acme_width", picture.width);
      job.setData("acme_title", job.getDataOrDefault("title", "untitled"));
    ]]></script>
    <step>540</step>
    <dependency><step>0</step><previous>true</previous><allPrevious>false</allPrevious></dependency>
    <parallelDependency><step>0</step><previous>true</previous><allPrevious>false</allPrevious></parallelDependency>
    <jobType>PLACEHOLDER_IMPORT</jobType><cleanup>false</cleanup><critical>true</critical>
  </task>
  <task>
    <description>Asking for a rundown</description><extradata/><flags>0</flags>
    <script><![CDATA[
      if (job.getData("acme_width") === "320") {{ job.fatalFail("There is no rundown for " + job.getId() + "."); }}
    ]]></script>
    <step>545</step>
    <dependency><step>0</step><previous>true</previous><allPrevious>false</allPrevious></dependency>
    <parallelDependency><step>0</step><previous>true</previous><allPrevious>false</allPrevious></parallelDependency>
    <jobType>PLACEHOLDER_IMPORT</jobType><cleanup>false</cleanup><critical>false</critical>
  </task>
</TaskDefinitionListDocument>"""
#: A bare one, as it occurs in the field.
AT_THE_END = f"""<TaskDefinitionDocument xmlns="{NAMESPACE}"><task>
    <description>Telling the archive</description><extradata></extradata><flags>8</flags>
    <script>
      var me = api.path("job").path(job.getId()).queryParam("metadata", "true").get();
      var file = me.data.filter(function (pair) {{ return pair.key === "fileUri"; }})[0].value;
      api.path("job/" + job.getId() + "/external-id/archive.7").put();
      job.setData("acme_archived", file);
    </script>
    <step>852</step>
    <dependency><step>0</step><previous>true</previous><allPrevious>false</allPrevious></dependency>
    <parallelDependency><step>0</step><previous>false</previous><allPrevious>false</allPrevious></parallelDependency>
    <jobType>PLACEHOLDER_IMPORT</jobType><cleanup>false</cleanup><critical>true</critical>
  </task></TaskDefinitionDocument>"""


async def test_scripts_of_a_site_run_at_their_steps_of_an_import(
    installation: Installation, client: Client, short_clip: Path
) -> None:
    installation.run("serve")
    await client.ready()
    source = Path(shutil.copy(short_clip, installation.storage / "clip.mov"))
    for document in (BESIDE_THE_TRANSCODE, AT_THE_END):
        status, body = await client.call(
            "POST",
            "/task-definition",
            "application/xml",
            data=document.encode(),
            headers={"Content-Type": "application/xml"},
        )
        assert status == 200 and len(etree.fromstring(body)) in (1, 2), body
    kept = await client.document("/task-definition/jobtype/PLACEHOLDER_IMPORT/step/852")
    assert kept["flags"] == 8 and "archive.7" in kept["script"]

    id = await client.submit("PLACEHOLDER_IMPORT", sourceUri=source.as_uri(), itemId="VX-9", tag="lowres", title="Böe")
    job = await client.until(id)
    assert job["status"] == "FINISHED_WARNING", job
    told = data(job)
    assert (told["acme_width"], told["acme_title"]) == (["320"], ["Böe"])
    assert told["acme_archived"] == told["fileUri"]
    assert (await client.job("archive.7"))["jobId"] == id
    log = [(task["step"], task["status"]) for task in job["log"]["task"]]
    assert [step for step, _ in log] == [100, 200, 300, 400, 500, 540, 545, 600, 700, 800, 852]
    assert [step for step, state in log if state != "FINISHED"] == [545] and dict(log)[545] == "FAILED_FATAL"
    assert f"There is no rundown for {id}." in json.dumps(job)

    (kept_file,) = sorted((installation.storage / "VX-9").glob("clip.mov"))
    assert kept_file.read_bytes() == source.read_bytes()
    (video,) = MediaInfo.parse(next((installation.storage / "VX-9").glob("*lowres*"))).video_tracks
    assert video.format == "AVC" and abs(float(video.duration) - 2000) < 100
