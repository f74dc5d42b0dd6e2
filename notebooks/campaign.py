"""A campaign in four tables and four plots, from an export: ``marimo edit``, or run as a script.

``python notebooks/campaign.py --export FOLDER [--stuck-hours 24] [--plots FOLDER]``;
``make analysis`` makes docs/analysis.md of it.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A firmware campaign")


@app.cell
def _():
    import duckdb
    import marimo as mo

    from firmware_tracking import read_export
    from notebooks import plots
    from notebooks.steps import stages, statuses, steps_of

    return duckdb, mo, plots, read_export, stages, statuses, steps_of


@app.cell
def _(mo):
    folder = mo.cli_args().get("export") or "export"
    stuck_hours = float(mo.cli_args().get("stuck-hours") or 24)
    return folder, stuck_hours


@app.cell
def _(duckdb, folder, read_export, stages, statuses, steps_of):
    export = read_export(folder)
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.register("events", export.events)
    db.register("letters", export.dead_letters)
    db.register("items", export.table)
    db.register("steps", steps_of(export))
    db.register("stages", stages())
    db.register("statuses", statuses())
    db.execute("""
        CREATE TABLE regions AS
        SELECT device_id, arg_max(csp_region, received_at) AS csp_region
        FROM events WHERE problem IS NULL AND csp_region IS NOT NULL GROUP BY device_id
    """)
    db.execute("CREATE TABLE ends AS SELECT max(received_at) AS now FROM events")
    return (db,)


@app.cell
def _(mo):
    mo.md("""
    # A firmware campaign

    ## Time in each stage

    From the first report that a stage went well to the first one of the next stage. Times are those
    of the events. Late reports and wrong clocks are left out.
    """)
    return


@app.cell
def _(db):
    stage_times = db.sql("""
        WITH reached AS (
            SELECT device_id, service_request_id, device_type, stage, min(occurred_at) AS at
            FROM steps
            WHERE advances
              AND NOT list_has_any(marks, ['late', 'after-reset', 'clock-skew'])
            GROUP BY ALL
        ), spans AS (
            SELECT later.stage, later.device_type,
                   coalesce(csp_region, 'no region yet') AS csp_region,
                   (epoch_ms(later.at) - epoch_ms(earlier.at)) / 3600000 AS hours
            FROM reached earlier
            JOIN reached later USING (device_id, service_request_id)
            LEFT JOIN regions USING (device_id)
            WHERE later.stage = earlier.stage + 1 AND later.at >= earlier.at
        )
        SELECT name AS stage, device_type, csp_region, count(*) AS items,
               quantile_cont(hours, 0.1) AS tenth_hours,
               median(hours) AS median_hours,
               quantile_cont(hours, 0.9) AS ninetieth_hours
        FROM spans JOIN stages USING (stage)
        GROUP BY ALL ORDER BY ALL
    """).to_arrow_table()
    stage_times
    return (stage_times,)


@app.cell
def _(plots, stage_times):
    stage_figure = plots.stage_times(stage_times.to_pylist())
    stage_figure
    return (stage_figure,)


@app.cell
def _(mo):
    mo.md("""
    ## Failures by reason and week

    Items whose latest status is Failed, by the week (from Monday, UTC) in which they failed.
    """)
    return


@app.cell
def _(db):
    failures = db.sql("""
        SELECT CAST(date_trunc('week', updated_at) AS DATE) AS week, status, reason_code,
               CASE WHEN reason_code = 'RESET' OR count(DISTINCT reason) > 1
                    THEN split_part(min(reason), ': ', 1)  -- without what is of one item
                    ELSE min(reason) END AS reason,
               count(*) AS items
        FROM items WHERE completion = 'Failed'
        GROUP BY week, status, reason_code ORDER BY week, items DESC, status, reason_code
    """).to_arrow_table()
    failures
    return (failures,)


@app.cell
def _(failures, plots):
    failure_figure = plots.failures(failures.to_pylist())
    failure_figure
    return (failure_figure,)


@app.cell
def _(mo, stuck_hours):
    mo.md(f"""
    ## Devices stuck

    Items in progress whose status has not changed for {stuck_hours:g} hours before the last event
    of the export.
    """)
    return


@app.cell
def _(db, stuck_hours):
    stuck = db.sql(
        """
        WITH waiting AS (
            SELECT status, place, device_type, coalesce(csp_region, 'no region yet') AS csp_region,
                   (epoch_ms(now) - epoch_ms(updated_at)) / 3600000 AS hours
            FROM items CROSS JOIN ends JOIN statuses USING (status)
            LEFT JOIN regions USING (device_id)
            WHERE completion = 'In Progress'
        )
        SELECT status, device_type, csp_region, count(*) AS items,
               count(*) FILTER (hours > $limit) AS stuck, max(hours) AS longest_hours
        FROM waiting GROUP BY place, status, device_type, csp_region
        ORDER BY place, device_type, csp_region
        """,
        params={"limit": stuck_hours},
    ).to_arrow_table()
    stuck
    return (stuck,)


@app.cell
def _(plots, stuck, stuck_hours):
    stuck_figure = plots.stuck(stuck.to_pylist(), stuck_hours)
    stuck_figure
    return (stuck_figure,)


@app.cell
def _(mo):
    mo.md("""
    ## Copies, late and overtaken reports by source

    A *copy* is a further record of an event that was received before. A report is *late* when it
    tells of an earlier stage at a time when a later one had been reached, and *overtaken* when
    something that happened after it, to the same item, was received before it.
    """)
    return


@app.cell
def _(db):
    sources = db.sql("""
        WITH records AS (
            SELECT source, count(*) AS records,
                   count(event_id) - count(DISTINCT event_id) AS copies
            FROM events GROUP BY source
        ), refusals AS (
            SELECT source, count(*) AS refused FROM letters WHERE settled IS NULL GROUP BY source
        ), told AS (
            SELECT *, list_contains(marks, 'late') AS is_late,
                   list_contains(marks, 'clock-skew') AS is_skewed
            FROM steps
        ), arrivals AS (
            SELECT source, is_late, NOT is_skewed AND occurred_at <
                   max(occurred_at) FILTER (NOT is_skewed) OVER (
                       PARTITION BY device_id, service_request_id ORDER BY received_at
                       RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP
                   ) AS is_overtaken
            FROM told
        ), reports AS (
            SELECT source, count(*) AS reports, count(*) FILTER (is_late) AS late,
                   count(*) FILTER (is_overtaken) AS overtaken
            FROM arrivals GROUP BY source
        )
        SELECT source, records, copies, coalesce(refused, 0) AS refused,
               coalesce(reports, 0) AS reports, coalesce(late, 0) AS late,
               coalesce(overtaken, 0) AS overtaken
        FROM records LEFT JOIN refusals USING (source) LEFT JOIN reports USING (source)
        ORDER BY source
    """).to_arrow_table()
    sources
    return (sources,)


@app.cell
def _(plots, sources):
    source_figure = plots.sources(sources.to_pylist())
    source_figure
    return (source_figure,)


@app.cell
def _(
    failure_figure,
    failures,
    mo,
    plots,
    source_figure,
    sources,
    stage_figure,
    stage_times,
    stuck,
    stuck_figure,
):
    tables = {"stages": stage_times, "failures": failures, "stuck": stuck, "sources": sources}
    figures = {
        "stages": stage_figure,
        "failures": failure_figure,
        "stuck": stuck_figure,
        "sources": source_figure,
    }
    if mo.app_meta().mode == "script" and mo.cli_args().get("export"):
        for _name, _table in tables.items():
            print(_name)
            for _row in _table.to_pylist():
                print(
                    "  ",
                    *(
                        f"{_value:.1f}" if isinstance(_value, float) else _value
                        for _value in _row.values()
                    ),
                    sep="\t",
                )
        if mo.cli_args().get("plots"):
            plots.save(figures, mo.cli_args().get("plots"))
    return figures, tables


if __name__ == "__main__":
    app.run()
