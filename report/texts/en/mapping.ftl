## mapping

## Maps that cannot be used

map-unreadable = cannot read the map { $path }: { $why }
    .try = name a map that exists and that you may read
map-not-text = { $path } is no map: it is above a mebibyte, or not UTF-8
    .try = name the map, not the export; save it as UTF-8
map-faulty = { $path }, { $what }
map-faults = { $path }: { $faults ->
    [one] 1 fault
   *[other] { $faults_text } faults
 }, { $open ->
    [one] 1 open question
   *[other] { $open_text } open questions
 }
    { $list }
map-try-open = write the answers into the map in place of "?", then run again
map-try-faults = correct them all, then run `check-config`, which reads the map of the settings again
map-and =
    { $first }
    { $rest }
map-no-line = nothing
map-line = {"  "}{ $what }
map-fault-and-try = { $fault }; { $advice }
map-open-at-line = line { $line }, open: { $question }
    .try = { map-try-open }
map-other-digest = { $path } has the digest { $found }; the settings pin { $pinned }
    .try = use the map that was signed, or have this one signed and write its digest as `map_digest`
map-unnamed = the settings pin the map { $pinned }, and no map is named
    .try = name it by `--map FILE`, or as `map` in the settings
map-used = map { $digest }
map-used-for-consent = map { $digest }, consent by { $columns }
map-choice-none = no section of the map fits { $file }
    .try = name a section by its tag, `TAG=FILE`, or add the name of the file to `files` of one
map-choice-several = two sections of the map fit { $file }, those of lines { $a } and { $b }
    .try = name one by its tag, `TAG=FILE`

## Faults of a map

map-not-toml = not TOML: { $why }
    .try = correct the line: texts, and names with a space or an accent, stand in quotes; a section begins with `[[input]]`
map-twice = `{ $name }` is set twice
    .try = delete one of the two lines
map-no-version = the line `map = 1` is missing
    .try = write `map = 1` as the first line
map-version = `map` is the number of the form of this file, which is 1
    .try = write `map = 1`
map-no-input = no input is described
    .try = begin a section with `[[input]]`
map-no-section = `input` is no list of sections
    .try = write `[[input]]`, with two brackets on each side
map-section-unnamed = a map with several sections needs `tag` or `files` in each
    .try = add `tag = "crm"` or `files = ["crm_*.csv"]` to this section
map-tag-twice = two sections have the tag `{ $tag }`
    .try = give one of them another tag
map-unknown-key = `{ $name }` is no key of { $of ->
    [map] a map
    [digests] `digests`
    [field] a field
   *[input] an input
 }
    .try = { $near ->
        [none] delete the line
       *[other] did you mean { map-near }?
     }
map-unknown-field = `{ $name }` is no field
    .try = { $near ->
        [none] list the column under `ignore` if nothing needs it
       *[other] did you mean { map-near }?
     }
map-field-further = a map has no field `{ $name }`: all columns are listed under `{ $first }`
    .try = write `{ $first } = ["FIRST COLUMN", "SECOND COLUMN"]`
map-field-none-of = no identifier is mapped
    .try = say which column holds one of { $names }
map-name = `{ $name }`
map-field-missing = the field `{ $name }` is missing
    .try = say which column it is: `{ $name } = "COLUMN"`
map-field = `{ $name }` is a column, or a table with one of `column`, `columns` and `const`
    .try = write `{ $name } = "COLUMN"`
map-field-one-column = `{ $name }` has several columns; only e-mail addresses, telephone numbers and their digests may
    .try = name one column, or join them: { "{" } columns = ["A", "B"], join = " " { "}" }
map-field-no-constant = `{ $name }` cannot be the same in every row
    .try = name the column that holds it
map-field-no-values = `{ $name }` has no `values`: it is taken as the file has it
    .try = delete `values`
map-field-no-split = `{ $name }` is no list
    .try = delete `split`
map-field-no-time = `{ $name }` is no time
    .try = delete `dates` and `zone` there
map-join-alone = `join` stands between the texts of several columns
    .try = list them: { "{" } columns = ["A", "B"], join = " " { "}" }
map-join-objections = objections cannot be joined: with one part absent an objection in the other would be lost
    .try = name one column that holds the objection
map-join-unfit = this `join` would make one name of two, or holds a control character
    .try = write a sign that none of the columns holds, such as `/`
map-const-null = the constant `{ $text }` stands for nothing
    .try = write what holds of every row, or delete the field
map-empty = `{ $name }` is empty
    .try = write a value, or delete it
map-no-text = `{ $name }` is text in quotes
    .try = write `{ $name } = "…"`
map-no-list = `{ $name }` is a list
    .try = write `{ $name } = ["…"]`
map-no-table = `{ $name }` is a table
    .try = write `{ $name } = { "{" } … { "}" }`, or begin it with `[input.{ $name }]`
map-listed-twice = `{ $name }` lists `{ $text }` twice
    .try = delete one of the two
map-tag = `{ $tag }` is no tag
    .try = write letters, digits, `-` and `_`, 32 at most
