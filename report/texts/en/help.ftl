# Help of the three programs.
#
# help-PROGRAM-COMMAND is what a command does; help-PROGRAM-COMMAND--OPTION an option or argument of
# it; where it is missing, help-command-COMMAND and help-option-OPTION serve every program. A value
# that may be chosen is help-value-OPTION-VALUE. The attribute .long is shown by --help alone, as
# paragraphs of its own. The first letter is a capital, and no full stop ends the value.

## Frame

help-frame-usage = Usage:
help-frame-commands = Commands:
help-frame-options = Options:
help-frame-arguments = Arguments:
help-frame-variable = (variable: { $variable })
help-frame-default = (default: { $values })
help-frame-values = (possible values: { $values })
help-frame-values-heading = Possible values:
help-frame-help = Print help
    .short = Print help (see more with `--help`)
    .long = Print help (see a summary with `-h`)
help-frame-version = Print version
help-frame-help-command = Print this message or the help of the given commands

## Command lines that make no sense

usage-unknown-argument = there is no option or argument { $argument } here
    .try = { try-mend-command-line }
usage-unknown-argument-near = there is no option or argument { $argument } here
    .try = did you mean `{ $near }`? { try-mend-command-line }
usage-input-positional = files to read are named without { $argument }
    .try = write the names alone, such as `check crm.csv` or `check web=web.csv crm.csv`; `-` is standard input
usage-output-now = { $argument } is called --output now
    .try = write `--output FILE` or `-o FILE`
usage-shared-now = { $argument } is called --allow now
    .try = write `--allow shared-identifiers`
usage-unknown-command = there is no command { $argument } here
    .try = { try-mend-command-line }
usage-unknown-command-near = there is no command { $argument } here
    .try = did you mean `{ $near }`? { try-mend-command-line }
usage-no-command = a command is missing
    .try = choose one of: { $values }
usage-missing = missing on the command line: { $arguments }
    .try = give it; `--help` says what it is
usage-no-value = { $argument } needs a value
    .try = `--help` says which value it takes
usage-value-unknown = { $argument } cannot be { $value }
    .try = choose one of: { $values }
usage-value = { $argument } cannot be { $value }
    .try = `--help` says which value it takes
usage-number-of-values = { $argument } has too many or too few values
    .try = `--help` says how often it may be given
usage-twice = { $argument } cannot stand twice
    .try = give it once
usage-conflict = { $argument } cannot stand beside { $other }
    .try = give one of the two
usage-not-utf8 = an argument is not text in UTF-8
    .try = write it in UTF-8
usage-other = the command line is not understood
    .try = { try-mend-command-line }

## Every program

help-option-lang = Print texts in this language: en or fr
    .long = Without it the variables VEILMATCH_LANG, LC_ALL, LC_MESSAGES and LANG decide, in this order. Files, JSON and the log stay as they are.
help-value-lang-en = English
help-value-lang-fr = French
help-option-yes = Answer the question about this machine with yes
help-option-dir = Directory of the node
    .long = Without it `$XDG_DATA_HOME/veilmatch/` and the role, `advertiser` or `provider`; `~/.local/share` stands for a variable that is not set. The directory of a node of the other role is refused.
help-option-json = Write one JSON object to this file, after a failure too; `-` is standard output
    .long = Text for people goes to standard error then, if that is standard output.
help-option-overwrite = Let outputs replace files that exist; never an input, and never a file of a node
help-option-mode = Give written files these permissions, octal: 600 to 666
help-option-group = Give written files to this group, by name or number
help-option-quiet = Print nothing but errors and the log; questions are still asked
help-option-color = Choose when to use colour
help-value-color-auto = On a terminal, unless NO_COLOR is set
help-value-color-always = Everywhere
help-value-color-never = Nowhere
help-option-map = Read the files by this mapping file
help-option-rejects = Write the lines that are left out to this file, with line and reason, for you alone to read
help-option-provider = The provider, when several are accepted: its name, or how that begins
help-option-party = The party the ledger is kept with, if there are several: its name here, or the first digits of its party id
help-option-log = Choose how much the log tells
help-value-log-error = Failures
help-value-log-warn = What needs attention
help-value-log-info = One line for each session
help-value-log-debug = Steps of a session
help-value-log-trace = Everything, libraries included
help-option-log-json = Write the log as one JSON object a line
help-option-progress = Choose how progress is shown on standard error
help-value-progress-auto = A bar on a terminal, lines elsewhere
help-value-progress-lines = A line every 30 seconds, the first one after 30
help-value-progress-json = One JSON object a line
help-value-progress-off = Nothing

