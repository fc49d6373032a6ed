"""Unusual names of files, folders, classes and groups, from disks, cameras and spreadsheets."""

import logging
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from motionfit.config import Folders, Hmdb51, Kinetics, LabelledPart, PseudoLabels, Ucf101
from motionfit.datasets.build import build_index
from motionfit.datasets.files import VIDEO_SUFFIXES, scan_videos
from motionfit.datasets.index import read_index, write_index
from motionfit.errors import MotionFitError
from motionfit.pseudo_labels.videos import chosen_videos
from motionfit.store.frames import store_frames
from motionfit.store.shards import Shards
from tests.datasets.test_index import make_videos
from tests.videos import encode_video, make_index, make_video, moving_square

NFC, NFD = (unicodedata.normalize(form, "Größe") for form in ("NFC", "NFD"))


def folders(videos: Path, labels: str = "", **keys) -> Folders:
    if labels:
        keys["labels"] = videos / "labels.csv"
        keys["labels"].write_text(labels)
    return Folders(format="folders", videos=videos, **keys)


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


# --------------------------------------------------------------------------------- what is a video


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.MTS", "mpeg2video", "yuv420p"),
        ("a.m2ts", "libx264", "yuv420p"),
        ("a.vob", "mpeg2video", "yuv420p"),
        ("a.GIF", "gif", "rgb8"),
        ("a.asf", "wmv2", "yuv420p"),
        ("a.f4v", "libx264", "yuv420p"),
        ("a.h264", "libx264", "yuv420p"),
        ("a.hevc", "libx265", "yuv420p"),
        ("a.m2v", "mpeg2video", "yuv420p"),
        ("a.3g2", "libx264", "yuv420p"),
        ("a.y4m", "rawvideo", "yuv420p"),
        ("a.ivf", "libvpx", "yuv420p"),
        ("a.nut", "mpeg4", "yuv420p"),
        ("a.rm", "rv20", "yuv420p"),
        ("a.apng", "apng", "rgb24"),
        ("a.mjpg", "mjpeg", "yuvj420p"),
    ],
)
def test_videos_of_all_kinds_are_indexed_and_decoded(tmp_path, name, codec, pixels):
    (tmp_path / "clap").mkdir()
    size = {"height": 96, "width": 128}
    encode_video(tmp_path / "clap" / name, moving_square(12, **size), codec, pixels)
    index = build_index(folders(tmp_path))
    assert list(index["video"]) == [f"clap/{name}"]
    store_frames(index, (16, 24), None, 90, tmp_path / "0000.h5")
    assert Shards([tmp_path / "0000.h5"], "frames").length(f"clap/{name}") == 12
    assert (tmp_path / "0000.failed.csv").read_text().count("\n") == 1


@pytest.mark.parametrize("name", ["a.divx", "a.qt"])
def test_another_suffix_of_a_known_format(tmp_path, name):
    make_video(tmp_path / "clap" / name)
    assert list(build_index(folders(tmp_path))["video"]) == [f"clap/{name}"]


def test_images_sound_and_text_are_no_videos():
    none = ".jpg .jpeg .png .bmp .tif .webp .heic .mp3 .m4a .mka .ogg .wav .aac .flac .srt .ass "
    none += ".vtt .sub .txt .csv .json .npy .zip .db .ini .part .dat .bin .iso .m3u8"
    assert not VIDEO_SUFFIXES & set(none.split())
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in VIDEO_SUFFIXES)


def test_an_animation_of_one_frame_is_left_out(tmp_path):
    encode_video(tmp_path / "a.gif", moving_square(1), "gif", "rgb8")
    index = build_index(folders(tmp_path, labelled=False))
    store_frames(index, (16, 24), None, 90, tmp_path / "0000.h5")
    assert "it has one frame" in (tmp_path / "0000.failed.csv").read_text()


def test_files_that_are_no_videos_are_counted_and_named_once(tmp_path, caplog):
    make_videos(tmp_path, "a/1.mp4", "a/1.srt", "a/2.SRT", "b/2.mp4", "b/notes", ".hidden/3.txt")
    (tmp_path / "a" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "a" / "round.mp4").symlink_to(tmp_path / "a" / "round.mp4")
    build_index(folders(tmp_path))
    others, links = warnings(caplog)
    assert (
        "ignored, since without the suffix of a video: 2 .srt (such as a/1.srt), 1 without"
        in others
    )
    assert links.endswith("ignored, since links to missing files: a/gone.mp4, a/round.mp4")


