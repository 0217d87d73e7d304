## provider


## Signs of damage in what is published

table-not-built = it is not the table that was built
table-frame-not-built = frame { $frame } is not as it was built
snapshot-not-here = it names no snapshot that is here
snapshot-not-signed = it is no signed snapshot
snapshot-not-ours = it is not what this node signed

## Objections

object-not-begun = { $why }; nothing was carried out yet
object-read = { $read_text } read: { $new_text } new, { $known_text } known, { $left_text } not carried out
object-undated = { $n_text } of a date that cannot be read: they hold as if they had always been there
object-effect = Deliveries leave these persons out from now on, and tables are made anew without them.
object-destroy = The feed holds personal data: destroy it.
object-left = { $left_text } of { $read_text } not carried out: { $lines }
object-left-more = { $left_text } of { $read_text } not carried out: { $lines } and { $more_text } more
object-line-of = line { $line } of { $file } { $why }
object-line = line { $line } { $why }
object-unread = nothing was read beyond an unreadable place: { $why }
object-left-unread = { $left }; { $unread }
object-not-written = { $left }; { $why }
    .try = give the same feed again, with `--rejects` on a disk that has room
object-try-unread = { $try }, then give the whole feed again
object-try-written = mend { $output }, which has these lines, then `{ $command }`
object-try-kept = keep the feed, mend these lines and give it again; `--rejects FILE` writes them to a file of their own

## Ingest

ingest-counts = { $lines_text } lines, { $personas_text } personas, { $published_text } published with { $identifiers_text } identifiers and { $ids_text } digital IDs
ingest-conflicts = identifiers under two persons, not published: { $n_text }
ingest-household = identifiers of households, in no table of individuals: { $n_text }
ingest-large-subject = an address, a mobile number or a persona joins { $n_text } references as one person: an objection of any of them takes all of them out. If it stands in for missing ones, leave it out of the file
ingest-surplus = identifiers and digital IDs beyond what one persona may hold, left out: { $n_text }
ingest-ids-objected = digital IDs also of persons who objected, left out: { $n_text }
persons-above-unit = { $n ->
    [one] { $n_text } person has
   *[other] { $n_text } persons have
 } more than { $unit } identifiers: noise is made for { $unit }, and their privacy loss (epsilon) is larger in proportion; `noise_unit` in a partner's file may be up to { $most }
ingest-lines-left = lines left out: { $reasons }
ingest-personas-left = personas left out: { $reasons }
ingest-warnings = cells that count as empty: { $reasons }
ingest-rejects = the lines and reasons are in { $file }
ingest-values-rejected = values rejected: { $reasons }
# $n lines have the reason; $lines are the first of them, $more is `yes` if there are others.
ingest-reason = { $code } { $n_text } ({ $n ->
    [one] line
   *[other] lines
 } { $lines }{ $more ->
    [yes] , …
   *[no] { "" }
 })
ingest-no-consent = no columns of consent: these links are published on your own word
ingest-consent = consent: { $schemes }; the form of each was checked, and not which purposes it allows
ingest-tables = tables ready for { $n ->
    [one] { $n_text } partner
   *[other] { $n_text } partners
 }
ingest-no-tables = no tables for { $partner }
snapshot-stands = today's snapshot has been shown to a partner and stands until tomorrow
    .try = ingest again after midnight UTC

## Init

init-identity = identity: { $identity }
init-next-provider = Next: read a graph, and invite an advertiser by the identity.txt of its node.

## Groups

group-busy = another release of the group { $group } goes on
group-moved = { $partner } is in another group than when its session began, and is not served there under the conditions of that session
    .try = run again in a minute

## Invite

invite-own-identity = that is the identity of this node itself
    .try = name the identity.txt that `advertiser-node init` wrote
invite-line = --identity takes the file, not the line: the line does not prove whose keys it names
    .try = { try-ask-identity }
invite-unreadable = cannot read { $path }: { $why }
    .try = { try-ask-identity }
invite-identity = { $path }: { $why }
    .try = { try-ask-identity }
invite-unproved = { $path }: { $why }
    .try = do not invite it: ask whoever sent it, by telephone, for the identity.txt that `advertiser-node init` wrote
