"""Reads results of our programs back by pandas, polars, DuckDB and pyarrow.

    readback.py PROGRAM DIRECTORY SUMMARY

PROGRAM is `advertiser-node`, DIRECTORY what `cargo xtask demo --out` left, SUMMARY its `--json`.
Each result is written again as CSV and as Parquet. Every tool has to find the same names and types
of columns, the same number of rows and the same values, in the same order, as Python's own reader
finds in the CSV file; the CSV file has to be the one that the run wrote.
"""

import csv
import datetime
import json
import pathlib
import subprocess
import sys

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.csv
import pyarrow.parquet

# Columns and types of each result, as docs/reference/files.md lists them.
TEXT, NUMBER, DAY = str, int, datetime.date.fromisoformat
COLUMNS = {
    "match-rate": {"figure": TEXT, "value": NUMBER},
    "matched-rows": {"row_id": TEXT, "kinds": TEXT},
    "digital-ids": {
        "run_id": TEXT, "seq": NUMBER, "op": TEXT, "segment": TEXT, "id_type": TEXT,
        "namespace": TEXT, "id_value": TEXT, "expires_on": DAY, "device_class": TEXT,
        "last_seen_bucket": TEXT,
    },
}
# The same types by the names that each tool has for them.
PYARROW = {TEXT: "string", NUMBER: "int64", DAY: "date32[day]"}
POLARS = {TEXT: polars.String, NUMBER: polars.Int64, DAY: polars.Date}
DUCKDB = {TEXT: "VARCHAR", NUMBER: "BIGINT", DAY: "DATE"}


def parquet_readers(path):
    """Columns with types, and rows, by each tool."""
    table = pyarrow.parquet.read_table(path)
    yield "pyarrow", [(f.name, str(f.type)) for f in table.schema], PYARROW, table.to_pylist()
    frame = polars.read_parquet(path)
    yield "polars", list(frame.schema.items()), POLARS, frame.to_dicts()
    found = duckdb.sql(f"FROM read_parquet('{path}')")
    names = found.columns
    rows = [dict(zip(names, row)) for row in found.fetchall()]
    yield "DuckDB", list(zip(names, map(str, found.types))), DUCKDB, rows
    frame = pandas.read_parquet(path, dtype_backend="pyarrow")
    kinds = [(name, str(kind.pyarrow_dtype)) for name, kind in frame.dtypes.items()]
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    yield "pandas", kinds, PYARROW, rows


def csv_readers(path):
    """Names, and rows of text, by each tool told to read text."""
    options = pyarrow.csv.ConvertOptions(strings_can_be_null=False)
    names = pyarrow.csv.read_csv(path).column_names
    options.column_types = {name: pyarrow.string() for name in names}
    yield "pyarrow", names, pyarrow.csv.read_csv(path, convert_options=options).to_pylist()
    frame = polars.read_csv(path, infer_schema=False)
    yield "polars", frame.columns, frame.fill_null("").to_dicts()
    found = duckdb.sql(f"FROM read_csv('{path}', all_varchar = true, header = true)")
    names = found.columns
    rows = [{n: v or "" for n, v in zip(names, row)} for row in found.fetchall()]
    yield "DuckDB", names, rows
    frame = pandas.read_csv(path, dtype=str, keep_default_na=False)
    yield "pandas", list(frame.columns), frame.to_dict("records")


def differences(profile, text, parquet):
    columns = COLUMNS[profile]
    with open(text, newline="", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    if list(expected[0]) != list(columns):
        yield f"{text.name} has the columns {list(expected[0])}"
    for tool, names, rows in csv_readers(text):
        if list(names) != list(columns):
            yield f"{tool} finds the columns {names} in {text.name}"
        yield from unequal(tool, text, rows, expected)
    typed = [{name: kind(row[name]) if row[name] else None for name, kind in columns.items()}
             for row in expected]
    for tool, kinds, names, rows in parquet_readers(parquet):
        wanted = [(name, names[kind]) for name, kind in columns.items()]
        if [tuple(kind) for kind in kinds] != wanted:
            yield f"{tool} finds the columns {kinds} in {parquet.name}, not {wanted}"
        # An absent text is an empty one in CSV.
        rows = [{name: None if value == "" else value for name, value in row.items()}
                for row in rows]
        yield from unequal(tool, parquet, rows, typed)


def unequal(tool, path, rows, expected):
    if len(rows) != len(expected):
        yield f"{tool} finds {len(rows)} rows in {path.name}, not {len(expected)}"
    wrong = [at for at, pair in enumerate(zip(rows, expected)) if pair[0] != pair[1]]
    if wrong:
        at = wrong[0]
        yield (f"{tool} reads {len(wrong)} rows of {path.name} otherwise, such as {rows[at]!r} "
               f"for {expected[at]!r}")


def main():
    program, directory, summary = sys.argv[1:]
    directory = pathlib.Path(directory)
    runs = json.loads(pathlib.Path(summary).read_text())["runs"]
    place = directory / "readback"
    place.mkdir()
    faults = []
    for run in runs:
        profile = run["profile"]
        text, parquet = place / f"{profile}.csv", place / f"{profile}.parquet"
        for path in (text, parquet):
            command = [program, "result", run["session_id"], "--dir", str(directory / "advertiser"),
                       "--output", str(path)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        if text.read_bytes() != (directory / f"result-{profile}.csv").read_bytes():
            faults.append(f"{text.name} is not the file that the run wrote")
        faults += differences(profile, text, parquet)
        rows = len(text.read_text().splitlines()) - 1
        print(f"{profile}: {rows} rows, as CSV and as Parquet, by pandas, polars, DuckDB, pyarrow")
    if {run["profile"] for run in runs} != set(COLUMNS):
        faults.append(f"not all of {list(COLUMNS)} were run")
    for fault in faults:
        print(f"fault: {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
