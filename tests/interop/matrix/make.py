"""Small files of one table by the tools that write such tables, for tests/matrix.rs.

    python3 -m venv VENV && VENV/bin/pip install -r requirements.txt
    VENV/bin/python make.py [TOOL]...

Every file holds the same twenty fictional rows (or the same links, for the provider), so that what
is read of each can be compared with the reference beside it. `manifest.json` says what must become
of each file and is written by hand. Java 17 or later is needed for Spark.
"""

import csv
import datetime as dt
import decimal
import json
import pathlib
import shutil
import sys
import tempfile
import uuid
import zoneinfo

import duckdb
import fastparquet
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).resolve().parent
CRM, GRAPH = HERE / "crm", HERE / "graph"
UTC = dt.timezone.utc
PARIS = zoneinfo.ZoneInfo("Europe/Paris")

# The tables.

FIRST = ["Anne", "Jérôme", "Chloé", "Marc", "Inès", "Paul", "Zoé", "Luc", "Maëlle", "Hugo"]
LAST = ["Modele", "Exemple", "Fictif"]


def crm_rows():
    rows = []
    for i in range(20):
        # The last two lines are later states of two customers, with other addresses.
        of = {18: 2, 19: 4}.get(i, i)
        first = FIRST[of % 10].lower().replace("ï", "i")
        email = f"{first}.{LAST[of % 3].lower()}{'.neuf' if i > 17 else ''}{of}@exemple.fr"
        rows.append({
            "row_id": 1001 + of,
            "email": None if i in (6, 11) else email,
            "phone": None if i in (3, 11) else f"+336374815{of:02}",
            "consent_purposes": {7: ["ads.suppress"], 8: None}.get(
                i, ["ads.match", "ads.suppress"] if i % 2 else ["ads.match"]),
            "consent_ref": f"R-{1001 + of}",
            "consent_at": None if i == 12 else
            dt.datetime(2026, 3, 2, 22, 14, 5, tzinfo=UTC) + dt.timedelta(days=i, seconds=61 * i),
            "consent_notice": "N° 2",
            "objections": {5: True, 9: True, 1: None}.get(i, False),
            "updated_at": None if i == 13 else
            dt.datetime(2026, 5, 1, 23, 30, 0, tzinfo=UTC) + dt.timedelta(hours=i),
        })
    return rows


ROWS = crm_rows()
NAMES = list(ROWS[0])


def graph_rows():
    rows = []
    for i in range(20):
        email = i % 4 != 3
        rows.append({
            "person_ref": 5001 + i // 2,
            "persona_ref": 5001 + i // 2,
            "type": "email" if email else "phone",
            "value": f"lien.{i}@exemple.fr" if email else f"+336374815{i:02}",
            "class": ["smartphone", "tablet", "desktop", None][i % 4],
            "id_type": "cookie",
            "id_namespace": "exemple-regie.fr",
            "id_value": f"{9_000_000_000_000_000 + i}",
            "evidence": ["login", "purchase"][i % 2],
            "day": dt.date(2026, 11, 10) + dt.timedelta(days=i % 9),
            "consent_scheme": "receipt",
            "consent_string": f"RECU-2026-{i:04}",
            "captured_at": dt.datetime(2026, 11, 2, 9, 0, 30, tzinfo=UTC) + dt.timedelta(hours=i),
        })
    return rows


LINKS = graph_rows()


def text(name, value):
    if value is None:
        return ""
    if isinstance(value, list):
        return "|".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


def reference(path, rows, change=lambda row: row):
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(rows[0])
        for row in rows:
            out.writerow(text(name, value) for name, value in change(dict(row)).items())


def long_ref(row):
    """The row with a UUID as reference, for the files that have such a type."""
    ref = uuid.uuid5(uuid.NAMESPACE_URL, f"https://exemple.fr/{row['consent_ref']}")
    return row | {"consent_ref": str(ref)}


