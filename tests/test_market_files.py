"""Recorded markets from files: exact, in every format that people have, or refused with the place."""