## Every node

help-command-ledger-show = List the entries with a party: number, kind, session, what was charged, and who signed
help-command-ledger-export = Write the entries with a party, and the signed messages that prove them, for that party
help-command-ledger-export--output = Write them to this file; `-` is standard output
help-command-ledger-compare = Tell where this ledger and the other side's part, from the file of its `ledger export`
help-command-ledger-compare--file = The file of the other side
help-command-ledger-adopt = Take from the other side's file the entries that both signed and this ledger lacks
    .long = Nothing is removed, and nothing that was charged becomes less. If an entry of the file contradicts one that is here, nothing is changed.
help-command-ledger-adopt--file = The file of the other side

help-command-completions = Print completions for a shell
    .long = Such as `advertiser-node completions bash > ~/.local/share/bash-completion/completions/advertiser-node`.
help-option-shell = The shell
help-value-shell-bash = GNU Bash
help-value-shell-elvish = Elvish
help-value-shell-fish = fish
help-value-shell-powershell = PowerShell
help-value-shell-zsh = Zsh
help-command-pages = Write pages of the manual in both languages and completions, for packages
help-command-pages--output = Write them into this directory

## advertiser-node

help-advertiser-node = Match a CRM file with an onboarding provider, without handing identifiers over
help-advertiser-node-init = Make a node: keys, settings, and the identity to give to providers
help-advertiser-node-accept = Accept a provider's invitation and pin its identity
help-advertiser-node-accept--invitation = The invitation file
help-advertiser-node-accept--name = Call the provider so; its host, unless it is given
help-advertiser-node-check = Check a CRM file before a run: what is used, what is left out and why, what it will cost
    .long = Nothing leaves the machine, and no value is printed. The exit status is 65 if no row may be used.
help-advertiser-node-check--rejects = Also write the reason for each value and row left out, by row id, for you alone to read
help-advertiser-node-plan = Tell what a run would do: terms and whose they are, who learns what, what it will cost
    .long = Reads the files as `run` does and compares them with earlier ones; nothing leaves the machine.
help-advertiser-node-plan--sample = Plan a forecast by `match-rate` from so many rows drawn at random, at least 100,000
help-advertiser-node-run = Run a match and write its result
help-advertiser-node-run--sample = Draw so many rows for a forecast by `match-rate`, at least 100,000
help-advertiser-node-run--segment = Name the audience in the delivery file of `digital-ids`; the name is not sent
help-advertiser-node-run--approve = Release results that need approval without asking
help-advertiser-node-run--run-id = Call this run so; a second one of the same is answered from the stored result and charges nothing
    .long = 1 to 64 letters, digits, `.`, `-` and `_`. The same key, input, map, provider and profile end with the stored result; with anything else under that key the status is 65. Files that an earlier try of the run wrote are replaced. Without it the time is its name.
help-advertiser-node-run--wait = Wait so long in all for a provider that says not now, such as `90s` or `2h`
help-advertiser-node-result = Write a stored result again; contacts nobody, and nothing is charged
    .long = Results are kept sealed from before the receipt leaves until the audit window ends, digital IDs for as long as they may be used.