def days(row):
    for name in ("consent_at", "updated_at"):
        row[name] = row[name] and row[name].date()
    return row


# Arrow tables, with a type for each column.

DEFAULTS = {
    "row_id": pa.string(), "email": pa.string(), "phone": pa.string(),
    "consent_purposes": pa.string(), "consent_ref": pa.string(),
    "consent_at": pa.timestamp("us", "UTC"), "consent_notice": pa.string(),
    "objections": pa.bool_(), "updated_at": pa.timestamp("us", "UTC"),
}
LINK_DEFAULTS = {name: pa.string() for name in LINKS[0]} | {
    "person_ref": pa.int64(), "persona_ref": pa.int64(), "day": pa.date32(),
    "captured_at": pa.timestamp("us", "UTC"),
}


def plain(value, kind):
    """A value as a column of this type holds it."""
    t = pa.types
    inner = kind.value_type if t.is_dictionary(kind) else kind
    if value is None or t.is_null(inner):
        return None
    if isinstance(value, list):
        return value if t.is_list(inner) or t.is_large_list(inner) else "|".join(value)
    if isinstance(value, dt.datetime):
        if t.is_timestamp(inner):
            return value if inner.tz else value.replace(tzinfo=None)
        if t.is_date(inner):
            return value.date()
        return text("", value)
    if isinstance(value, dt.date) and t.is_timestamp(inner):
        return dt.datetime(value.year, value.month, value.day, tzinfo=UTC if inner.tz else None)
    if isinstance(value, dt.date):
        return value if t.is_date(inner) else value.isoformat()
    if t.is_floating(inner):
        return float(str(value).lstrip("+"))
    if t.is_integer(inner):
        return int(value) if isinstance(value, bool) else int(str(value).lstrip("+"))
    if t.is_decimal(inner):
        return decimal.Decimal(str(value).lstrip("+"))
    if t.is_boolean(inner):
        return value
    if isinstance(inner, pa.UuidType):
        return uuid.UUID(value).bytes
    if t.is_binary(inner) or t.is_large_binary(inner):
        return str(value).encode()
    return text("", value)


LONG_REFS = [long_ref(row) for row in ROWS]


def arrow(change=None, rows=ROWS, defaults=DEFAULTS, drop=(), **types):
    columns, fields = [], []
    for name, kind in (defaults | types).items():
        if name in drop:
            continue
        of = [row.get(name) for row in rows]
        if change:
            of = [change(name, value) for value in of]
        of = [plain(value, kind) for value in of]
        if isinstance(kind, pa.UuidType):
            columns.append(pa.ExtensionArray.from_storage(kind, pa.array(of, pa.binary(16))))
        elif pa.types.is_dictionary(kind):
            columns.append(pa.array(of, kind.value_type).dictionary_encode())
        else:
            columns.append(pa.array(of, kind))
        fields.append(pa.field(name, columns[-1].type))
    return pa.table(columns, pa.schema(fields))


def links(**types):
    return arrow(rows=LINKS, defaults=LINK_DEFAULTS, **types)


