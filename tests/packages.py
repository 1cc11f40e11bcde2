"""Makes IMF packages of real essence: JPEG 2000 pictures and PCM sound in MXF, with asset map, packing list and composition."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from vidijob.executors.media import ffmpeg

SMPTE = "http://www.smpte-ra.org"
CPL_2013, CPL_2016, CPL_2020 = (
    f"{SMPTE}/{end}" for end in ("schemas/2067-3/2013", "schemas/2067-3/2016", "ns/2067-3/2020")
)
PKL_2007, PKL_2016 = f"{SMPTE}/schemas/429-8/2007/PKL", f"{SMPTE}/schemas/2067-2/2016/PKL"
SHA_1, SHA_256 = "http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmlenc#sha256"
FRAMES, RATE = 24, 24


def essence(folder: Path) -> None:
    """Make one second of picture and of sound: picture.mxf and sound.mxf."""
    common = (str(ffmpeg.find()), "-nostdin", "-loglevel", "error", "-y")
    picture = ("-f", "lavfi", "-i", f"testsrc=size=128x72:rate={RATE}:duration=1", "-c:v", "jpeg2000")
    sound = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=1", "-c:a", "pcm_s24le")
    subprocess.run([*common, *picture, "-f", "mxf", str(folder / "picture.mxf")], check=True, timeout=60)
    # OP-Atom, since the other muxer of ffmpeg does not write sound without a picture.
    subprocess.run([*common, *sound, "-f", "mxf_opatom", str(folder / "sound.mxf")], check=True, timeout=60)


@dataclass
class Written:
    """A package on the disk, and the UUIDs of its assets by file name."""

    folder: Path
    ids: dict[str, str]

    @property
    def asset_map(self) -> Path:
        return self.folder / "ASSETMAP.xml"

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in one of its files, which must be there."""
        path = self.folder / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")


def make(folder: Path) -> Written:
    """Make a package with its essence."""
    with tempfile.TemporaryDirectory() as made:
        essence(Path(made))
        return write(folder, Path(made))


def write(
    folder: Path,
    made: Path,
    *,
    cpl: str = CPL_2016,
    pkl: str = PKL_2016,
    algorithm: str | None = SHA_1,
    title: str = "A & Ω",
) -> Written:
    """Write a package; ``made`` is a folder with the essence. The composition plays 20 frames from the 4th, in two segments."""
    folder.mkdir(parents=True)
    names = ["picture.mxf", "sound.mxf", "CPL.xml", "PKL.xml"]
    ids = {name: str(uuid.uuid4()) for name in names}
    for name in names[:2]:
        shutil.copy(made / name, folder / name)
    (folder / "CPL.xml").write_text(_composition(ids, cpl, title), "utf-8")
    (folder / "PKL.xml").write_text(_packing_list(folder, ids, names[:3], pkl, algorithm), "utf-8")
    assets = "".join(
        f"<Asset><Id>urn:uuid:{id}</Id>{'<PackingList>true</PackingList>' if name == 'PKL.xml' else ''}"
        f"<ChunkList><Chunk><Path>{name}</Path><VolumeIndex>1</VolumeIndex></Chunk></ChunkList></Asset>"
        for name, id in ids.items()
    )
    (folder / "ASSETMAP.xml").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<AssetMap xmlns="{SMPTE}/schemas/429-9/2007/AM">'
        f"<Id>urn:uuid:{uuid.uuid4()}</Id><Creator>tests</Creator><VolumeCount>1</VolumeCount>"
        f"<IssueDate>2026-01-01T00:00:00Z</IssueDate><Issuer>tests</Issuer><AssetList>{assets}</AssetList></AssetMap>",
        "utf-8",
    )
    (folder / "VOLINDEX.xml").write_text(
        f'<VolumeIndex xmlns="{SMPTE}/schemas/429-9/2007/AM"><Index>1</Index></VolumeIndex>'
    )
    return Written(folder, ids)


def hash_of(file: Path, algorithm: str | None = SHA_1) -> str:
    """Return a file's hash as packing lists write it."""
    digest = hashlib.sha256 if algorithm == SHA_256 else hashlib.sha1
    return base64.b64encode(digest(file.read_bytes()).digest()).decode()


def _packing_list(folder: Path, ids: dict[str, str], names: list[str], namespace: str, algorithm: str | None) -> str:
    types = {"mxf": "application/mxf", "xml": "text/xml"}
    assets = "".join(
        f"<Asset><Id>urn:uuid:{ids[name]}</Id><Hash>{hash_of(folder / name, algorithm)}</Hash>"
        f"<Size>{(folder / name).stat().st_size}</Size><Type>{types[name[-3:]]}</Type>"
        f"<OriginalFileName>{name}</OriginalFileName>"
        + (f'<HashAlgorithm Algorithm="{algorithm}"/>' if algorithm else "")
        + "</Asset>"
        for name in names
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<PackingList xmlns="{namespace}"><Id>urn:uuid:{ids["PKL.xml"]}</Id>'
        f"<IssueDate>2026-01-01T00:00:00Z</IssueDate><Issuer>tests</Issuer><Creator>tests</Creator>"
        f"<AssetList>{assets}</AssetList></PackingList>"
    )


def _composition(ids: dict[str, str], namespace: str, title: str) -> str:
    def sequence(kind: str, track: str, resources: str) -> str:
        return (
            f"<{kind}><Id>urn:uuid:{uuid.uuid4()}</Id><TrackId>urn:uuid:{track}</TrackId>"
            f"<ResourceList>{resources}</ResourceList></{kind}>"
        )

    def resource(name: str, rate: int, whole: int, entry: int, played: int) -> str:
        return (
            f'<Resource xsi:type="TrackFileResourceType"><Id>urn:uuid:{uuid.uuid4()}</Id><EditRate>{rate} 1</EditRate>'
            f"<IntrinsicDuration>{whole}</IntrinsicDuration><EntryPoint>{entry}</EntryPoint>"
            f"<SourceDuration>{played}</SourceDuration><TrackFileId>urn:uuid:{ids[name]}</TrackFileId></Resource>"
        )

    tracks = [str(uuid.uuid4()) for _ in range(3)]
    marker = f"<Resource><Id>urn:uuid:{uuid.uuid4()}</Id><IntrinsicDuration>1</IntrinsicDuration></Resource>"
    segments = "".join(
        f"<Segment><Id>urn:uuid:{uuid.uuid4()}</Id><SequenceList>"
        + sequence("MarkerSequence", tracks[0], marker)
        + sequence("cc:MainImageSequence", tracks[1], resource("picture.mxf", RATE, FRAMES, 4, 10))
        + sequence("cc:MainAudioSequence", tracks[2], resource("sound.mxf", 48000, 48000, 8000, 20000))
        + "</SequenceList></Segment>"
        for _ in range(2)
    )
    escaped = title.replace("&", "&amp;")
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<CompositionPlaylist xmlns="{namespace}" '
        f'xmlns:cc="{SMPTE}/schemas/2067-2/2016" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<Id>urn:uuid:{ids['CPL.xml']}</Id><IssueDate>2026-01-01T00:00:00Z</IssueDate>"
        f"<ContentTitle>{escaped}</ContentTitle><ContentKind>feature</ContentKind>"
        f"<EditRate>{RATE} 1</EditRate><TotalRunningTime>00:00:00</TotalRunningTime>"
        f"<SegmentList>{segments}</SegmentList></CompositionPlaylist>"
    )
