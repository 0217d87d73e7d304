# Texts of the advertiser's node: its commands, and what they print.

## Who learns what

learn-advertiser-match-rate = how many rows matched, rounded, and how many by how many identifiers
learn-advertiser-matched-rows = which of its rows matched, and by which kinds of identifiers
learn-advertiser-activation = how many rows matched, rounded; no digital ID
learn-advertiser-digital-ids = how many rows matched, rounded, and one bag of the digital IDs of all matched records, without rows and without persons
learn-provider-match-rate = nothing about any row, not even how many matched
learn-provider-matched-rows = nothing about any row, not even how many matched
learn-provider-activation = which of its records matched, not through which row; it activates them
learn-provider-digital-ids = which of its records matched, not through which row
learn-both = both see the profile, the padded number of rows, the slots of a row, the size of the table, the times, and the signed terms

## Release

approval-matched = matched: { $count }
approval-provider = the provider will learn: { $learned }
approval-advertiser = this node gets: { $learned }
approval-question = release about { $handles ->
    [one] { $handles_text } handle
   *[other] { $handles_text } handles
 } of `{ $profile }`? [y/N]
approval-question-uncounted = release the handles of the matched rows of `{ $profile }`? [y/N]
approval-needed = { $profile } needs --approve or a terminal to ask on
    .try = add --approve if the release is approved, or run it in a terminal

## Counts

# $percent is whole; $sampled is `yes` for a forecast.
count-about = about { $matched_text } of { $rows_text } { $sampled ->
    [yes] rows drawn
   *[no] eligible rows
 } ({ $percent } %)
count-over = over { $percent } % of { $rows_text } { $sampled ->
    [yes] rows drawn
   *[no] eligible rows
 }
count-percent = { $percent } % of { $rows_text } { $sampled ->
    [yes] rows drawn
   *[no] eligible rows
 }
result-count = matched { $count }
result-rows = matched { $matched_text } of { $eligible_text } eligible rows (active match rate { $active } %, file match rate { $file } %)
result-file-rate = file match rate: about { $percent } % of { $rows_text } rows
result-interval = with 95 % confidence between { $low } % and { $high } % of all rows
result-interval-open = with 95 % confidence between { $low } % and more than { $high } % of all rows
result-noise = the count carries noise: within { $rows_text } rows in 95 of 100 runs (epsilon { $epsilon }, delta 1 in { $one_in_text }, for a person of up to { $unit } identifiers)
result-by-hits = rows by identifiers that matched:
result-hits = { $hits }: about { $rows_text }
result-hits-hidden = { $hits }: fewer than the minimum, or hidden beside one that is
result-activated = the provider activates the matched records
result-digital-ids = digital IDs: { $ids_text }

## Identifiers that cannot match, and those that too many rows hold

unmatchable-kind = cannot match, so not used: { $n_text } identifiers of kinds that the invitation does not list ({ $code })
unmatchable-household = cannot match, so not used: { $n_text } fixed lines: they name households, and the provider's tables hold individuals only ({ $code })
unmatchable-mobile-unknown = cannot match, so not used: { $n_text } telephone numbers whose plan does not tell mobile from fixed, as in North America and Mexico: the provider's tables hold individuals only ({ $code })
widely-shared = one identifier ({ $kind }) is in { $rows_text } rows, more than 0.5 % of the { $eligible_text } eligible: nearly always a defect of the export
    .try = mend the export, whose rows `advertiser-node check --rejects FILE` names where the value was refused; if it is meant, run again with --allow shared-identifiers

## Plan

run-epsilon-spent = the privacy loss (epsilon) of { $most } that the runs of 30 days may have is spent
    .try = run again after { $time }
run-phones = the files hold { $phones_text } telephone numbers, and a run may ask for { $most_text }
    .try = raise `phones_per_run` if it is in your settings, or ask the provider for more
plan-profile = profile: { $profile }
plan-you-learn = you learn { $learned }
plan-provider-learns = the provider learns { $learned }
plan-purpose = purpose: { $purpose }
plan-kinds = kinds: { $kinds }
plan-notice = notice: { $notice }
plan-no-notice = notice: none agreed
plan-terms = terms, and whose value is in force:
plan-term = { $name } { $value } ({ $side ->
    [ours] your settings
    [provider] the provider
    [both] both
   *[default] default
 }{ $relaxed ->
    [yes] ; RELAXED by both sides
   *[no] { "" }
 })