def arrow_files():
    def write(name, table, **options):
        """Without what readers need not look at, to keep the files small, unless asked."""
        lean = {"store_schema": False, "write_statistics": False} | options
        pq.write_table(table, CRM / f"pyarrow-{name}.parquet", **lean)

    one = lambda **types: arrow(**types)
    pq.write_table(one(), CRM / "pyarrow-default.parquet")
    for name, kind in {
        "int64": pa.int64(), "int32": pa.int32(), "uint64": pa.uint64(),
        "double": pa.float64(), "decimal": pa.decimal128(18, 0),
        "decimal-scale": pa.decimal128(18, 2), "decimal256": pa.decimal256(40, 0),
    }.items():
        write(f"id-{name}", one(row_id=kind))
    for name, kind in {
        "int64": pa.int64(), "double": pa.float64(), "decimal": pa.decimal128(15, 0),
        "decimal-scale": pa.decimal128(15, 2),
    }.items():
        write(f"phone-{name}", one(phone=kind))
    both = lambda kind: {"consent_at": kind, "updated_at": kind}
    for name, kind in {
        "s-utc": pa.timestamp("s", "UTC"), "ms-utc": pa.timestamp("ms", "UTC"),
        "ns-utc": pa.timestamp("ns", "UTC"), "us-naive": pa.timestamp("us"),
        "us-paris": pa.timestamp("us", "Europe/Paris"), "date32": pa.date32(), "date64": pa.date64(),
    }.items():
        write(f"time-{name}", one(**both(kind)))
    write("time-int96", one(), use_deprecated_int96_timestamps=True)
    write("spark-flavor", one(row_id=pa.int64()), flavor="spark",
          use_deprecated_int96_timestamps=True, compression="gzip")
    paris = lambda name, value: (value.astimezone(PARIS) if isinstance(value, dt.datetime) else value)
    write("time-wall-clock-paris", arrow(paris, **both(pa.timestamp("us"))))
    write("ref-uuid", arrow(rows=LONG_REFS, consent_ref=pa.uuid()))
    write("bytes", one(**{n: pa.binary() for n in ("row_id", "email", "phone", "consent_ref")}))
    latin = pa.array([r["email"] and r["email"].encode("latin-1") for r in ROWS], pa.binary())
    table = one()
    write("bytes-latin1", table.set_column(1, "email", latin))
    every = {n: pa.large_string() for n in NAMES if DEFAULTS[n] == pa.string()}
    write("large-string", one(**every))
    write("string-view", one(**{n: pa.string_view() for n in every}))
    coded = {n: pa.dictionary(pa.int32(), pa.string()) for n in every}
    write("dictionary", one(**coded))
    write("dictionary-int8", one(**coded).cast(pa.schema(
        [pa.field(n, pa.dictionary(pa.int8(), pa.string()) if n in every else DEFAULTS[n])
         for n in NAMES])))
    null = table.append_column("email_2", pa.nulls(len(ROWS)))
    write("null-typed", null.append_column("custom.notes", pa.nulls(len(ROWS))))
    write("list", one(consent_purposes=pa.list_(pa.string())))
    write("list-item", one(consent_purposes=pa.list_(pa.string())), use_compliant_nested_type=False)
    write("large-list", one(consent_purposes=pa.large_list(pa.string())))
    coded = one(consent_purposes=pa.list_(pa.string()))
    at = coded.schema.get_field_index("consent_purposes")
    kind = pa.list_(pa.dictionary(pa.int32(), pa.string()))
    write("list-dictionary", coded.set_column(at, "consent_purposes", coded[at].cast(kind)))
    write("objections-int8", one(objections=pa.int8()))
    write("objections-string", one(objections=pa.string()))
    odd = {
        "struct": pa.array([{"a": 1, "b": "x"}] * 20),
        "map": pa.array([[("k", 1)]] * 20, pa.map_(pa.string(), pa.int64())),
        "lists": pa.array([[[1, 2], [3]]] * 20),
        "time": pa.array([dt.time(10, 14)] * 20), "double": pa.array([1.5] * 20),
        "half": pa.array(np.array([1.5] * 20, dtype=np.float16)),
        "fixed": pa.array([b"\xff\x00"] * 20, pa.binary(2)),
    }
    more = table
    for name, column in odd.items():
        more = more.append_column(f"custom.{name}", column)
    write("unused-odd-types", more)
    write("struct-mapped", table.set_column(1, "email", pa.array(
        [r["email"] and {"address": r["email"]} for r in ROWS])))
    for name in ("gzip", "zstd", "lz4", "brotli", "none"):
        write(f"codec-{name}", table, compression=name)
    write("page-v2", table, data_page_version="2.0")
    write("page-v2-zstd", table, data_page_version="2.0", compression="zstd")
    write("format-1", table, version="1.0")
    write("no-dictionary", table, use_dictionary=False)
    write("checksums", table, write_page_checksum=True)
    write("statistics", table, write_statistics=True, write_page_index=True)
    write("small-pages", table, row_group_size=7, data_page_size=64)
    ints = one(row_id=pa.int64())
    delta = {n: "DELTA_BYTE_ARRAY" for n in ("email", "phone")} | {
        n: "DELTA_LENGTH_BYTE_ARRAY" for n in ("consent_ref", "consent_notice")} | {
        n: "DELTA_BINARY_PACKED" for n in ("row_id", "consent_at", "updated_at")}
    write("delta", ints, use_dictionary=False, column_encoding=delta)
    write("delta-page-v2", ints, use_dictionary=False, column_encoding=delta,
          data_page_version="2.0")
    split = {n: "BYTE_STREAM_SPLIT" for n in ("row_id",)}
    write("byte-stream-split", one(row_id=pa.float64()), use_dictionary=False, column_encoding=split)
    write("objections-rle", table, use_dictionary=False, column_encoding={"objections": "RLE"},
          data_page_version="2.0")
    pa.csv.write_csv(one(row_id=pa.int64()), CRM / "pyarrow-default.csv")
    pa.csv.write_csv(one(row_id=pa.int64()), CRM / "pyarrow-unquoted.csv",
                     pa.csv.WriteOptions(quoting_style="none"))
    pa.feather.write_feather(table, CRM / "pyarrow-feather.feather")
    pa.feather.write_feather(table, CRM / "pyarrow-feather-v1.feather", version=1)
    with pa.ipc.new_stream(CRM / "pyarrow-stream.arrows", table.schema) as out:
        out.write_table(table)
    pa.orc.write_table(table, CRM / "pyarrow-orc.orc")
    pa.dataset.write_dataset(table, CRM / "pyarrow-dataset", format="parquet",
                             max_rows_per_file=10, max_rows_per_group=10)
    country = table.append_column("country", pa.array(["FR", "BE"] * 10))
    pa.dataset.write_dataset(country, CRM / "pyarrow-hive", format="parquet",
                             partitioning=["country"], partitioning_flavor="hive")
    pq.write_table(links(), GRAPH / "pyarrow-default.parquet")
    naive = pa.timestamp("us")
    pq.write_table(links(day=naive, captured_at=naive), GRAPH / "pyarrow-naive-days.parquet")
    pq.write_table(links(day=pa.timestamp("ms", "UTC")), GRAPH / "pyarrow-utc-days.parquet",
                   use_deprecated_int96_timestamps=True, compression="gzip")
    pq.write_table(links(person_ref=pa.float64(), persona_ref=pa.decimal128(18, 0),
                         id_value=pa.int64()), GRAPH / "pyarrow-number-keys.parquet")
    pa.csv.write_csv(links(), GRAPH / "pyarrow-default.csv")