help-advertiser-node-result--session = The session: the id of its run, the first digits of its own id, its directory, or `last`
help-advertiser-node-history = Show what was released, which budgets are left, and what a next release holds back
help-advertiser-node-history--provider = Show this provider alone
help-advertiser-node-history--since = Show what was released since this day, such as `2026-11-01`
help-advertiser-node-ledger = Show the ledger with a provider, and mend it from the provider's entries
help-advertiser-node-normalize = Show what the rules make of values: the only command that prints normalized values
    .long = Reads one value a line and writes one JSON object a line to standard output: the outcome `ok` with the identifiers, `reject` with a reason code, or `absent`. For your own values on your own machine: it needs no node, keeps nothing and sends nothing. Of a digest it shows the kinds and never the digest.
help-advertiser-node-normalize--kind = Say what the values are
help-value-kind-email = An e-mail address
help-value-kind-phone = A telephone number
help-value-kind-email_sha256 = SHA-256 of an e-mail address, in hexadecimal or Base64
help-value-kind-phone_sha256 = SHA-256 of a telephone number, in hexadecimal or Base64
help-advertiser-node-normalize--region = Read telephone numbers as those of this country, written as a country column would hold it, such as `FR`
help-advertiser-node-normalize--postcode = Read telephone numbers as those of this post code, which tells French overseas numbers, such as `97400`
help-advertiser-node-normalize--ruleset = Apply these rules, `crm-fr/1` or `crm-intl/1`, with their default options
help-advertiser-node-normalize--declared = Say which rules made the digests, such as `plain` or `phone-e164`; needed for digests
help-advertiser-node-normalize--file = The values, one a line, in UTF-8; `-` for standard input
help-advertiser-node-map = Propose how your exports become rows; ask what only you know
    .long = The files are read to the end and stay as they are. At a terminal the questions are asked; elsewhere they are marked in the file that is written, and the exit status is 80. Nothing is sent.
help-advertiser-node-map--files = The files, of one tool or of several; `TAG=FILE` names the source of its rows
help-advertiser-node-map--output = Write the map to this file; `-` is standard output
help-advertiser-node-map--preset = Take the files for exports of this tool: Klaviyo, Shopify, Mailchimp, HubSpot, Salesforce, Splio or crm-fr
help-advertiser-node-status = Show the node, its providers, and the last sessions
    .long = Reads beside a running `run` and changes nothing.

help-option-files = Read these CRM files: CSV, NDJSON (both also packed by gzip or zstd) or Parquet; `-` is standard input, once
    .long = Rows of one id in several files become one row. `TAG=FILE` names the source of the rows in counts; without a tag it is the name of the file. A name with `=` is written with its directory, such as `./a=b.csv`.
help-option-format = Read every input in this format instead of detecting it
help-value-format-csv = Comma-separated text with a header
help-value-format-ndjson = One JSON object a line
help-value-format-parquet = Apache Parquet
help-option-allow = Accept one risk, on record
help-value-allow-open-last-line = The last line of a text file may lack the line end that others have
help-value-allow-high-rate = A rate above the cap may send handles: you know why so many match
help-value-allow-many-departures = More than one in twenty of those delivered may be taken out for good by one run
help-value-allow-shared-identifiers = One identifier may be in more than 0.5 % of the rows
help-option-profile = Choose who learns what: match-rate, matched-rows, digital-ids or activation
help-option-output = Write the result to this file: Parquet if its name ends with `.parquet`, else CSV; `-` is standard output
    .long = `matched-rows` and `digital-ids` need it; the others write their counts.

## provider-node

help-provider-node = Serve matches on an identity graph, without seeing the advertisers' identifiers
help-provider-node-init = Make a node: keys, settings, and the identity that partners pin
help-provider-node-invite = Open a partner and write its invitation
help-provider-node-invite--name = Name of the partner on this node: lower-case letters, digits and hyphens
help-provider-node-invite--identity = Read the identity of the advertiser's node from its `identity.txt`, with the line and its proof
help-provider-node-invite--rows = State the rows of the advertiser's customer file, as it declares them; the budget follows from them
help-provider-node-invite--legal-entity = Name the company that the partner is, as the contract does
help-provider-node-invite--legal-group = Name the group of companies that it belongs to, if it does
help-provider-node-invite--address = Tell the partner the address at which this node can be reached, `host:port`
help-provider-node-invite--profile = Let the partner run this profile; may be given several times
help-provider-node-invite--daily = Give a budget for a run of each shuffled profile every day
help-provider-node-invite--allow = Accept one risk by name
help-value-allow-wide-budget = A budget that lets more than 1 % of the mobile numbers of France be tested in 30 days
help-provider-node-invite--output = Write the invitation to this file, NAME.invitation.toml unless it is given; `-` is standard output
help-provider-node-map = Propose how your files become the graph; ask what only you know
    .long = The files are read to the end and stay as they are. At a terminal the questions are asked; elsewhere they are marked in the file that is written, and the exit status is 80. Nothing is sent.
