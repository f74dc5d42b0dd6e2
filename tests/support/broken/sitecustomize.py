"""Breaks the rule named in ``BROKEN_RULE`` in any Python process that has this folder on its
path."""

import os

if rule := os.environ.get("BROKEN_RULE"):
    os.environ["FDT_RULES"] = "plain"  # a compiled rule cannot be replaced
    from tests.support.sabotage import break_rule

    break_rule(rule)