plan-may-raise = the provider may raise n_min, k_min and group_min when it answers
plan-rows = rows: { $eligible_text } eligible, { $asked_text } asked for
plan-padded-elements = { $elements_text } identifiers after padding
plan-padded-rows = { $rows_text } rows after padding, { $slots } slots each: { $elements_text } elements
plan-proved = every answer is proved; a wrong one is found surely
plan-canaries = { $canaries_text } canary rows: more than { $share } % wrong answers would be found with 95 % confidence
plan-budget = budget: { $elements_text } evaluations are charged; spent before: { $day_text } in 24 hours, { $month_text } in 30 days; what is left the provider says when it answers
plan-network = network: { $sent } sent, { $received } received, with a table of { $tags_text } tags, as last seen
plan-network-without-table = network: { $sent } sent, { $received } received, without the table, whose size is not known yet
plan-handles = and at most { $handles } of handles, one for each matched row
forecast-time = time: about { $total } s; { $read } s to read the files, { $arithmetic } s of arithmetic here at { $rate_text } elements a second on { $threads } threads ({ $backend }), { $provider } s at the provider if its machine is like this one; the network is not in it
plan-files-counts = files: the counts, if --output names a file; a summary with --json; sessions/ and inputs/ of the node
plan-files-rows = files: matched rows, where --output says; a summary with --json; sessions/ and inputs/ of the node
plan-files-digital-ids = files: digital IDs where --output says, and a manifest beside them; a summary with --json; sessions/ and inputs/ of the node
plan-needs-approval = the release needs --approve, or a yes on the terminal
plan-no-approval = nothing is released that needs an approval
plan-allow-shared = the run needs --allow shared-identifiers: { $shared }

## Terms of a run

terms-no-namespace = no type or namespace of digital IDs is agreed, so none could be delivered
    .try = compare `namespaces` under [guardrails] in advertiser.toml with the invitation's
terms-no-cookie = warning: no cookie namespace is in force, so no cookie is delivered; compare `namespaces` under [guardrails] in advertiser.toml, or ask the provider to invite again with the cookie namespaces of its graph
terms-ruleset-unknown = the ruleset has no code
    .try = choose crm-fr/1

## Check

word = { $word }
none = none
code-and-count = { $code } { $n_text }
code-and-share = { $code } { $n_text } ({ $share } %)
kind-and-holders = { $kind } { $n_text } (by at most { $rows_text } rows)
check-form = form: { $format }
check-form-of = { $file }, form: { $format }
check-columns = columns:
check-column-read = { $name }: { $meaning }
check-column-unused = { $name } (not used in this version)
check-columns-ignored = columns ignored: { $columns }
check-rows = rows: { $read_text } read, { $merged_text } merged into another of the same id, { $rows_text } distinct
check-left-out = rows left out: { $consent_text } without consent evidence, { $objected_text } objected, { $unusable_text } without usable identifier
check-by-reason = by reason: { $reasons }
check-open-last-lines = files whose last line has no line end, as allowed: { $n_text }
check-eligible = rows eligible: { $n_text }
check-by-source = rows by source; one of two sources counts in both:
check-source = { $name }: { $read_text } read, { $rows_text } distinct, { $eligible_text } eligible
check-too-few = a match needs at least { $n_min_text } eligible rows (n_min)
check-values = values read: { $n_text }
check-rejected = values rejected: { $reasons }
check-column = { $name }: { $valid_text } valid, { $absent_text } absent, rejected: { $reasons }
check-warnings = warnings: { $reasons }
check-repairs = repairs: { $reasons }
check-line-types = telephone numbers by line: { $kinds }
check-identifiers = identifiers of eligible rows: { $kinds }; { $distinct_text } distinct
check-eligible-with = eligible rows with a kind: { $kinds }
check-shared = identifiers held by several rows: { $kinds }
check-shared-refused = identifiers refused, held by too many rows: { $kinds }
check-stops = a run stops there unless it has --allow shared-identifiers
check-forecast = { $profile } with { $provider }: { $size }, about { $seconds } s, { $sent } sent, { $received } received
check-forecast-alone = { $profile }: { $size }, about { $seconds } s, { $sent } sent, { $received } received
check-size-rows = { $rows_text } rows of { $slots } slots
check-size-elements = { $elements_text } identifiers after padding
check-column-empty = `{ $name }` is always empty and costs { $slots } of the slots of every row
check-columns-not-agreed = not used, since the invitation does not have their kind: { $columns }
check-beyond-width = { $n ->
    [one] { $n_text } identifier is
   *[other] { $n_text } identifiers are
 } left out, of rows that have more than the { $slots } slots of a session
