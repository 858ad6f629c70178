"""Recorded markets from files: exact, in every format that people have, or refused with the place."""

import gzip
from pathlib import Path

import pytest

from tests.samples_market import MARKET
from tieout.backtest.data import load
from tieout.backtest.rows import Told
from tieout.bad_input import BadMarket
