"""Looks into a user's videos and writes a config that fits them (`motionfit init`)."""
