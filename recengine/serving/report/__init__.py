"""The morning's page: what the last publication was made of, and how it differs from the one before.

``gather`` collects the facts, ``page`` writes them as one self-contained HTML file with its charts inside: no
script, no link to anywhere, so it can be mailed or kept.
"""

from recengine.serving.report.facts import METRICS, NIGHTS, Facts, gather, load_rows, measured
from recengine.serving.report.prices import PRICE_HEADER, price_rows
from recengine.serving.report.ranges import input_rows, seconds_rows
from recengine.serving.report.rendering import page, write
from recengine.serving.report.rules import RULE_HEADER, rule_rows, rules_in
from recengine.serving.report.tunings import Tuned, tuning_of

__all__ = [
    "METRICS",
    "NIGHTS",
    "PRICE_HEADER",
    "RULE_HEADER",
    "Facts",
    "Tuned",
    "gather",
    "input_rows",
    "load_rows",
    "measured",
    "page",
    "price_rows",
    "rule_rows",
    "rules_in",
    "seconds_rows",
    "tuning_of",
    "write",
]
