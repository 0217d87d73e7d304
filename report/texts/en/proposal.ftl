# Texts of `map`, which proposes a map of files.

## Further questions

map-question-alike = Do `{ $a }` and `{ $b }` number customers alike?
map-question-notice = By which name is the information notice known that these people accepted (consent_notice)?
map-question-everybody = Did everybody in this file agree to matching for advertising (ads.match)?
map-question-column = Which column is `{ $name }`?
map-question-words = Which word of ours does each value of `{ $column }` stand for, as `{ $name }`? Ours are: { $words }
map-question-encoding = Of which encoding is `{ $file }`? Its letters fit { $encodings }.
map-question-digests = By which rules were the digests of `{ $column }` made?

map-question = Question { $number } of { $total }: { $question }
map-blank = { "" }
map-choice = { $number } { $what }
map-word = `{ $word }`
map-value = `{ $value }` ({ $rows ->
    [one] { $rows_text } row
   *[other] { $rows_text } rows
 }):

map-hint-words = a sentence; nothing leaves the question open, marked in the file
map-hint-values = 1, 2 or 3 for each value
map-hint-objections = the name or number of a column, or a sentence
map-hint-column = the name or number of a column
map-hint-constant = a short name, such as N-2026-02
map-hint-yes-no = y or n
map-hint-dates = 1 for 3 April, 2 for 4 March
map-hint-zone = the name of a zone, such as Europe/Paris or UTC
map-hint-region = two letters, such as FR
map-hint-encoding = the name of one of them

map-unclear-statement = a sentence of three words or more
map-unclear-yes-no = y or n
map-unclear-zone = no zone has this name; write one such as Europe/Paris or UTC
map-unclear-region = no country has this code; write two letters such as FR
map-unclear-encoding = no encoding that is read has this name
map-unclear-objection = objections are read from `{ $name }` alone: answer 1 or 2, and put this objection into that column first
map-unclear-many = `{ $name }` has more than 20 values, too many to say what each of them means
map-unclear-column = there is no column `{ $name }` that is left

map-file-head = A proposal of Veilmatch out of the files themselves. Whoever answers for it reads it to the end and owns it from then on.
map-file-preset = Recognised as { $name } by its header.
map-file-empty = Always empty, so not mapped: { $columns }.
map-file-others = No other column is looked at.
map-file-values = In the file: { $values }.
map-file-value = `{ $value }` in { $rows ->
    [one] { $rows_text } row
   *[other] { $rows_text } rows
 }
map-answer-statement = Answer in place of the question mark.
map-answer-everybody = If the text named that use, write "ads.match"; if it did not, this file has no row that may be used.
map-answer-notice = Answer in place of the question mark, for example N-2026-02.
map-answer-values = Answer for each: ["ads.match"] for 1, [] for 2 and for 3, which is said under objections too.
map-answer-values-objections = Answer for each: ["all"] for 3, [] for 1 and 2.
map-answer-words = Answer for each by one of the words named.
map-answer-objections = Write the column, objections = "COLUMN"; or, if there is none, delete this line and add to the statement how they are applied.
map-answer-consent = Write the column, or a table with the meaning of its values: consent_purposes = {"{"} column = "COLUMN", values = {"{"} yes = ["ads.match"], no = [] {"}"} {"}"}
map-answer-consent-at = Write the column with the time at which these people agreed. An export without it has to be made anew with it: no row is used without that time.
map-answer-column = Write the column in place of the question mark.
map-answer-candidates = It may be one of: { $columns }.
map-answer-dates = Write the form in place of the question mark.
map-answer-dates-forms = { $day } is 3 April, { $month } is 4 March.
map-answer-zone = Write the name of a zone, for example Europe/Paris or UTC.
map-answer-region = Write two letters, for example FR.
map-answer-alike = If they do, delete this line; if not, write a text that stands before these ids, for example "web:".
map-answer-encoding = Write the name of one of them.
map-answer-digests-email = one of: plain, uid2, google-java, google-python, tiktok, amazon, crm-fr/1
map-answer-digests-phone = one of: phone-e164, phone-digits

map-looked = { $file }: { $form }, { $columns_text } { $columns ->
    [one] column
   *[other] columns
 }, { $rows_text } { $rows ->
    [one] row
   *[other] rows
 }; { $preset ->
    [none] no preset
   *[other] preset { $preset }
 }
map-looked-csv = { $encoding }, `{ $delimiter }`
map-looked-tab = tab
map-looked-ndjson = NDJSON, { $encoding }
map-looked-parquet = Parquet
map-questions = { $n ->
    [0] no question is open
    [one] { $n_text } question
   *[other] { $n_text } questions
 }
map-written = { $file } written, digest { $digest }
map-written-open = { $file } written; it has a digest once its questions are answered
map-next = Next: { $command }
map-open = { $n ->
    [one] { $n_text } question is open in { $file }
   *[other] { $n_text } questions are open in { $file }
 }
    .try = answer each `"?"` in the file, whose question stands above it; then run `check` with --map { $file }
map-open-provider = { $n ->
    [one] { $n_text } question is open in { $file }
   *[other] { $n_text } questions are open in { $file }
 }
    .try = answer each `"?"` in the file, whose question stands above it; then run `ingest` with --map { $file }
map-no-such-preset = there is no preset { $name }
    .try = choose one of: { $presets }
map-from-standard-input = a map is made from files, which are read twice; standard input cannot be
    .try = write it to a file first, and name that file