check-profile-not-invited = the invitation does not allow { $profile }, but { $allowed }
check-elements = { $elements_text } evaluations are charged
check-network-without-table = without the provider’s table, whose size is not known yet
check-rejects = reasons by row: { $file }
check-no-provider = no provider is accepted yet: its kinds, level and minimum may differ

## Input

crm-no-usable-row = { $path }: 0 of { $rows_text } rows eligible
crm-no-usable-row-most = { $path }: 0 of { $rows_text } rows eligible; { $code } in { $n_text } of them: { $reason }
crm-no-usable-row-map = say in a map what the words of that column mean: advertiser-node map { $files }
crm-unknown-word = `{ $word }` ({ $n_text })
crm-unknown-purposes = `{ $column }` names no purpose in { $n_text } rows; most often { $words }
crm-unknown-objections = `{ $column }` is not understood in { $n_text } rows; most often { $words }
crm-digests-undeclared = column { $column } holds digests, but not which rules made them
    .try = declare them in a map: `digests = {"{"} { $column } = "{ $example }" {"}"}`
crm-objections-ignored = a column `objections` is passed over, which no run may do
    .try = map it: `objections = "objections"`; if objections stand in another column, map that one
crm-not-identifiers = `not_for_purpose` names a column that holds no identifiers
    .try = name one of { $columns }
crm-shared-out-of-range = a limit under `[shared]` is out of range
    .try = choose numbers between 1 and { $most }

## Init and accept

init-next-advertiser = Next: send { $path } to your provider, then
accept-other-identity = the invitation is for another identity than this node's
    .try = give your provider the file { $path } and ask for a new invitation
accept-pinned = provider pinned: { $identity }
accept-address = address: { $address }
accept-profiles = profiles: { $profiles }

## Provider of a command

provider-none = this node has no provider yet
    .try = run `advertiser-node accept` with the invitation your provider wrote
provider-several = this node has several providers
    .try = choose one with --provider: { $names }
provider-unknown = no provider is called { $name }
    .try = this node has: { $names }
provider-ambiguous = several providers begin with `{ $name }`
    .try = write more of one: { $names }

## Request

request-no-profile = there is no profile { $profile }
    .try = choose match-rate, matched-rows, digital-ids or activation
request-sample-delivers = a sample gives a forecast, and { $profile } delivers
    .try = leave --sample out, or run `match-rate` on it first
request-sample-small = a sample of { $rows_text } rows is too small
    .try = draw at least { $least } rows
input-standard-once = standard input can be read once
    .try = name `-` once, and the other inputs as files
output-needed = { $profile } writes a file, and none is named
    .try = name one with --output
segment-without-file = { $profile } writes no delivery file that could name a segment
    .try = leave --segment out
segment-not-plain = the name of the segment is not plain
    .try = use at most 64 bytes of letters, digits, spaces, points, hyphens and underscores

## Run

run-known = the same was asked on { $time }, in session { $session }: answered from there, nothing is charged
run-rows = rows { $rows_text }, without consent evidence { $consent_text }, without usable identifier { $unusable_text }, objected { $objected_text }
run-result = result: { $output }
run-transcript = transcript: { $path }
run-result-kept = the result is known and kept: `{ $command }`
result-kept = { $what }; the result is paid for and kept
    .try = `{ $command }` writes it, and charges nothing
run-ledger-behind = your ledger with this provider ends at { $ours }, theirs at { $theirs }, which lacks what both signed after it
    .try = `advertiser-node ledger export -o FILE`, and have the provider read it with `provider-node ledger adopt FILE`
run-ledger-ahead = your ledger with this provider ends at { $ours }, theirs with an entry that is not in it ({ $entry })
    .try = ask the provider for the file of its `ledger export`, then `advertiser-node ledger adopt FILE`

