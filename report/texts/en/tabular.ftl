## tabular

## Files

source-input = { $file }: { $fault }
source-open = cannot open { $file }: { $error }
    .try = name a file that exists and that you may read
parts-no-data = { $directory }: the directory has no part file
    .try = check that the export ran and wrote there
parts-unfinished = { $directory }: the job that writes this directory has not ended
    .try = wait until it has, or export again
parts-logged = { $directory }: the table has a log (Delta Lake or Hudi), so that its files hold deleted rows too
    .try = have its engine write the table as Parquet or CSV, and give that directory
parts-directory = { $directory }: a directory within one of part files, and no `key=value`
    .try = move it away, or name each directory on the command line
parts-deep = { $directory }: too deep within other directories for a table
    .try = name the directory of the part files
mapping-no-field = the map names no source for the field `{ $name }`
    .try = { try-mapping }
mapping-ignored = the map takes a field from the column `{ $name }` and ignores it too
    .try = take the column out of `ignore`, or out of the field
try-mapping = name a column for it under `[input.fields]` of the map

## Faults of a file, or of one row of it

input-read = the file cannot be read after line { $line }: { $error }
    .try = check the file, its disk and its compression, then run again
input-not-text = the file is { $found }, which is not read
    .try = export it as CSV or NDJSON in UTF-8, or as Parquet
input-wrong-encoding = the file is { $found }; its declared encoding is { $declared }
    .try = { $known ->
        [yes] declare `encoding = "{ $found }"`, or export the file as UTF-8
       *[no] export the file as UTF-8
     }
input-invalid-encoding = line { $line }, column { $column }: not valid { $declared }{ $likely ->
    [none] {""}
   *[other] ; it looks like { $likely }
 }
    .try = { $likely ->
        [none] the file is probably not { $declared }; export it as UTF-8, or declare its encoding
       *[other] export the file as UTF-8, or declare its encoding: `encoding = "{ $likely }"`, if its program says so too
     }
input-nul-byte = line { $line }, column { $column }: a NUL byte
    .try = export the file again; a NUL byte means that it is damaged or is not text
input-empty = the file is empty; it needs at least a header
    .try = check that the export ran and that this is its file
input-separator-line = the first line is a spreadsheet's `sep=` directive
    .try = remove that line and declare the `delimiter` in a map
input-header-is-data = the first line looks like data (column { $column }); the header is missing
    .try = add a first line with the names of the columns
input-unnamed-column = column { $column } of the header has no name
    .try = name the column, or remove the delimiter at the end of the line
input-duplicate-column = columns { $first } and { $second } have the same name `{ $name }`
    .try = rename or remove one of the two columns
input-wrong-delimiter = the header is a single column; the file seems to use the { $likely }
    .try = declare it, `delimiter = "{ $sign }"`, or export with another one
input-foreign-columns = { $columns ->
    [one] the only column has no name known here
   *[other] none of { $columns_text } columns has a name known here
 }{ $known ->
    [yes] ; it looks like { $like }
   *[no] { "" }
 }
    .try = { $program } map { $file }
input-missing-column = { missing-columns }
    .try = { try-columns }
input-unknown-column = { unknown-columns }
    .try = { try-columns }
input-unknown-member = line { $line }: { unknown-columns }
    .try = { try-columns }
input-wrong-columns = { missing-columns }; { unknown-columns }
    .try = { try-columns }
missing-columns = { $missing ->
    [one] there is no column { $missing_names }
   *[other] there are no columns { $missing_names }
 }
unknown-columns = { $unknown ->
    [one] the column { $unknown_names } is not known
   *[other] the columns { $unknown_names } are not known
 }
column-named = `{ $name }`
columns-more = { $more_text } more
columns-near = `{ $theirs }` for `{ $ours }`
near-columns = { $near ->
    [0] { "" }
   *[other] did you mean { $near_names }?{ " " }
 }
try-columns = { near-columns }{ $mapped ->
    [yes] Correct the names in the map, or list columns not to look at under its `ignore`
   *[no] Write a map that says which column is which: `{ $program } map { $file }`
 }
input-stray-quote = line { $line }, column { $column }: a quote inside a field without quotes
    .try = { try-quote-field }
input-text-after-quote = line { $line }, column { $column }: text after the closing quote of a field whose quote opened on line { $opened }
    .try = { try-quote-field }
try-quote-field = put the whole field in quotes and double every quote inside it
input-unclosed-quote = line { $line }, column { $column }: a quote opens here and never closes
    .try = close the quote on that line, or double it if it is part of the text
input-record-too-long = the record that begins on line { $line } is longer than 64 KiB
    .try = check the quotes and line ends near that line
input-ragged = line { $line } has { $found ->
    [one] 1 field
   *[other] { $found_text } fields
 }; the header has { $expected_text }
    .try = { $relation ->
        [more] put fields that contain the delimiter in quotes
       *[fewer] check line ends inside fields, and the end of the row
     }
input-in-path = the column `{ $name }` stands in the name of a directory, and not in the file
    .try = write it into the files: what a path says is not read
input-no-row-id = line { $line }: the row has no id, or a null marker for one
    .try = give every row an id, which never changes and is the same in every file
input-long-row-id = line { $line }: the id of the row is longer than 1024 bytes
    .try = check that the right column is the row id
input-number-for-row-id = line { $line }: the id of the row is a number that was rounded on its way
    .try = export the ids as text: spreadsheets and decimal columns write 1.23457E+15 or 12.0
input-open-last-line = line { $line }, the last one, has no line end: the file may be cut short
    .try = wait until the export has ended, or export again; if the file is whole, end its last line, or say `--allow open-last-line` to a command that has the option
