"""What must hold before a deployment goes live: each check by its name, of whom, and what would do.

True here: nothing but reads is sent, and a check that could not be made is red.
"""
