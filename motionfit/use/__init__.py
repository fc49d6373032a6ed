"""Use of a trained model on video files: classes, features, search, export."""