def test_lists_among_the_videos_are_not_named(tmp_path, caplog):
    make_videos(tmp_path, "A/v_A_g01_c01.avi", "A/v_A_g02_c01.avi", "1.mp4", "lists/notes.txt")
    build_index(folders(tmp_path, "path,label\n1.mp4,x\n"))
    assert "such as lists/notes.txt" in warnings(caplog)[0]
    (tmp_path / "labels.csv").unlink()
    caplog.clear()
    (tmp_path / "lists" / "trainlist01.txt").write_text("A/v_A_g01_c01.avi 1\n")
    (tmp_path / "lists" / "testlist01.txt").write_text("A/v_A_g02_c01.avi\n")
    build_index(Ucf101(format="ucf101", videos=tmp_path, annotations=tmp_path / "lists"))
    assert warnings(caplog) == []


def test_a_class_folder_without_videos_is_named(tmp_path, caplog):
    make_videos(tmp_path, "run/1.mp4", "walk/1.txt", "jump/deep/1.mp4")
    (tmp_path / "sit").mkdir()
    build_index(folders(tmp_path))
    assert "folders without a video do not count as classes: sit, walk" in caplog.text
    caplog.clear()
    build_index(folders(tmp_path, labelled=False))
    assert "class folder" not in caplog.text


def test_a_folder_without_videos_says_what_is_there(tmp_path):
    make_videos(tmp_path, "a/1.jpg", "a/2.jpg")
    with pytest.raises(MotionFitError, match=r"no video below .*2 \.jpg \(such as a/1\.jpg\)\)$"):
        scan_videos(tmp_path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a.wav", r"line 2: \S*/a\.wav exists, but its name does not have"),
        ("gone.mp4", r"line 2: \S*/gone\.mp4 is a link to a missing file"),
        (".a.mp4", r"line 2: \S*/\.a\.mp4 is hidden"),
        ("sub", r"line 2: \S*/sub is a folder"),
        ("../x.mp4", r"line 2: \.\./x\.mp4 is not below"),
        ("b.mp4", r"line 2: there is no video \S*/b\.mp4"),
        ("'a\nb.mp4'", r"line 3: 'a\\nb\.mp4' contains a control character"),
    ],
)
def test_why_a_line_of_the_csv_has_no_video(tmp_path, path, message):
    make_videos(tmp_path, "ok.mp4", "a.wav", ".a.mp4", "sub/1.mp4")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    quoted = path.replace("'", '"')
    with pytest.raises(MotionFitError, match=message):
        build_index(folders(tmp_path, f"path,label\n{quoted},x\n"))


# ------------------------------------------------------------------------------- odd characters


@pytest.mark.parametrize(
    "odd", ["walk\r", "wa\nlk", "wa\tlk", "\x1bwalk", "wa\x85lk", "wa\u2028lk"]
)
@pytest.mark.parametrize("name", ["{}/1.mp4", "walk/{}.mp4", "walk/1.mp4\r", "walk/1.mp4\n"])
def test_a_control_character_in_a_name_is_refused_as_it_is_found(tmp_path, odd, name):
    video = name.format(odd)
    make_videos(tmp_path, video, "run/1.mp4")
    with pytest.raises(MotionFitError, match="contains a control character") as error:
        build_index(folders(tmp_path))
    assert str(error.value).isprintable()
    assert ascii(video) in str(error.value)


@pytest.mark.parametrize("row", ['1.mp4,"wa\nlk",g', '1.mp4,walk,"g\r1"'])
def test_a_control_character_in_a_label_or_group_is_refused(tmp_path, row):
    make_videos(tmp_path, "1.mp4")
    with pytest.raises(
        MotionFitError, match=r"line \d: '\w+\\[nr]\w+' contains a control character"
    ):
        build_index(folders(tmp_path, f"path,label,group\n{row}\n"))


