"""DuckDB and polars, as a script that does one job: peers.py TOOL JOB INPUT OUTPUT. `peers.py TOOL version` says which it is.

Every job is done in the fastest way that the tool's own documentation shows: streaming where it streams, the types said
where it would guess them. All values of a CSV file stay text, as they do in Sandmill.
"""

import sys


def duckdb_does(job, source, target):
    import duckdb

    if job == "csv":
        query = f"SELECT * FROM read_csv('{source}', all_varchar = true, header = true)"
    else:
        columns = "{id: 'BIGINT', name: 'VARCHAR'}"
        people = f"read_json('{source}', format = 'newline_delimited', columns = {columns})"
        query = f"SELECT id, upper(name) AS name FROM {people} WHERE id % 5 <> 0"
    duckdb.sql(f"COPY ({query}) TO '{target}' (FORMAT json)")


def polars_does(job, source, target):
    import polars as pl

    if job == "csv":
        rows = pl.scan_csv(source, infer_schema=False)
    else:
        # Unpacks by itself.
        people = pl.scan_ndjson(source, schema={"id": pl.Int64, "name": pl.String})
        rows = people.filter(pl.col("id") % 5 != 0).select("id", pl.col("name").str.to_uppercase())
    rows.sink_ndjson(target)


def main():
    tool, job = sys.argv[1:3]
    if job == "version":
        print(__import__(tool).__version__)
    elif tool == "duckdb":
        duckdb_does(job, *sys.argv[3:5])
    else:
        polars_does(job, *sys.argv[3:5])


main()
