## store

## The system: files, locks, randomness

os-entropy = the operating system gave no randomness
    .try = check that getrandom is not filtered
# $action is what was tried, $path on what, $why what the system said.
os-io = cannot { $action ->
    [create] create
    [open] open
    [read] read
    [look-at] look at
    [write] write
    [shorten] shorten
    [set-mode] set the mode of
    [sync] sync
    [name] name
    [unlink] unlink
    [remove] remove
    [lock] lock
   *[start-threads] start threads for
 } { $path }: { $why }
os-symlink = { $path } is a symbolic link
    .try = name the place it points to
os-not-regular = { $path } is not a regular file
    .try = name a file
os-not-directory = { $path } is not a directory
    .try = name another place
os-owner = { $path } belongs to user { $owner }, not to user { $ours }
    .try = chown { $ours } { $path }
os-mode = { $path } has mode { $mode }, others can use it
    .try = chmod { $fix } { $path }
os-too-large = { $path } is above a mebibyte
    .try = name the right file
os-exists = { $path } exists and is not overwritten
    .try = another name
os-locked = { $path } is used by another run
    .try = wait for it, or name another place
os-core-dumps = cannot switch core dumps off: { $why }
    .try = start with `ulimit -c 0`

## Sealing

seal-io = cannot read or write sealed data: { $why }
    .try = check space and health of the disk
seal-not-a-key = { $path } does not hold a storage key of 32 bytes
    .try = name the key file
seal-not-sealed = this is not sealed data
    .try = name another file, or restore it from a copy
seal-version = the data was sealed by a later version ({ $version })
    .try = update this program
seal-damaged = block { $block } of sealed data is damaged
    .try = check the key, or restore from a copy

## Stored sets

store-io = cannot use { $path }: { $why }
store-damaged = { $path } is damaged: { $how }
store-contradiction = { $path } does not hold what it should
spill-failed = spilled records can no longer be read
    .try = run again

## Keys of partners

key-damaged = { $path } is damaged: it is not a key of this node, or keys/storage.key is not the key it was sealed under
    .try = restore the file from a copy; without one, move it away, and the partner gets a new key and table
key-clock-behind = the clock of this machine is behind the newest key
    .try = set the clock
key-used = the key of this run is used already
    .try = run again; the next run has a new key and table

## Outputs

output-standard-twice = two outputs claim standard output
    .try = name `-` once, and write the other output to a file
output-twice = two outputs are named { $path }
    .try = give each output a file of its own
output-directory = { $path } is not written: it is a directory
    .try = { try-other-file }
output-no-file = { $path } is not written: it is no file
    .try = { try-other-file }
output-dead-link = { $path } is not written: it is a link to nothing
    .try = { try-other-file }
output-input = { $path } is not written: it is an input
    .try = { try-other-file }
output-in-node = { $path } is not written: it lies in the node { $node }
    .try = name a file outside of it
output-exists = { $path } is not written: it exists
    .try = name another file, or add --overwrite to replace this one
output-place = cannot write to { $path }: { $why }
    .try = check that the directory exists, that you may write to it, and that the disk has room
output-write = cannot write { $path }: { $why }
    .try = name another file, or make room on the disk
output-standard = standard output
output-exists-by-now = it exists by now
try-other-file = name another file

## Journal of a session

journal-damaged = { $path }: record { $record } is damaged
    .try = { try-restore-run }
journal-other-version = { $path }: a transcript of another version of the protocol
    .try = start a new run
journal-frame-damaged = { $path }: frame { $index } is damaged
    .try = { try-restore-run }
journal-too-large = { $path } is too large for a transcript
    .try = name the directory of a run
journal-failed = the journal failed earlier and takes nothing more
    .try = free space, then run again
try-restore-run = restore the run from a copy, or start a new one
