"""Recorded markets from files: exact, in each format that people have, or refused by place."""
