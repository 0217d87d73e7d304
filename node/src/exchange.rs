//! `ledger`: shows the ledger with a party, and mends it from the entries that the other side has.
//!
//! Entries travel by files of signed messages ([`ledger::evidence`]). Nothing in such a
//! file is believed: every signature is verified against the two parties' own keys, what both
//! signed may be added, and nothing is ever taken away or made cheaper [L-11].

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::evidence::{ChainEvidence, Pair, ProvenChain};
use protocol::attestation::AttestationKey;
use protocol::ledger::{LedgerEntry, LedgerHead};
use protocol::transcript::Role;
use report::{Arg, Code, Diagnose as _, Line, Text};

use crate::console::{OutputOptions, Terminal};
use crate::failure::Failure;
use crate::home::HomeError;
use crate::status::{profile, short};
use ledger::{Adopted, Ledger, LedgerPlace, Partner, SignedBy};
use store::os::DirectoryLock;

/// Commands under `ledger`.
#[derive(Debug, clap::Subcommand)]
pub enum LedgerCommand {
    /// List of the entries with a party.
    Show,
    /// File of the entries with a party and of what proves them.
    Export {
        /// The file.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Comparison with the other side's entries.
    Compare {
        /// The file of the other side.
        file: PathBuf,
    },
    /// Entries that both signed and this ledger lacks, taken from the other side.
    Adopt {
        /// The file of the other side.
        file: PathBuf,
    },
}

/// Options of `ledger`.
#[derive(Debug, clap::Args)]
pub struct LedgerOptions {
    /// Party that the ledger is kept with: its name here, or the first digits of its id.
    #[arg(long, global = true, value_name = "PARTY")]
    pub party: Option<String>,
    /// Command under it.
    #[command(subcommand)]
    pub command: LedgerCommand,
}

impl LedgerOptions {
    /// The party that is meant, of those that this node knows by name.
    ///
    /// # Errors
    ///
    /// [`report::Code::Usage`] that lists the names.
    pub fn choose(&self, known: &[(String, Partner)]) -> Result<(String, Partner), Failure> {
        let wanted = self.party.as_deref();
        let fits = |(name, party): &&(String, Partner)| match wanted {
            None => true,
            Some(wanted) => name == wanted || store::hex(party).starts_with(wanted),
        };
        let found: Vec<&(String, Partner)> = known.iter().filter(fits).collect();
        let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        let several = |id| Text::new(id).with("names", names.join(", "));
        match (found[..].split_first(), wanted) {
            (Some((one, [])), _) => Ok((*one).clone()),
            (Some((one, _)), Some(wanted)) if one.0 == wanted => Ok((*one).clone()),
            (None, None) => Err(Failure::new(Code::ToDoFirst, Text::new("ledger-without-partner"))),
            (None, Some(wanted)) => {
                let text = several("ledger-no-such-party").with("party", report::shown(wanted));
                Err(Failure::new(Code::Usage, text))
            }
            (Some(_), _) => Err(Failure::new(Code::Usage, several("ledger-several-parties"))),
        }
    }
}

/// The ledger with one party, and who the two are.
#[derive(Debug)]
pub struct Exchange {
    /// Place of the ledger.
    pub place: LedgerPlace,
    /// Our role.
    pub role: Role,
    /// Our attestation key.
    pub key: Arc<AttestationKey>,
    /// The other party.
    pub partner: Partner,
    /// Name of that party here.
    pub name: String,
}

impl Exchange {
    /// Does what was asked for, and prints it. Before entries are adopted `lock` takes the lock of
    /// the directory; `restored` is as for [`Self::adopt`].
    ///
    /// # Errors
    ///
    /// [`Failure`] of the ledger, the file, the lock or `restored`.
    pub fn carry_out(
        &self,
        command: &LedgerCommand,
        lock: impl FnOnce() -> Result<DirectoryLock, HomeError>,
        restored: impl FnOnce() -> Result<(), Failure>,
        (options, terminal): (&OutputOptions, &Terminal),
    ) -> Result<(), Failure> {
        if !matches!(command, LedgerCommand::Export { .. }) {
            options.look_at_json()?;
        }
        let lines = match command {
            LedgerCommand::Show => self.show()?,
            LedgerCommand::Export { output } => self.export(output, options, terminal)?,
            LedgerCommand::Compare { file } => self.compare(file)?,
            LedgerCommand::Adopt { file } => {
                let _lock = lock()?;
                self.adopt(file, restored)?
            }
        };
        terminal.list(lines);
        Ok(())
    }