## Outcomes of sessions

outcome-rows = matched { $matched_text }
outcome-count = matched { $count }
outcome-handles = matched { $count }, activated by the provider
outcome-digital-ids = matched { $count }, { $ids_text } digital IDs
outcome-withheld = withheld
outcome-declined = declined
outcome-refused = refused by the provider, { $code }
outcome-served = served
outcome-removed = persons who left were named to the provider
history-provider = { $provider }  { $budgets }
history-budgets = { $evaluations_text } evaluations in 30 days · epsilon { $epsilon } of { $most } · openings today { $openings_text } of { $day_text }, by this node's count
history-release = { $day }  { $profile }  { $run }  { $outcome }
history-until = { $release }, until { $until }
history-nothing = nothing released yet
history-waiting = { $persons ->
    [one] { $persons_text } person
   *[other] { $persons_text } persons
 } who left since { $day } are to be removed here: the next run with this provider does it
history-day = `{ $day }` is no day
    .try = write it as year, month and day, such as `2026-11-01`
plan-classes = release by classes: the provider lets digital IDs go for at least so many persons together{ $profile ->
    [digital-ids] ; the bag itself is exact: classes protect the persons in it, and noise (epsilon) only the count
   *[other] { "" }
 }
plan-removal = before it, { $persons ->
    [one] { $persons_text } person
   *[other] { $persons_text } persons
 } who objected, or whose consent ended, after a delivery go through the match by themselves
classes-newcomers = newcomers that match wait until about { $first_text } of them are together, later until a fifth of what was delivered last is, at most { $later_text }; how many wait, nobody tells you
classes-new-rows = { $rows ->
    [one] { $rows_text } new row
   *[other] { $rows_text } new rows
 } since the last delivery: those that match wait until about { $first_text } are together, later until a fifth of what was delivered last is, at most { $later_text }; how many wait, nobody tells you
classes-leavers = who leaves the list stays delivered up to { $days } days, or until enough others leave too; a person who objects leaves with the next delivery
classes-small = below about { $persons_text } matched persons a list that changes every day loses more: of 1,000 persons with 1 % changed a day, about two thirds are still delivered after two months, and of 300 none; one large list loses less than several small ones
removal-done = { $persons ->
    [one] { $persons_text } person
   *[other] { $persons_text } persons
 } who objected, or whose consent ended, after a delivery went through the match; nobody is shown how many of them the provider knows
removal-tomorrow = { $persons ->
    [one] { $persons_text } more person leaves
   *[other] { $persons_text } more persons leave
 } what was delivered with the first run of tomorrow: there is one removal a day
removal-failed = { $persons ->
    [one] { $persons_text } person who objected, or whose consent ended, is
   *[other] { $persons_text } persons who objected, or whose consent ended, are
 } still in what was delivered: { $what }
    .note = Their rights come before a new run: nothing of it was sent
    .try = run again; if the provider keeps refusing, ask its operator to allow removals to this partner
removal-elsewhere = { $persons ->
    [one] { $persons_text } person
   *[other] { $persons_text } persons
 } who objected, or whose consent ended, a day ago or earlier are still in what was delivered to { $provider }: run with `--provider { $provider }`
removal-unnameable = { $persons ->
    [one] { $persons_text } person who left has
   *[other] { $persons_text } persons who left have
 } no identifier of a kind and rules that this provider still takes: ask its operator to take the kind again, or to remove what it has by other means
removal-not-invited = { $persons ->
    [one] { $persons_text } person who left was
   *[other] { $persons_text } persons who left were
 } delivered to this provider, which lets you release nothing any more: ask its operator what it still uses
departures-many = these files take more than { $persons_text } of { $delivered_text } delivered persons out for good, by objections or missing consents
    .note = A wrong column or an incomplete export does that too, and nothing takes it back: nobody was taken out
    .try = look at the columns of objections and consents; if it is meant, run with `--allow many-departures`
departures-doubtful = { $rows ->
    [one] { $rows_text } row lacks
   *[other] { $rows_text } rows lack
 } a consent today under an id that was delivered with other identifiers
    .note = Who has a new address and withdrew looks like somebody else of that id, so nobody was taken out of what was delivered
    .try = if they are the same persons, put their old identifiers in a list that objects