try-ask-identity = ask the advertiser for the file identity.txt that `advertiser-node init` wrote, both lines
invite-not-an-identity = { $why }
    .try = name the partner's identity.txt
invite-no-profile = there is no profile { $profile }
    .try = use --profile with one of { $known }
invite-rows = --rows { $rows } is no size of a customer file
    .try = write the number of rows that the partner declared, 1 to { $most }
invite-legal-entity = --legal-entity is not 1 to 128 printable characters
    .try = write the company as the contract names it
invite-wide = { $evaluations_text } evaluations in 30 days are { $share } % of the mobile numbers of France, above 1 %
    .try = declare fewer rows or profiles, or accept it with --allow wide-budget
invite-name = a partner's name has 1 to 64 lower-case letters, digits or hyphens
    .try = choose another name, for example retailer-fr
invite-may-run = partner { $partner } may run: { $profiles } for { $purpose }
invite-budget = budget for { $rows_text } rows: { $day_text } evaluations a day, { $month_text } in 30 days
invite-share = that is { $shares }
invite-phones = of these, telephone numbers that its terms may declare: { $day_text } a day, { $month_text } in 30 days; nobody can see that in a session, an audit can
invite-epsilon = noise hides each person in its counts: a privacy loss (epsilon) of { $run } a run, { $month } in 30 days
invite-no-noise = its runs may have no noise, if its own settings agree; with noise, a privacy loss (epsilon) of at most { $month } in 30 days
invite-group = it is one group with { $partners }: what either spends both have spent, and a release to one is one to both
invite-like = the partner has the conditions of releases of { $partner }, of the same group
# $named is `yes` where the file of that partner names a group.
invite-near = warning: it may be the company of { $partner }, “{ $entity }”; if it is, invite it again with `--legal-entity "{ $entity }"`{ $named ->
   *[no] {""}
    [yes] {" "}or with `--legal-group { $group }`
 }, so that both have one budget and one history of releases
invite-near-before = warning: it may be a company that was here before, whose budget and releases are those of the group { $group }; if it is, invite it again with `--legal-entity` as it was then
invite-mixed = advice: matched-rows shows which rows matched, exactly; what the other profiles round, hide or cover with noise protects nobody from a partner that has it too
invite-exact-bag = advice: in digital-ids the bag itself is exact: classes protect the persons in it, and noise (epsilon) protects only the count
invite-written = invitation: { $output }
# $ingest is `yes` where the graph itself has no cookie namespace yet.
invite-no-cookie = warning: the invitation lists no cookie namespace, so digital-ids and activation deliver no cookie; { $ingest ->
    [yes] `ingest` your graph, name
   *[no] name
 } its cookie namespaces under `namespaces` in { $file },
invite-no-cookie-then = then invite again under the same name and have that invitation accepted
compare-code = code { $code }: compare it by telephone
shares-plan = { $day } % of the mobile numbers of France a day, { $month } % in 30 days
shares-graph = at most { $day } % of the graph's identifiers a day, { $month } % in 30 days
shares-no-graph = the share of the graph is told once there is one
shares-both = { $plan }; { $graph }

## Namespaces

namespaces-unusable = { $path } cannot be used: { $why }
    .try = restore the file from your backup; its numbers stand in signed terms
namespaces-name = { $path } has a name that is not in canonical form
    .try = restore the file from your backup; its numbers stand in signed terms
namespaces-full = this node has met 65,280 cookie namespaces, more than there are numbers
    .try = leave namespaces that no partner buys out of the graph file

## Partners

partner-not-served = { $partner } is not served: { $file }: { $what }
partner-not-served-line = { $partner } is not served: { $file } line { $line }: { $what }
partner-changed = { $partner }: changed, served
partner-new = { $partner }: new, served
partner-removed = { $partner }: removed
partner-other-identity = there is a partner { $partner } with another identity
    .try = choose another name; a partner that changed its keys is a new tenant
partner-same-key = the { $key ->
    [attestation] attestation key
   *[tls] TLS key
 } of this identity is that of the partner { $partner }
    .try = invite it under that name, or remove partners/{ $partner } first: one party is one partner

## Serve

serve-no-graph = this node has no graph yet
    .try = read one with `provider-node ingest`
