"""What a user got wrong, as exceptions that cost nothing to import: the program starts at once."""


class BadMoment(ValueError):
    """No such moment in this journal; the message says what was found and what would do."""


class BadFile(ValueError):
    """A file that cannot be tied; the message names it, what was found, and what would do."""


class BadLedger(ValueError):
    """A campaign's folder that will not do; the message says what was found and what would do."""


class BadCluster(ValueError):
    """A cluster that cannot run seeds; the message says what was found and what would do."""


class BadMarket(ValueError):
    """The file is not a market file; the text names the place and what would do."""
