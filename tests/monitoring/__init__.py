"""Alerts, dashboard and metrics, held against each other and against what really runs."""