serve-on = serving on { $address }, engine { $engine }
serve-partners-read = partners read again
serve-stopping = stopping
serve-stopping-sessions = stopping; sessions in progress have { $seconds } s to end: { $sessions_text }
serve-socket-lost = the UDP socket was lost
serve-ready-file = { $path } is there and no ready file
    .try = name another file
serve-ready-file-stays = cannot remove { $path }: { $why }
    .try = name another file

## Status

status-identity = identity: { $identity }
status-party = party: { $party }
status-snapshot = snapshot of { $day }
status-no-graph = no graph yet; read one with `provider-node ingest`
status-attention = attention:
status-unreadable = { $partner }: { $code } { $what }
status-no-partner = no partner yet; open one with `provider-node invite`
status-partner = partner { $partner }: { $entity }, party { $party }, profiles { $profiles } for { $purpose }
status-table-ready = table for { $profile }: ready, { $tags_text } tags
status-table-building = table for { $profile }: being built
status-table-none = table for { $profile }: none; `ingest` or `serve` builds it
status-group = group { $group }, of { $partners_text } partners: it has the budgets below as a whole
status-spent = evaluations spent: { $day_text } of { $day_max_text } in 24 hours, { $month_text } of { $month_max_text } in 30 days; { $left_text } may be spent now
status-phones = telephone numbers declared: { $day_text } of { $day_max_text } in 24 hours, { $month_text } of { $month_max_text } in 30 days; only an audit can see if that is true
status-epsilon = privacy loss (epsilon) in 30 days: { $spent } of { $most }; { $left } may be spent now
status-removals = runs that take persons out, in 30 days: { $runs_text }, with a privacy loss of { $epsilon }
status-may-test = it may test { $shares }
status-connections = today: { $openings_text } of { $openings_max_text } openings; { $admitted_text } connections, { $come_back_text } of them asked to come back, and { $refused_text } closed at once
status-handshakes = handshakes today that came from no partner or broke off: { $failed_text }; that found no place: { $turned_away_text }

## The graph

graph-nothing-published = { $path } has no line that may be published
    .try = mend what is left out most: { $reasons }
graph-reason = { $reason } { $count_text }

## Policy of a partner

policy-unreadable = cannot be read: { $why }
    .try = make it a text file in UTF-8 that this user can read
policy-unusable = { $path }: { $fault }
    .try = { $advice }, then invite again
policy-identity = `identity`: { $why }
    .try = copy the line from the partner's identity.txt, or invite it again
policy-name = `name` is not { $name }, the name of the directory
    .try = write `name = "{ $name }"`
policy-group = `{ $name }` has 1 to 64 lower-case letters, digits or hyphens
    .try = write another name, for example retailer
policy-purpose = `{ $name }` is no purpose that can be run
    .try = write "ads.match" or "ads.suppress"
policy-kinds = `{ $name }` names an unknown kind of identifier, or one twice, or none
    .try = list kinds such as "email.strict", "email.gmail", "phone"
policy-profiles = `{ $name }` names an unknown profile, or one twice, or none
    .try = list match-rate, matched-rows, digital-ids or activation
policy-out-of-range = `{ $name }` is out of range
    .try = write { $allowed }
policy-of-company = `{ $name }` differs from that of { $partner }, of the same company or group
    .try = write the same in both files: digital IDs are released under one condition for all of them
policy-drop-delay = `{ $name }` is out of range
    .try = write 30 at most
policy-drop-cover = `{ $name }` may be false only with `drop_delay_days = 0`, and without digital-ids
    .try = delete the line, or take digital-ids from `profiles` and write `drop_delay_days = 0`
policy-namespaces = `{ $name }` lists more than 16, or one twice
    .try = list at most 16 different ones
policy-namespace-unknown = `{ $name }` has a name that is no type of advertising id and no cookie namespace
    .try = write idfa, aaid, or a domain as the graph has it
policy-of-advertiser = `{ $name }` is a setting of the advertiser's node
    .try = delete the line, here it would do nothing
policy-guardrails = `{ $name }` is a setting of the advertiser's node
    .try = write its values at the top level of this file
policy-key-of-other = the { $key ->
    [tls] TLS
   *[attestation] attestation
 } key is also that of the partner { $partner }
    .try = one party is one partner: remove one of the two directories
invite-next = Next: give { $output } to the partner, and serve
invite-next-command = provider-node serve --dir { $dir }