def test_a_control_character_in_a_label_of_kinetics_is_refused(tmp_path):
    make_videos(tmp_path, "11111111111.mp4")
    (tmp_path / "list.csv").write_text(
        'label,youtube_id,time_start,time_end,split\n"a\nb",11111111111,0,10,train\n'
    )
    recipe = Kinetics(format="kinetics", videos=tmp_path, annotations=(tmp_path / "list.csv",))
    with pytest.raises(MotionFitError, match=r"line 3: the label 'a\\nb' contains a control"):
        build_index(recipe)


def test_a_list_with_windows_line_ends(tmp_path):
    make_videos(tmp_path, "1.mp4", "2.mp4")
    index = build_index(folders(tmp_path, "path,label\r\n1.mp4,a\r\n2.mp4,a\r\n"))
    assert set(index["label"]) == {"a"}


ODD = [" walk ", 'a, "b"', "'q'", "#5", "NA", "-1", "a\\b", "50%", "[x] {y}", "a\u00a0b", "👍🏽"]


@pytest.mark.parametrize("odd", ODD)
def test_other_odd_names_survive(tmp_path, odd):
    make_video(tmp_path / "videos" / odd / f"{odd}.mp4 ")
    make_video(tmp_path / "videos" / "run" / " 2.mp4")
    quoted = odd.replace('"', '""')
    labels = f'path,label\n"{quoted}/{quoted}.mp4 ","{quoted}"\n"run/ 2.mp4",run\n'
    for recipe in (folders(tmp_path / "videos"), folders(tmp_path / "videos", labels)):
        index = build_index(recipe)
        label = odd.strip() if recipe.labels else odd
        assert dict(zip(index["video"], index["label"], strict=True)) == {
            f"{odd}/{odd}.mp4 ": label,
            "run/ 2.mp4": "run",
        }
        write_index(index, tmp_path / "index.csv")
        assert read_index(tmp_path / "index.csv").equals(index)
        store_frames(index, (16, 24), None, 90, tmp_path / "0000.h5")
        assert sorted(Shards([tmp_path / "0000.h5"], "frames")) == sorted(index["video"])


# --------------------------------------------------------------------------------- Unicode forms


@pytest.mark.parametrize(("disk", "listed"), [(NFC, NFD), (NFD, NFC), (NFD, NFD)])
def test_names_match_in_any_unicode_form(tmp_path, disk, listed):
    videos = [f"{disk}/{disk}{i}.mp4" for i in range(4)]
    make_videos(tmp_path, *videos, "other/1.mp4", "other/2.mp4")
    index = build_index(folders(tmp_path, unlabelled=(listed,)))
    assert set(index["label"]) == {"", "other"}
    assert list(index["path"][:4]) == [str(tmp_path / video) for video in sorted(videos)]
    rows = "".join(f"{listed}/{listed}{i}.mp4,{listed},{listed}{i}\n" for i in range(4))
    recipe = folders(tmp_path, f"path,label,group\n{rows}", test_groups=(f"{listed}0",))
    index = build_index(recipe)
    assert list(index["video"]) == sorted(videos)
    assert set(index["label"]) == {NFC}
    assert list(index["split1"]) == ["test", "train", "train", "train"]
    assert all(Path(path).exists() for path in index["path"])


@pytest.mark.parametrize(("disk", "listed"), [(NFC, NFD), (NFD, NFC)])
def test_split_lists_match_in_any_unicode_form(tmp_path, disk, listed):
    lists, videos = tmp_path / "lists", tmp_path / "videos"
    lists.mkdir()
    make_videos(videos, f"{disk}/v_{disk}_g01_c01.avi", f"{disk}/v_{disk}_g02_c01.avi")
    (lists / "trainlist01.txt").write_text(f"{listed}/v_{listed}_g01_c01.avi 1\n")
    (lists / "testlist01.txt").write_text(f"{listed}/v_{listed}_g02_c01.avi\n")
    index = build_index(Ucf101(format="ucf101", videos=videos, annotations=lists))
    assert list(index["split1"]) == ["train", "test"]
    assert list(index["group"]) == [f"{NFC}_g01", f"{NFC}_g02"]
    stem = "Film_{}_f_cm_np1_ba_bad_{}.avi"
    make_videos(tmp_path / "hmdb", *(f"{disk}/{stem.format(disk, i)}" for i in range(2)))
    (lists / f"{listed}_test_split1.txt").write_text(
        f"{stem.format(listed, 0)} 1\n{stem.format(listed, 1)} 2\n"
    )
    index = build_index(Hmdb51(format="hmdb51", videos=tmp_path / "hmdb", annotations=lists))
    assert list(index["split1"]) == ["train", "test"]
    assert set(index["group"]) == {"Film"}
    assert set(index["label"]) == {NFC}


