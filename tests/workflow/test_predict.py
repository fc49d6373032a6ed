"""Compares predictions for video files with those of the workflow."""

import numpy as np
import pandas as pd

from motionfit.use.model import Model


def test_predict_gives_the_probabilities_of_recognition(whole_run):
    """They agree for all test videos of the demo, to the last digit in predictions.csv."""
    index = pd.read_csv(whole_run.file("index/target.csv"), keep_default_na=False)
    for evaluation in ("motionfit", "random"):
        folder = whole_run.file(f"evaluations/{evaluation}/split1")
        table = pd.read_csv(folder / "predictions.csv").merge(index[["video", "path"]], on="video")
        assert len(table) == (index["split1"] == "test").sum() > 5
        predictor = Model(folder / "model.pt", threads=1)
        assert predictor.about.clips == 2  # the clips of the evaluation
        for row in table.to_dict("records"):
            predicted = predictor.predict(whole_run.folder / row["path"])
            written = [row[f"p({name})"] for name in predicted]
            assert np.abs(np.array(list(predicted.values())) - written).max() < 1e-5
