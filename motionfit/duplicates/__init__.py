"""Near-duplicate videos: copies of a video, encoded again, scaled, cropped or trimmed."""

from motionfit.duplicates.grey import GreyFrames
from motionfit.duplicates.search import Found, hashes_of, near_duplicates