def test_labels_of_kinetics_in_two_forms_are_one(tmp_path, caplog):
    make_videos(tmp_path, "11111111111.mp4", "22222222222.mp4")
    rows = f"{NFC},11111111111,0,10,train\n{NFD},11111111111,0,10,train\n"
    rows += f"{NFD},22222222222,0,10,train\n"
    (tmp_path / "list.csv").write_text("label,youtube_id,time_start,time_end,split\n" + rows)
    recipe = Kinetics(format="kinetics", videos=tmp_path, annotations=(tmp_path / "list.csv",))
    assert list(build_index(recipe)["label"]) == [NFC, NFC]
    assert warnings(caplog) == []


def test_names_that_differ_in_their_form_alone_are_one_class_and_named(tmp_path, caplog):
    make_videos(tmp_path, f"{NFC}/1.mp4", f"{NFD}/2.mp4", f"a/{NFC}.mp4", f"a/{NFD}.mp4")
    index = build_index(folders(tmp_path))
    assert set(index["label"]) == {NFC, "a"}
    assert len(index) == 4
    [message] = warnings(caplog)
    for name in (NFC, NFD, f"a/{NFC}.mp4", f"a/{NFD}.mp4"):
        assert ascii(name) in message
    labels = f"path,label\na/{NFC}.mp4,x\na/{NFD}.mp4,y\n"
    assert dict(build_index(folders(tmp_path, labels))[["video", "label"]].to_numpy()) == {
        f"a/{NFC}.mp4": "x",
        f"a/{NFD}.mp4": "y",
    }


def test_a_class_is_excluded_in_any_unicode_form():
    index = make_index({"1": NFC, "2": "other"})
    recipe = PseudoLabels.model_construct(videos="all", exclude_classes=(NFD,), granularity="clip")
    part = LabelledPart(label_fraction=1)
    assert set(chosen_videos(recipe, index, 1, part)["video"]) == {"2"}


# ------------------------------------------------------------------------- classes that look alike


@pytest.mark.parametrize("others", [("Walk", "WALK"), ("walk ",), (" walk",), ("wa lk", "wa  lk")])
def test_classes_that_differ_in_case_or_spaces_are_named(tmp_path, caplog, others):
    names = sorted(["walk", "run", *others])
    make_videos(tmp_path, *(f"{name}/{i}.mp4" for name in names for i in range(2)))
    index = build_index(folders(tmp_path))
    assert set(index["label"]) == set(names)
    [message] = warnings(caplog)
    assert all(repr(name) in message for name in names if name != "run")
    assert "'run'" not in message


def test_labels_of_a_csv_that_differ_in_case_are_named(tmp_path, caplog):
    make_videos(tmp_path, "1.mp4", "2.mp4", "3.mp4")
    labels = "path,label\n1.mp4,Straße\n2.mp4,STRASSE\n3.mp4,run\n"
    build_index(folders(tmp_path, labels))
    assert "'STRASSE' and 'Straße'" in caplog.text


def test_classes_that_are_taken_as_unlabelled_count_too(tmp_path, caplog):
    make_videos(tmp_path, "Other/1.mp4", "other/2.mp4", "run/1.mp4")
    build_index(folders(tmp_path, unlabelled=("other",)))
    assert "'Other' and 'other'" in caplog.text


def test_plain_names_have_no_warning(tmp_path, caplog):
    make_videos(tmp_path, *(f"{name}/{i}.mp4" for name in ("run", "walk") for i in range(4)))
    build_index(folders(tmp_path))
    assert warnings(caplog) == []


def test_files_of_a_camcorder_a_disc_and_animations(shared_cases, tmp_path):
    index = build_index(folders(shared_cases / "suffixes"))
    assert set(index["label"]) == {"anim", "camcorder", "dvd"}
    store_frames(index, (16, 24), None, 90, tmp_path / "0000.h5")
    lengths = [Shards([tmp_path / "0000.h5"], "frames").length(video) for video in index["video"]]
    assert np.unique(lengths).tolist() == [50]