# pandas, by both engines.


def frame(purposes="text"):
    data = {name: [row[name] for row in ROWS] for name in NAMES}
    if purposes == "text":
        data["consent_purposes"] = [p and "|".join(p) for p in data["consent_purposes"]]
    return pd.DataFrame(data)


def pandas_files():
    df = frame()
    strings = df.assign(row_id=df.row_id.astype(str))
    df.to_parquet(CRM / "pandas-default.parquet")
    df.set_index(df.row_id + 7).to_parquet(CRM / "pandas-unnamed-index.parquet")
    df.set_index("row_id").to_parquet(CRM / "pandas-id-index.parquet")
    df.assign(row_id=df.row_id.astype("Int64"), objections=df.objections.astype("boolean"),
              phone=df.phone.str[1:].astype("Int64")).to_parquet(
        CRM / "pandas-nullable.parquet", index=False)
    df.assign(row_id=df.row_id.astype("float64")).to_parquet(
        CRM / "pandas-float-ids.parquet", index=False)
    df.assign(phone=df.phone.str[1:].astype("float64")).to_parquet(
        CRM / "pandas-float-phones.parquet", index=False)
    df.convert_dtypes(dtype_backend="pyarrow").to_parquet(
        CRM / "pandas-arrow-types.parquet", index=False)
    objects = strings.astype(object).where(strings.notna(), None)
    objects["email_2"] = None
    objects.to_parquet(CRM / "pandas-objects.parquet", index=False)
    many = ["consent_notice", "consent_purposes", "consent_ref", "email"]
    df.assign(**{n: df[n].astype("category") for n in many}).to_parquet(
        CRM / "pandas-category.parquet", index=False)
    frame("list").to_parquet(CRM / "pandas-list.parquet", index=False)
    naive = df.assign(**{n: df[n].dt.tz_localize(None).astype("datetime64[ns]")
                         for n in ("consent_at", "updated_at")})
    naive.to_parquet(CRM / "pandas-naive-ns.parquet", index=False)
    # Older frames, as fastparquet knows them: objects and nanoseconds.
    old = objects.drop(columns="email_2")
    for name in ("consent_at", "updated_at"):
        old[name] = pd.to_datetime(old[name], utc=True).astype("datetime64[ns, UTC]")
    old["objections"] = objects["objections"].map({True: "true", False: "false", None: None})
    old = old.astype({n: object for n in old.columns if old[n].dtype.kind not in "mM"})
    fast = lambda name, data, **options: fastparquet.write(
        str(CRM / f"fastparquet-{name}.parquet"), data, **options)
    fast("default", old)
    fast("bytes", old.assign(email=[e and e.encode() for e in old["email"]]))
    fast("json", old, object_encoding={n: "json" if n in ("consent_notice", "consent_ref") else "utf8"
                                       for n in old.columns if old[n].dtype == object})
    fast("int96", old, times="int96")
    for codec in ("GZIP", "ZSTD", "LZ4", "BROTLI"):
        fast(codec.lower(), old, compression=codec)
    fast("int-ids", old.assign(row_id=df.row_id, objections=[bool(o) for o in df.objections]))
    many = ["consent_notice", "consent_purposes", "email"]
    fast("category", old.assign(**{n: old[n].astype("category") for n in many}))
    fast("hive-parts", old, file_scheme="hive", row_group_offsets=[0, 9])

    put = lambda name, data, **options: data.to_csv(CRM / f"pandas-{name}", **options)
    put("default.csv", df, index=False)
    put("index.csv", df)
    put("bom.csv", df, index=False, encoding="utf-8-sig")
    put("quote-all.csv", df, index=False, quoting=csv.QUOTE_ALL)
    put("nan.csv", df, index=False, na_rep="NaN")
    put("backslash-n.csv", df, index=False, na_rep="\\N")
    put("float-ids.csv", df.assign(row_id=df.row_id.astype("float64")), index=False)
    put("float-phones.csv", df.assign(phone=df.phone.str[1:].astype("float64")), index=False)
    put("lists.csv", frame("list"), index=False)
    put("semicolon-cp1252.csv", df, index=False, sep=";", encoding="cp1252")
    put("tab.tsv", df, index=False, sep="\t")
    put("pipe.csv", frame().assign(consent_purposes="ads.match"), index=False, sep="|")
    put("utf16.csv", df, index=False, encoding="utf-16")
    put("latin1.csv", df, index=False, encoding="latin-1")
    for packed in ("gz", "bz2", "xz", "zip"):
        put(f"packed.csv.{packed}", df, index=False)
    says = lambda name, data, **options: data.to_json(
        CRM / f"pandas-{name}", orient="records", **options)
    says("iso.ndjson", df, lines=True, date_format="iso")
    says("epoch.ndjson", df, lines=True, date_format="epoch", date_unit="ms")
    says("floats.ndjson", df.assign(row_id=df.row_id.astype("float64"),
                                    phone=df.phone.str[1:].astype("float64")),
         lines=True, date_format="iso")
    says("array.json", df, date_format="iso")
    df.to_json(CRM / "pandas-columns.json", date_format="iso")

    graph = pd.DataFrame({name: [row[name] for row in LINKS] for name in LINKS[0]})
    graph.to_parquet(GRAPH / "pandas-default.parquet")
    graph.assign(day=pd.to_datetime(graph.day)).to_parquet(GRAPH / "pandas-datetime-days.parquet")
    graph.assign(day=pd.to_datetime(graph.day)).to_csv(GRAPH / "pandas-default.csv", index=False)
    graph.assign(day=graph.day.astype(str)).to_json(
        GRAPH / "pandas-iso.ndjson", orient="records", lines=True, date_format="iso")


