"""The roof: the command line, the two drivers, the reports, and what notebooks import."""