input-json = line { $line } is { $found }, not one JSON object
    .try = write one object a line, such as `{ "{" }"row_id":"C-1"{ "}" }`, and no comma after it
input-json-member = line { $line }: `{ $name }` is { $found }
    .try = write one value there: text, a number, true or false; lists are arrays of these, absent values null
input-parquet = the file is { $found }
    .try = write it again as Parquet, without encryption, or as CSV
input-parquet-column = column `{ $name }` holds { $found }
    .try = { try-parquet-type }
try-parquet-type = write the column as STRING, a whole number, BOOLEAN, DATE, TIMESTAMP or LIST of STRING
input-parquet-field = row { $line }, column `{ $name }`: { $found }
    .try = correct the value and write the file again
input-parser = the parser stopped near line { $line }
    .try = report this: it is a defect of the program

## Things found in place of others

found-zip = a ZIP archive
    .try = `unzip -p{ $file } | { $command } -`
found-workbook = an Excel workbook or another office document
    .try = save each sheet as “CSV UTF-8” in the spreadsheet
found-old-workbook = an old Excel workbook
    .try = save each sheet as “CSV UTF-8” in the spreadsheet
found-gzip = packed twice, within by gzip
    .try = unpack it once before
found-zstd = packed twice, within by zstd
    .try = unpack it once before
found-long-window = packed by zstd with a window above 8 MiB
    .try = `zstd -dc --long=31{ $file } | { $command } -`, or pack it again without `--long` and `--ultra`
found-bzip2 = packed by bzip2
    .try = `bunzip2 -c{ $file } | { $command } -`
found-xz = packed by xz
    .try = `xz -dc{ $file } | { $command } -`
found-lz4 = packed by LZ4
    .try = `lz4 -dc{ $file } | { $command } -`
found-archive = a 7z or RAR archive
    .try = unpack it, and give the files that were in it
found-parquet = a Parquet file inside an archive
    .try = unpack it to a file: Parquet packs its own pages
found-arrow = a Feather (Arrow) file
    .try = write it as Parquet, in Python: `pandas.read_feather(FILE, dtype_backend="pyarrow").to_parquet("crm.parquet")`
found-avro = an Avro file
    .try = write it as Parquet, CSV or NDJSON with the program that made it
found-orc = an ORC file
    .try = write it as Parquet, in Python: `pandas.read_orc(FILE, dtype_backend="pyarrow").to_parquet("crm.parquet")`
found-sqlite = an SQLite database
    .try = `sqlite3 -csv -header{ $file } "SELECT * FROM TABLE" | { $command } -`
found-pdf = a PDF document
    .try = export the table itself, as CSV
found-markup = a web page or XML
    .try = export again as CSV: a page in place of a file is often that of a log-in, or a spreadsheet saved as one
found-json-array = a JSON array
    .try = `jq -c '.[]'{ $file } | { $command } -`, which writes one object a line
found-unmarked = text without a mark
found-list = a list, where one text is expected
found-bar-in-entry = a list with `|` inside an entry
# After “the”.
delimiter-semicolon = semicolon `;`
delimiter-tab = tab
delimiter-comma = comma `,`
delimiter-bar = vertical bar `|`
json-broken-object = a broken or unfinished JSON object
json-array = a JSON array or the start of one
json-other-text = other text
json-data-for-names = an object with data for names
json-too-many-members = one of too many columns
json-twice = there twice
json-object = an object
json-list-of-others = a list of objects or of lists
json-broken-text = a text with half a character, such as `\ud83d` alone
    .try = write the whole character, in UTF-8
parquet-not = not a Parquet file
parquet-stream = Parquet, which is read from a file and not from a stream
    .try = write the stream to a file first: `cat > crm.parquet`, then `{ $command } crm.parquet`
parquet-damaged = a Parquet file that is damaged or cut short
parquet-encrypted = an encrypted Parquet file
parquet-compression = a Parquet file compressed by LZO
    .try = write it again with snappy, zstd, gzip, lz4 or brotli
parquet-long-page = a Parquet file with a page above 64 MiB
parquet-long-description = a Parquet file whose description is above 64 MiB
parquet-name-twice = a Parquet file with two columns of one name
parquet-data-for-names = a Parquet file with data for names of columns
parquet-levels = levels and values that disagree
parquet-long-field = longer than 64 KiB
parquet-nul = a NUL character
parquet-out-of-range = a day or time out of range
parquet-several-values = a group of several values (STRUCT or MAP)
    .try = write each of its values as a column of its own
parquet-nested = groups or nested lists
    .try = write each value as a column of its own, or as one list of texts
parquet-not-utf8 = not valid UTF-8
    .try = write the column as STRING in UTF-8
parquet-not-text = bytes that are no text in UTF-8
    .try = write the value as STRING; of a digest its 64 hexadecimal digits, `lower(hex(COLUMN))` in SQL
parquet-not-nothing = a value in a column that is declared to be always null
    .try = write the column with its true type
parquet-bson = BSON
    .try = write each of its members as a column of its own
parquet-interval = spans of time (INTERVAL)
    .try = write the column as DATE or TIMESTAMP
parquet-float16 = numbers of half precision (FLOAT16)
    .try = write the column as STRING or as a whole number
parquet-variant = values of any type (VARIANT)
    .try = write each of its members as a column of its own
parquet-geometry = places (GEOMETRY or GEOGRAPHY)
    .try = leave the column out
parquet-other-type = a type that is not read
    .try = { try-parquet-type }