    /// Lists the entries.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the ledger.
    pub fn show(&self) -> Result<Vec<Line>, Failure> {
        let ledger = Ledger::open_read_only(&self.place)?;
        let head = ledger.head(&self.partner)?;
        let first = match head.seq {
            0 => Text::new("ledger-empty"),
            seq => Text::new("ledger-entries").with("entries", seq).with("head", short(&head.hash)),
        };
        let mut lines = vec![Line::of(first.with("partner", &self.name))];
        for stored in ledger.chain(&self.partner, self.role)? {
            let signed = match stored.signed {
                SignedBy::Both => "both",
                SignedBy::Us => "us",
            };
            lines.push(line(&stored.entry, signed));
        }
        for hold in ledger.open_holds(&self.partner)? {
            lines.push(line(&hold, "offered"));
        }
        if let Err(behind) = ledger.session_head(&self.partner) {
            return Err(behind.into());
        }
        Ok(lines)
    }

    /// Writes the entries and what proves them into a file; text is put aside if that is
    /// standard output.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the ledger or the file.
    pub fn export(
        &self,
        file: &Path,
        options: &OutputOptions,
        terminal: &Terminal,
    ) -> Result<Vec<Line>, Failure> {
        let mut outputs = options.outputs();
        let output = outputs.claim(file)?;
        options.claim_json(&mut outputs)?;
        if outputs.take_standard_output() {
            terminal.put_text_aside();
        }
        let ledger = Ledger::open_read_only(&self.place)?;
        let mut sessions = ledger.evidence(&self.partner)?;
        if self.role == Role::Provider {
            for session in &mut sessions {
                session.sign_as_provider(&self.key)?;
            }
        }
        let evidence = ChainEvidence { pair: self.pair(), sessions };
        let bytes = evidence.encode()?;
        // What would not convince us convinces nobody.
        let proven = evidence.verify().map_err(|fault| {
            let text = Text::new("ledger-proves-nothing").with("fault", fault.text());
            Failure::new(Code::Storage, text)
        })?;
        output.publish(|out| out.write_all(&bytes))?;
        Ok(vec![
            Line::of(
                Text::new("ledger-written")
                    .with("entries", proven.entries.len())
                    .with("output", output.told()),
            ),
            Line::of(Text::new("ledger-next-give").with("partner", &self.name)),
        ])
    }

    /// Tells where the two ledgers part.
    ///
    /// # Errors
    ///
    /// [`Failure`] if they contradict each other; of the ledger or the file.
    pub fn compare(&self, file: &Path) -> Result<Vec<Line>, Failure> {
        let theirs = self.read(file)?;
        let ledger = Ledger::open_read_only(&self.place)?;
        let (ours, agreed) = (ledger.head(&self.partner)?.seq, theirs.agreed().len() as u64);
        let listed = theirs.entries.len() as u64;
        for proven in &theirs.entries {
            let own = ledger.entry(&self.partner, proven.entry.seq)?;
            if own.is_some_and(|own| own != proven.entry) {
                return Err(self.contradiction(proven.entry.seq));
            }
        }
        let ends = Text::new("ledger-ends")
            .with("ours", Arg::Number(ours))
            .with("theirs", Arg::Number(listed))
            .with("agreed", Arg::Number(agreed));
        let mut lines = vec![Line::of(ends)];
        match agreed.cmp(&ours) {
            std::cmp::Ordering::Greater => {
                let missing = Text::new("ledger-missing-here")
                    .with("first", Arg::Number(ours.saturating_add(1)))
                    .with("last", Arg::Number(agreed));
                lines.push(Line::of(missing));
                lines.push(Line::of(Text::new("ledger-next-adopt").with("file", file)));
            }
            std::cmp::Ordering::Less if listed < ours => {
                lines.push(Line::of(Text::new("ledger-missing-there")));
                lines.push(Line::of(Text::new("ledger-next-export")));
            }
            _ => lines.push(Line::of(Text::new("ledger-same"))),
        }
        if listed > agreed.max(ours) {
            let text = Text::new("ledger-one-sided").with("last", Arg::Number(agreed));
            lines.push(Line::of(text));
        }
        Ok(lines)
    }

