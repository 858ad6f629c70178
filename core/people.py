"""Two pairs of eyes: whether two names are two people's.

Rule. A name is a person's however it is written: case, spaces and forms of letters that look alike
make no other person ("Ann" and "ann " are one), and nobody is no person.
"""

from unicodedata import normalize


def person(name: str) -> str:
    """The one spelling by which names are compared."""
    return normalize("NFKC", " ".join(normalize("NFKC", name).split()).casefold())


def are_two(author: str, approver: str) -> bool:
    """Whether these are the names of two people."""
    one, other = person(author), person(approver)
    return bool(one and other) and one != other


def is_one_of(name: str, *people: str) -> bool:
    """Whether it is the name of one of these."""
    return person(name) in [person(each) for each in people]