departures-in-a-pipe = somebody who leaves by this file stands in further rows of it, and standard input cannot be read again
    .try = run again with the same rows: whoever left is kept out of them now
removal-release-due = the bag that was delivered last still holds persons who left: run digital-ids on the same list
removal-bags-destroyed = older bags of this provider, which held persons who left, are destroyed here; destroy your copies of their files
outcome-stored = asked before, answered from the store

## Results that are kept

result-too-old = the result of session { $session } could be used until { $time }
    .try = start a new run
result-holds-leavers = the bag of session { $session } may hold persons who left since it was delivered
    .try = run digital-ids again: it names them to the provider first, and destroys this bag
result-without-profile = a result names no profile
result-unsigned = note: the run ended before the provider's signature under the receipt was here; the result is complete, and its charge stands
result-none = no result of session { $session } is kept
    .try = `advertiser-node status` lists sessions; a result is kept until its audit window ends, digital IDs until they may no longer be used
result-no-session = `{ $session }` names no session
    .try = give at least four digits of its id, its directory, or `last`
result-several = { $n_text } sessions begin with { $session }
    .try = give more digits

## Status

status-provider-unusable = { $provider } cannot be used: { $why }
status-no-provider = no provider yet; accept one with `advertiser-node accept`
status-provider = provider { $provider }: party { $party }, at { $address }, profiles { $profiles }
status-last-table = last table: { $tags_text } tags
status-no-table = last table: none seen yet
status-provider-epsilon = privacy loss (epsilon) in 30 days: { $spent }
status-provider-spent = evaluations spent: { $day_text } in 24 hours, { $month_text } in 30 days

## Normalize

normalize-code = { $n ->
    [one] { $code }, line { $first }: { $fact }
   *[other] { $code }, { $n_text } lines, first line { $first }: { $fact }
 }
normalize-no-ruleset = there is no ruleset { $ruleset }
    .try = choose --ruleset crm-fr/1 or --ruleset crm-intl/1
normalize-region = --region and --postcode say where a telephone number is from
    .try = leave them out, or use --kind phone
normalize-declared = --declared says which rules made digests; these values are in clear
    .try = leave it out, or use --kind email_sha256 or --kind phone_sha256
normalize-no-country = there is no country { $country }
    .try = give the two letters of ISO 3166, for example --region FR
normalize-postcode = a French post code has five digits
    .try = give it whole, for example --postcode 97400
normalize-undeclared = digests mean something only under the rules that made them
    .try = name those rules with --declared: { $rules }
normalize-rules-email = plain, uid2, euid, ttd, google-java, google-python, tiktok, amazon, crm-fr/1 or "crm-fr/1 email.gmail"
normalize-rules-phone = phone-e164 or phone-digits

## Columns of a CRM file

column-row-id = row id
column-consent-purposes = purposes consented to
column-consent-ref = reference of the consent
column-consent-at = time of the consent
column-consent-notice = notice shown
column-source = where the row comes from
column-objections = purposes objected to
column-updated-at = age of the row, for rows of one id
column-country = country, for telephone numbers
column-several = { $meanings }
column-postcode = post code, for telephone numbers
column-email = e-mail address
column-email-digest = digest of an e-mail address
column-phone = telephone number
column-phone-digest = digest of a telephone number

accept-name = a provider cannot be called so
    .try = use letters, digits, `.`, `-` and `_`, at most 64, a letter or digit first
accept-name-taken = another provider is called { $name } here
    .try = name this one differently with --name
accept-name-is = provider: { $name }
run-id-result-gone = the result of run { $run } is kept no more
    .try = ask anew under another name; that is a new charge
run-id-bound = run { $run } is known here, with { $what ->
    [map] another map
    [provider] another provider
    [profile] another profile
    [sample] another sample
   *[input] another input
 }
    .try = choose another --run-id, or none; `advertiser-node result { $run }` writes the result of that run
run-id-damaged = what is kept of a run in { $path } cannot be read
    .try = choose another --run-id; the result itself is kept, and `advertiser-node result` writes it by its session
accept-replace = replace the invitation of provider { $name } by one that differs so?
accept-kept = the invitation that was accepted before is kept
    .try = ask the provider which of the two holds
accept-next = Next: see how an export of your customers is read
accept-next-command = advertiser-node map --dir { $dir } FILE