# polars.


def polars_files():
    df = pl.from_arrow(arrow(row_id=pa.int64(), consent_purposes=pa.list_(pa.string())))
    flat = df.with_columns(pl.col("consent_purposes").list.join("|"))
    flat.write_parquet(CRM / "polars-default.parquet")
    df.write_parquet(CRM / "polars-list.parquet")
    for codec in ("snappy", "brotli", "lz4"):
        flat.write_parquet(CRM / f"polars-{codec}.parquet", compression=codec)
    flat.with_columns(
        pl.col("consent_notice").cast(pl.Enum(["N° 1", "N° 2"])),
        pl.col("email", "consent_purposes").cast(pl.Categorical),
        pl.lit(None).alias("email_2"),
    ).write_parquet(CRM / "polars-categorical.parquet")
    flat.with_columns(pl.col("email").cast(pl.Binary)).write_parquet(CRM / "polars-binary.parquet")
    flat.with_columns(
        pl.col("row_id").cast(pl.Decimal(18, 0)), pl.col("consent_at").dt.cast_time_unit("ms"),
        pl.col("updated_at").dt.cast_time_unit("ns"),
    ).write_parquet(CRM / "polars-decimal-ms-ns.parquet")
    flat.with_columns(pl.col("row_id").cast(pl.Float64)).write_parquet(
        CRM / "polars-float-ids.parquet")
    flat.with_columns(pl.col("row_id").cast(pl.UInt32)).write_parquet(
        CRM / "polars-uint32-ids.parquet", row_group_size=6, data_page_size=64, statistics=False)
    naive = flat.with_columns(pl.col("consent_at", "updated_at").dt.replace_time_zone(None))
    naive.write_parquet(CRM / "polars-naive.parquet")
    flat.write_csv(CRM / "polars-default.csv")
    naive.write_csv(CRM / "polars-naive.csv")
    flat.write_csv(CRM / "polars-bom.csv", include_bom=True, line_terminator="\r\n")
    df.write_ndjson(CRM / "polars-default.ndjson")
    df.write_ipc(CRM / "polars-ipc.arrow")
    graph = pl.from_arrow(links())
    graph.write_parquet(GRAPH / "polars-default.parquet")
    graph.with_columns(pl.col("day").cast(pl.Datetime("ms"))).write_parquet(
        GRAPH / "polars-datetime-days.parquet")
    graph.write_ndjson(GRAPH / "polars-default.ndjson")