help-provider-node-map--files = The files, of one tool or of several; `TAG=FILE` names the source of its rows
help-provider-node-map--output = Write the map to this file; `-` is standard output
help-provider-node-map--preset = Take the files for exports of this tool: Klaviyo, Shopify, Mailchimp, HubSpot, Salesforce, Splio or crm-fr
help-provider-node-ingest = Read the identity graph and make today's snapshot and the tables of all partners
help-provider-node-ingest--files = The graph, in the `flat_links` form
help-provider-node-object = Read a feed of objections: the persons are left out of deliveries at once, and tables are made anew without them
    .long = Every line that can be carried out is. If a line is left, the command names it and the exit status is 80.
help-provider-node-object--files = The feed, with the columns `type`, `value`, `scope`, `recorded_at`
help-provider-node-object--rejects = Write the lines that are not carried out to this file, as a feed with line and reason
help-provider-node-serve = Serve partners until it is stopped
help-provider-node-serve--listen = Listen on this address
help-provider-node-serve--ready-file = Write the bound address to this file once the node can be reached
help-provider-node-ledger = Show the ledger with a partner, and mend it from the partner's entries
    .long = `adopt` needs the service stopped. Entries that were adopted show that a copy was put back: every prepared run key of the partner is retired then.
help-provider-node-status = Show the node, its partners with budgets and tables, and the last sessions
    .long = Reads beside a running `serve` and changes nothing.

## auditor

help-auditor = Verify Veilmatch sessions offline, without secrets
help-auditor-verify = Check a session; tell what is signed and what is only claimed
    .long = Checks everything that a transcript and its frames show (level T0). The exit status is 0 if every check passed, 1 if one failed, 3 if none failed in a session that ended early or could not be checked in full, 74 if the package cannot be read. Whose session it is stands above the checklist: compare it with what both sides gave you, or give that here.
help-auditor-verify--packages = Directories of sessions, or their RUN.transcript; each is judged by itself
help-auditor-verify--advertiser = Require this party as the advertiser: a party id, an identity line, or a name of `--names`
help-auditor-verify--provider = Require this party as the provider, in the same forms
help-option-names = Read names of parties from this file, one `name = "PARTY"` a line
help-auditor-show = Tell who, when, why, how much, under which terms; nothing is judged
help-auditor-show--package = Directory of the session, or its RUN.transcript
help-auditor-show--messages = List the messages and streams in order instead
help-auditor-compare = Hold both parties' packages of a session, or those of several sessions, against each other
    .long = Packages of one session are compared item by item: messages, frames, signed heads, receipt. Those of different sessions by what their parties signed for good: keys, snapshots, ledger, releases. A difference accuses whoever signed both versions. The exit status is 0 if the packages agree, 1 if something differs, 3 if nothing differs and something is in one package only or nothing is in common, 74 if a package cannot be read. Run `verify` on each of them too.
help-auditor-compare--packages = Directories of sessions, or their RUN.transcript; two or more
help-auditor-party = Print the party id of an identity line
help-auditor-party--identity = Identity line `vmid1…`, a file with one, or `-` for standard input
help-command-check-config = Find mistakes in settings, keys and partners; show where values come from
    .long = Every mistake is listed at once, with file, line and remedy, and the command ends with 78 if there is one. It shows each setting in force, and whether the file or the default sets it.
