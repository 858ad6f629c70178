"""A run that failed: its whole plan in a file, why it failed, the smallest plan that still does.

True here: whatever failed can be run again from what it left, and fails the same way.
"""