# DuckDB.


def duckdb_files():
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.register("given", arrow(row_id=pa.int64(), consent_purposes=pa.list_(pa.string())))
    db.execute("""CREATE TABLE list AS SELECT * FROM given""")
    db.execute("""CREATE TABLE crm AS SELECT * REPLACE (array_to_string(consent_purposes, '|')
                  AS consent_purposes) FROM list""")
    naive = """(SELECT * REPLACE (timezone('UTC', consent_at) AS consent_at,
                timezone('UTC', updated_at) AS updated_at) FROM crm)"""

    def copy(what, name, options=""):
        options = f"({options})" if options else ""
        db.execute(f"COPY {what} TO '{CRM / f'duckdb-{name}'}' {options}")

    copy("crm", "default.parquet", "FORMAT parquet")
    copy("list", "list.parquet", "FORMAT parquet")
    for codec in ("brotli", "lz4_raw"):
        copy("crm", f"{codec.replace('_', '-')}.parquet", f"FORMAT parquet, COMPRESSION {codec}")
    copy("crm", "version-2.parquet", "FORMAT parquet, PARQUET_VERSION v2")
    copy(naive, "naive.parquet", "FORMAT parquet")
    copy("(SELECT * REPLACE (row_id::HUGEINT AS row_id) FROM crm)", "hugeint-ids.parquet",
         "FORMAT parquet")
    db.register("given_uuids", arrow(rows=LONG_REFS))
    copy("(SELECT * REPLACE (row_id::DECIMAL(18,0) AS row_id, consent_ref::UUID AS consent_ref)"
         " FROM given_uuids)", "decimal-uuid.parquet", "FORMAT parquet")
    copy("(SELECT *, '{\"a\": 1}'::JSON AS \"custom.notes\" FROM crm)", "json-unused.parquet",
         "FORMAT parquet")
    copy("(SELECT * REPLACE (to_json(consent_purposes) AS consent_purposes) FROM list)",
         "json-purposes.parquet", "FORMAT parquet")
    copy("(SELECT * REPLACE (encode(email) AS email, "
         "(consent_notice::ENUM('N° 1', 'N° 2')) AS consent_notice)"
         " FROM crm)", "blob-enum.parquet", "FORMAT parquet")
    copy("(SELECT * REPLACE (consent_at::TIMESTAMP_NS AS consent_at, "
         "updated_at::TIMESTAMP_S AS updated_at) FROM crm)", "ns-s.parquet", "FORMAT parquet")
    copy("(SELECT * REPLACE (consent_at::DATE AS consent_at, updated_at::DATE AS updated_at)"
         " FROM crm)", "dates.parquet", "FORMAT parquet")
    copy("crm", "default.csv")
    copy("crm", "quoted.csv", "FORCE_QUOTE *")
    copy("crm", "packed.csv.gz", "COMPRESSION gzip")
    copy("list", "default.ndjson", "FORMAT json")
    copy(naive, "naive.ndjson", "FORMAT json")
    copy("list", "array.json", "FORMAT json, ARRAY true")
    copy("crm", "packed.ndjson.zst", "FORMAT json, COMPRESSION zstd")
    db.register("given_links", links())
    db.execute("CREATE TABLE links AS SELECT * FROM given_links")
    for name, options in (("default.parquet", "(FORMAT parquet)"), ("default.csv", ""),
                          ("default.ndjson", "(FORMAT json)")):
        db.execute(f"COPY links TO '{GRAPH / f'duckdb-{name}'}' {options}")
    db.execute("COPY (SELECT * REPLACE (day::TIMESTAMP AS day, person_ref::HUGEINT AS person_ref) "
               f"FROM links) TO '{GRAPH / 'duckdb-timestamp-days.parquet'}' (FORMAT parquet)")


