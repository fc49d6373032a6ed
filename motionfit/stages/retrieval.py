"""Retrieves training videos with the test videos of a split as queries.

There are two protocols. `clip`: each clip of a test video is a query, and the gallery has the clips
of all training videos. In a video that is too short for so many different clips, some count several
times, since the paper (Sec. 4.5) uses 10 clips of every video. `video`: a video is represented by
the mean of its clips. Both compare the max-pooled features of the last residual block by their
cosine.

The output has the recalls. `neighbours.csv` beside it has the nearest training videos of each test
video, as `nearest_videos` returns them.
"""

import logging
from dataclasses import replace
from pathlib import Path

from motionfit import options
from motionfit.datasets.index import part, read_index
from motionfit.evaluation.retrieval import clip_features, label_hits, nearest_videos, recall
from motionfit.files import replacing, write_json
from motionfit.inference import check_finite
from motionfit.models import load_model
from motionfit.models.device import inference_device
from motionfit.store.clips import ClipStore, rows_with_clips

log = logging.getLogger(__name__)


def retrieval(
    *,
    model: Path,
    index: options.IndexFile,
    split: options.Split,
    clips_folder: options.ClipsFolder,
    clip_length: options.ClipLength,
    clips: options.ClipsPerVideo,
    recall_at: list[options.Count],
    threads: options.Threads = options.CORES,
    output: options.Output,
) -> None:
    """Measure the recall at k of training videos, with test videos as queries.

    The nearest training videos of each test video are written to neighbours.csv beside the output.

    Parameters
    ----------
    model
        The model.pt whose features are compared.
    clips
        Number of evenly spread clips per video.
    recall_at
        Values of k: the numbers of nearest neighbours in which a hit counts.
    """
    table = read_index(index)
    device = inference_device(threads)
    network, about = load_model(model)
    network.to(device)
    about = replace(about, clip_length=clip_length)
    store = ClipStore(clips_folder, table["shard"], about.modality)
    sides = []
    for name in ("train", "test"):
        rows = rows_with_clips(part(table, split, name), store, clip_length)
        side = clip_features(network, about, rows, store, clips, device, threads)
        check_finite(side.features, model)
        sides.append(side)
    train, test = sides
    result = {}
    for protocol, hits in {
        "clip": label_hits(test.by_clip(), train.by_clip(), max(recall_at)),
        "video": label_hits(test.by_video(), train.by_video(), max(recall_at)),
    }.items():
        result[protocol] = {f"R@{k}": recall(hits, k) for k in recall_at}
        log.info("%s by %s", result[protocol], protocol)
    write_json(output, result)
    with replacing(output.with_name("neighbours.csv")) as temporary:
        nearest_videos(test, train).to_csv(temporary, index=False)