map-files = `{ $text }` is no pattern of a file name
    .try = write the name without a folder; `*` stands for any characters, `?` for one
map-format = `format` must be "csv", "ndjson" or "parquet"
    .try = write one of these, or delete the line: the first bytes of a file say what it is
map-encoding = no encoding has this name
    .try = { $near ->
        [none] write "utf-8", "windows-1252", "iso-8859-1" or another of the list in docs/reference/map.md
       *[other] did you mean { map-near }?
     }
map-delimiter = `delimiter` must be ",", ";", "tab" or "|"
    .try = write the character that stands between two fields of the file
map-region = `{ $code }` is no country
    .try = write two letters of ISO 3166, such as "FR"
map-region-case = the country is written in capitals
    .try = write "{ $code }"
map-row-prefix = `row_prefix` is longer than 64 bytes, or holds a control character
    .try = write a short one, such as "shop:"
map-row-prefix-graph = a graph has no ids of rows that `row_prefix` could stand before
    .try = delete `row_prefix`; persons of different files have references of their own
map-nulls = `{ $text }` says something: it cannot stand for an absent value
    .try = delete it from `nulls`
map-null-listed = `{ $text }` stands under `nulls` and in a list of values
    .try = delete one of the two
map-zone = `{ $name }` is no zone
    .try = { $near ->
        [none] write a name of the IANA database, such as "Europe/Paris" or "UTC"
       *[other] did you mean { map-near }?
     }
map-digests = `{ $name }` must be a ruleset that is known, such as { $name ->
    [phone_sha256] "phone-e164" or "phone-digits"
   *[other] "plain" or "uid2"
 }
    .try = ask whoever made the digests by which rules
map-digests-missing = `{ $name }` holds digests, and nothing says which rules made them
    .try = ask whoever made them and write, for example, `digests = { "{" } { $name } = "{ $example }" { "}" }`
map-ignore-star = `"*"` stands alone
    .try = write `ignore = "*"`
map-ignore-objections = a column of objections is never ignored
    .try = map it: `objections = "objections"`
map-ignore-used = `{ $name }` is ignored and used by a field
    .try = delete one of the two
map-statement-missing = `statement` is missing. { $question }
    .try = ask your data protection officer, and write the answer as `statement = "…"`
map-statement-short = `statement` is no sentence. { $question }
    .try = ask your data protection officer, and write the answer as `statement = "…"`
map-value-empty = an empty value cannot be listed: an empty cell is absent
    .try = delete it
map-value-null = `{ $text }` stands for nothing, and nothing is no consent
    .try = write `[]` for it, or delete it
map-value-twice = `{ $text }` is listed twice: values are compared without case and outer space
    .try = delete one of the two
map-purpose = `{ $text }` is no purpose
    .try = write "ads.match", "ads.suppress", "ads.measure" or "site.personalise", or [] for none
map-purpose-all = nobody agrees to `all`: it is a word of objections
    .try = name the purposes that the text of the consent names
map-objection = `{ $text }` is no purpose to object to
    .try = write "all", or the purposes by name, or [] for none
map-dates-short-year = a year of two digits has no certain century
    .try = have days exported with four digits, and write `%Y`
map-dates-zone-name = the name of a zone is not read
    .try = have times exported with an offset, and write `%z`; or leave the name out and set `zone`
map-dates-unknown = `dates` has something after % that is not read
    .try = write "iso", "unix", "unix-ms", or a pattern of %Y %m %d %H %M %S %.f %z
map-dates-no-day = `dates` needs year, month and day
    .try = write "iso", "unix", "unix-ms", or a pattern such as "%d/%m/%Y"
map-dates-twice = `dates` holds one part of a time twice
    .try = delete one of the two
map-dates-no-hour = `dates` holds a part of the time without the larger ones, or hours of 12 without %p
    .try = write %H for hours, then %M, then %S
map-dates-unreadable = times of this pattern could not be read back
    .try = put a sign between its parts

map-near = { $near ->
    [one] `{ $a }`
    [two] `{ $a }` or `{ $b }`
   *[three] `{ $a }`, `{ $b }` or `{ $c }`
 }

## Open questions

map-question-statement = { $known ->
    [yes] `{ $column }` looks like consent to receive e-mail
   *[no] This looks like consent to receive e-mail
 }. That is not consent to matching for advertising (ads.match). Which text did these people accept, and does it name that use? One sentence, kept in the map; without it these rows are not used.
map-question-values = What does each value of `{ $column }` mean? 1 agreed, 2 not agreed, 3 objects to all use
map-question-objections = Which column holds objections? If none: how are they applied before the export?
map-question-row-id = Which column names a customer, the same in every export?
map-question-dates = { $known ->
    [yes] In `{ $column }`, is 03/04/2026 3 April or 4 March?
   *[no] Is 03/04/2026 3 April or 4 March?
 }
map-question-zone = Times without a zone: by which place's clock?
map-question-region = Numbers without a prefix: of which country?
map-question-other = What is `{ $name }`?