    /// Takes what both signed and is missing here, into a ledger that may be lost altogether.
    ///
    /// The caller holds the lock of the directory. Entries that are missing here show that an older
    /// copy was put back; `restored` then runs before they are written.
    ///
    /// # Errors
    ///
    /// [`Failure`] if they contradict each other, and nothing is changed then; of
    /// the ledger or the file.
    pub fn adopt(
        &self,
        file: &Path,
        restored: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<Vec<Line>, Failure> {
        let theirs = self.read(file)?;
        let ledger = Ledger::open_anew(&self.place)?;
        if theirs.agreed().len() as u64 > ledger.head(&self.partner)?.seq {
            restored()?;
        }
        let adopted = ledger.adopt(&self.partner, &theirs)?;
        let Adopted { from, to, theirs: agreed } = adopted;
        let text = if to > from {
            Text::new("ledger-adopted")
                .with("first", Arg::Number(from.saturating_add(1)))
                .with("last", Arg::Number(to))
        } else {
            Text::new("ledger-nothing-to-adopt")
                .with("ours", Arg::Number(from))
                .with("theirs", Arg::Number(agreed))
        };
        let mut lines = vec![Line::of(text.with("partner", &self.name))];
        if theirs.entries.len() as u64 > agreed {
            let text = Text::new("ledger-one-sided-left").with("last", Arg::Number(agreed));
            lines.push(Line::of(text));
        }
        // Says so if the file does not lead as far as this node once was.
        let LedgerHead { .. } = ledger.session_head(&self.partner)?;
        Ok(lines)
    }

    fn pair(&self) -> Pair {
        let own = self.key.party().0;
        match self.role {
            Role::Advertiser => Pair { advertiser: own, provider: self.partner },
            Role::Provider => Pair { advertiser: self.partner, provider: own },
        }
    }

    /// Reads and verifies a file of the other side.
    fn read(&self, file: &Path) -> Result<ProvenChain, Failure> {
        let refused = |why: Text| {
            let text = Text::new("ledger-file-refused").with("file", file).with("why", why);
            Failure::new(Code::Evidence, text)
        };
        let bytes = match read_at_most(file, EVIDENCE_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(refused(Text::new("ledger-file-too-large"))),
            Err(error) => {
                return Err(refused(Text::new("ledger-file-unreadable").with("why", &error)));
            }
        };
        let evidence = ChainEvidence::parse(&bytes).map_err(|error| refused(error.text()))?;
        if evidence.pair != self.pair() {
            return Err(refused(Text::new("ledger-file-of-others")));
        }
        evidence.verify().map_err(|error| refused(error.text()))
    }

    fn contradiction(&self, seq: u64) -> Failure {
        let partner = short(&self.partner);
        ledger::LedgerError::Contradiction { partner, seq }.into()
    }
}

/// The bytes of a file, unless there are more than `most`: by what is read, since a pipe or device
/// tells no length.
fn read_at_most(file: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// One entry as `show` prints it; names and numbers stand in columns.
fn line(entry: &LedgerEntry, signed: &str) -> Line {
    let kind = if entry.kind == LedgerEntry::RESERVE { "reserve" } else { "settle" };
    let text = Text::new("ledger-entry")
        .with("seq", Arg::Word(format!("{:>4}", entry.seq)))
        .with("kind", Arg::Word(format!("{kind:<7}")))
        .with("profile", Arg::Word(format!("{:<12}", profile(entry.profile))))
        .with("evaluations", Arg::Word(format!("{:>10}", entry.evaluations)))
        .with("at", Arg::Instant(entry.at))
        .with("session", short(&entry.sid))
        .with("signed", signed);
    Line::under(text)
}

/// A million sessions take about 3 GB; no pair of parties comes near this.
const EVIDENCE_BYTES_MAX: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_end_is_too_large() {
        assert_eq!(read_at_most(Path::new("/dev/zero"), 1_000).unwrap(), None);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, [7; 10]).unwrap();
        assert_eq!(read_at_most(&file, 10).unwrap(), Some(vec![7; 10]));
        assert_eq!(read_at_most(&file, 9).unwrap(), None);
    }
}
