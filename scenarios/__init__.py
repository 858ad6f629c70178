"""What is run: the scenario model, the fault scripts and the catalogue (one file, one claim)."""