# Spark.


def spark_files():
    from pyspark.sql import SparkSession, functions as f, types as t

    spark = (SparkSession.builder.master("local[1]").appName("matrix")
             .config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false")
             .config("spark.sql.shuffle.partitions", "1").getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    kinds = [t.LongType(), *[t.StringType()] * 2, t.ArrayType(t.StringType()), t.StringType(),
             t.TimestampType(), t.StringType(), t.BooleanType(), t.TimestampType()]
    schema = t.StructType([t.StructField(n, k) for n, k in zip(NAMES, kinds)])
    listed = spark.createDataFrame([tuple(row[n] for n in NAMES) for row in ROWS], schema)
    flat = listed.withColumn("consent_purposes", f.concat_ws("|", "consent_purposes"))

    def write(name, data, form="parquet", keep=None, to=CRM, **options):
        """The one file of a directory, or the directory."""
        with tempfile.TemporaryDirectory() as place:
            writer = data.write.format(form)
            for key, value in options.items():
                writer = writer.option(key.replace("__", "."), value)
            writer.save(f"{place}/out")
            target = to / f"spark-{name}"
            if keep:
                shutil.copytree(f"{place}/out", target)
                # Names without the random part, so that a new run replaces the old files.
                for number, path in enumerate(sorted(target.glob("part-*"))):
                    path.rename(target / f"part-{number:05}.{path.name.split('.', 1)[1]}")
                for number, path in enumerate(sorted(target.glob(".part-*.crc"))):
                    path.rename(target / f".part-{number:05}.crc")
            else:
                (part,) = pathlib.Path(f"{place}/out").glob("part-*")
                shutil.copy(part, target)

    one = lambda data: data.coalesce(1)
    write("default.parquet", one(flat))
    write("list.parquet", one(listed))
    for codec in ("gzip", "zstd", "lz4", "lz4_raw"):
        write(f"{codec.replace('_', '-')}.parquet", one(flat), compression=codec)
    spark.conf.set("spark.sql.parquet.writeLegacyFormat", "true")
    write("legacy-list.parquet", one(listed.withColumn("row_id", f.col("row_id").cast("decimal(18,0)"))))
    spark.conf.set("spark.sql.parquet.writeLegacyFormat", "false")
    for kind in ("TIMESTAMP_MICROS", "TIMESTAMP_MILLIS"):
        spark.conf.set("spark.sql.parquet.outputTimestampType", kind)
        write(f"{kind.lower().replace('_', '-')}.parquet", one(flat))
    ntz = flat.withColumns({n: f.col(n).cast("timestamp_ntz") for n in ("consent_at", "updated_at")})
    write("ntz.parquet", one(ntz))
    write("binary.parquet", one(flat.withColumn("email", f.col("email").cast("binary"))))
    dates = flat.withColumns({n: f.col(n).cast("date") for n in ("consent_at", "updated_at")})
    write("dates.parquet", one(dates))
    write("parts", flat.repartition(2, "row_id").sortWithinPartitions("row_id"), keep=True)
    write("default.csv", one(flat), "csv", header="true")
    write("parts-csv", flat.repartition(2, f.col("row_id") % 2), "csv", keep=True, header="true")
    write("default.ndjson", one(listed), "json")
    fields = list(LINKS[0])
    link = [t.LongType(), t.LongType(), *[t.StringType()] * 7, t.DateType(), t.StringType(),
            t.StringType(), t.TimestampType()]
    data = spark.createDataFrame(
        [tuple(row[n] for n in fields) for row in LINKS],
        t.StructType([t.StructField(n, k) for n, k in zip(fields, link)]))
    write("default.parquet", one(data), to=GRAPH)
    write("timestamp-days.parquet", one(data.withColumn("day", f.col("day").cast("timestamp"))),
          to=GRAPH, compression="gzip")
    write("parts", data.repartition(2), keep=True, to=GRAPH)
    spark.stop()


def clear(tool):
    for place in (CRM, GRAPH):
        place.mkdir(exist_ok=True)
        for path in place.glob(f"{tool}-*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def main():
    """Makes the files of all tools, or of those named, such as `make.py polars`."""
    steps = {"pyarrow": arrow_files, "pandas": pandas_files, "polars": polars_files,
             "duckdb": duckdb_files, "spark": spark_files}
    chosen = sys.argv[1:] or list(steps)
    for name in chosen + ["fastparquet"] * ("pandas" in chosen):
        clear(name)
    reference(CRM / "reference.csv", ROWS)
    reference(CRM / "reference-days.csv", ROWS, days)
    reference(CRM / "reference-uuid.csv", LONG_REFS)
    reference(CRM / "reference-no-phone.csv", ROWS, lambda row: row | {"phone": None})
    reference(CRM / "reference-match-only.csv", ROWS,
              lambda row: row | {"consent_purposes": ["ads.match"]})
    reference(GRAPH / "reference.csv", LINKS)
    for name in chosen:
        steps[name]()


if __name__ == "__main__":
    main()
