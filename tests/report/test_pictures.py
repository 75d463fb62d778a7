import base64
import io
from pathlib import Path

import pytest
from picture_files import write_png
from PIL import Image

from sdbench.report.pictures import SHOWN_PX, WHOLE_PX, Album, Picture


def decoded(picture: Picture) -> Image.Image:
    assert picture.uri is not None
    return Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2])))


def test_a_small_picture_is_taken_over_to_the_bit(tmp_path):
    path = tmp_path / "a.png"
    write_png(path, WHOLE_PX)
    picture = Album(tmp_path).picture("a.png", "a fox")
    assert picture.uri == "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    assert (picture.width_px, picture.height_px, picture.alt) == (WHOLE_PX, WHOLE_PX, "a fox")
    assert picture.is_tiny


def test_a_large_picture_is_made_smaller_and_keeps_its_shape(tmp_path):
    Image.new("RGB", (1024, 512), "red").save(tmp_path / "a.png")
    picture = Album(tmp_path).picture("a.png", "")
    assert decoded(picture).format == "JPEG"
    assert decoded(picture).size == (SHOWN_PX, SHOWN_PX // 2)
    assert (picture.width_px, picture.height_px) == (SHOWN_PX, SHOWN_PX // 2)
    assert not picture.is_tiny


def test_a_picture_in_between_keeps_its_size(tmp_path):
    write_png(tmp_path / "a.png", WHOLE_PX + 1)
    assert decoded(Album(tmp_path).picture("a.png", "")).size == (WHOLE_PX + 1, WHOLE_PX + 1)


def test_a_file_that_is_missing_or_was_never_kept_is_a_reason(tmp_path):
    album = Album(tmp_path)
    assert album.picture("images/a.png", "").reason == "the run's folder has no images/a.png"
    assert album.picture(None, "").reason == "no picture was kept"
    assert album.picture(None, "").uri is None


@pytest.mark.parametrize("keep", [0, 20, 200])
def test_a_damaged_file_is_a_reason(tmp_path, keep):
    path = tmp_path / "a.png"
    write_png(path, 16)
    path.write_bytes(path.read_bytes()[:keep])
    assert Album(tmp_path).picture("a.png", "").reason == "a.png cannot be read"


def test_a_name_that_leads_out_of_the_run_is_not_followed(tmp_path):
    write_png(tmp_path / "secret.png", 16)
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("../secret.png", str(tmp_path / "secret.png")):
        picture = Album(folder).picture(name, "")
        assert picture.uri is None
        assert picture.reason == f"{name} lies outside of the run's folder"


def test_each_file_is_read_once(tmp_path):
    path: Path = tmp_path / "a.png"
    write_png(path, 16)
    album = Album(tmp_path)
    first = album.picture("a.png", "one")
    path.unlink()
    assert album.picture("a.png", "two") == Picture("two", first.uri, 16, 16)
