//! `ledger`: shows the ledger with a party, and mends it from the entries that the other side has.
//!
//! Entries travel by files of signed messages ([`protocol::ledger::evidence`]). Nothing in such a
//! file is believed: every signature is verified against the two parties' own keys, what both
//! signed may be added, and nothing is ever taken away or made cheaper [L-11].

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::attestation::AttestationKey;
use protocol::ledger::evidence::{ChainEvidence, Pair, ProvenChain};
use protocol::ledger::{LedgerEntry, LedgerHead};
use protocol::transcript::Role;
use report::Diagnose as _;

use crate::console::Terminal;
use crate::failure::{Failure, Inline as _};
use crate::home::HomeError;
use crate::ledger::{Adopted, Ledger, LedgerPlace, Partner, SignedBy};
use crate::output::Outputs;
use crate::status::{profile, short, time};
use crate::world::DirectoryLock;

/// Commands under `ledger`.
#[derive(Debug, clap::Subcommand)]
pub enum LedgerCommand {
    /// List of the entries with a party.
    Show,
    /// File of the entries with a party and of what proves them.
    Export {
        /// The new file.
        file: PathBuf,
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
    /// Directory of the node.
    #[arg(long, global = true)]
    pub dir: Option<PathBuf>,
    /// Party that the ledger is kept with: its name here, or the first digits of its id.
    #[arg(long, global = true, value_name = "PARTY")]
    pub party: Option<String>,
    /// Command under it.
    #[command(subcommand)]
    pub command: LedgerCommand,
}

impl LedgerOptions {
    /// The directory, which must be named.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`].
    pub fn directory(&self) -> Result<&Path, Failure> {
        self.dir
            .as_deref()
            .ok_or_else(|| Failure::usage("no directory of a node is named", "name it with --dir"))
    }

    /// The party that is meant, of those that this node knows by name.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] that lists the names.
    pub fn choose(&self, known: &[(String, Partner)]) -> Result<(String, Partner), Failure> {
        let wanted = self.party.as_deref();
        let fits = |(name, party): &&(String, Partner)| match wanted {
            None => true,
            Some(wanted) => name == wanted || crate::hex(party).starts_with(wanted),
        };
        let found: Vec<&(String, Partner)> = known.iter().filter(fits).collect();
        let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        match (found[..].split_first(), wanted) {
            (Some((one, [])), _) => Ok((*one).clone()),
            (Some((one, _)), Some(wanted)) if one.0 == wanted => Ok((*one).clone()),
            (None, None) => Err(Failure::operator(
                "this node has no partner yet, hence no ledger",
                "accept an invitation, or invite a partner",
            )),
            (None, Some(wanted)) => Err(Failure::usage(
                &format!("no party is called {}", report::shown(wanted)),
                &format!("this node has: {}", names.join(", ")),
            )),
            (Some(_), _) => Err(Failure::usage(
                "there are several parties",
                &format!("choose one with --party: {}", names.join(", ")),
            )),
        }
    }
}

/// The ledger with one party, and who the two are.
#[derive(Debug)]
pub struct Exchange {
    /// Where it lies.
    pub place: LedgerPlace,
    /// Our role.
    pub role: Role,
    /// Our attestation key.
    pub key: Arc<AttestationKey>,
    /// The other party.
    pub partner: Partner,
    /// What it is called here.
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
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let lines = match command {
            LedgerCommand::Show => self.show()?,
            LedgerCommand::Export { file } => self.export(file, terminal)?,
            LedgerCommand::Compare { file } => self.compare(file)?,
            LedgerCommand::Adopt { file } => {
                let _lock = lock()?;
                self.adopt(file, restored)?
            }
        };
        lines.iter().for_each(|line| terminal.line(line));
        Ok(())
    }

    /// Lists the entries.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the ledger.
    pub fn show(&self) -> Result<Vec<String>, Failure> {
        let ledger = Ledger::open_read_only(&self.place)?;
        let head = ledger.head(&self.partner)?;
        let name = report::shown(&self.name);
        let mut lines = vec![match head.seq {
            0 => format!("ledger with {name}: no entry yet"),
            seq => format!("ledger with {name}: {seq} entries, head {}", short(&head.hash)),
        }];
        for stored in ledger.chain(&self.partner, self.role)? {
            let signed = match stored.signed {
                SignedBy::Both => "signed by both",
                SignedBy::Us => "signed by us, and named by them as their head",
            };
            lines.push(format!("  {}  {signed}", line(&stored.entry)));
        }
        for hold in ledger.open_holds(&self.partner)? {
            lines.push(format!("  {}  offered by us, not answered", line(&hold)));
        }
        if let Err(behind) = ledger.session_head(&self.partner) {
            return Err(behind.into());
        }
        Ok(lines)
    }

    /// Writes the entries and what proves them into a new file; text is put aside if that is
    /// standard output.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the ledger or the file.
    pub fn export(&self, file: &Path, terminal: &Terminal) -> Result<Vec<String>, Failure> {
        let mut outputs = Outputs::new_only();
        let output = outputs.claim(file)?;
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
            Failure::storage(&format!("the ledger does not prove itself: {}", fault.text()))
        })?;
        output.publish(|out| out.write_all(&bytes))?;
        Ok(vec![
            format!("wrote {} entries to {}", proven.entries.len(), output.shown()),
            format!(
                "Next: give the file to {}, who runs `ledger compare FILE` or `ledger adopt FILE`",
                report::shown(&self.name)
            ),
        ])
    }

    /// Tells where the two ledgers part.
    ///
    /// # Errors
    ///
    /// [`Failure::LedgersDiffer`] if they contradict each other; of the ledger or the file.
    pub fn compare(&self, file: &Path) -> Result<Vec<String>, Failure> {
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
        let mut lines =
            vec![format!("this ledger ends at {ours}, theirs at {listed}; both signed {agreed}")];
        lines.push(match agreed.cmp(&ours) {
            std::cmp::Ordering::Greater => format!(
                "theirs has entries {} to {agreed} that are missing here\n\
                 Next: ledger adopt {}",
                ours.saturating_add(1),
                file.display()
            ),
            std::cmp::Ordering::Less if listed < ours => "theirs lacks entries of this one\n\
                 Next: ledger export FILE, and let them adopt it"
                .to_owned(),
            _ => "the two are the same".to_owned(),
        });
        if listed > agreed.max(ours) {
            lines.push(format!(
                "entries after {agreed} are signed by one side only, and prove nothing"
            ));
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
    /// [`Failure::LedgersDiffer`] if they contradict each other, and nothing is changed then; of
    /// the ledger or the file.
    pub fn adopt(
        &self,
        file: &Path,
        restored: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<Vec<String>, Failure> {
        let theirs = self.read(file)?;
        let ledger = Ledger::open_anew(&self.place)?;
        if theirs.agreed().len() as u64 > ledger.head(&self.partner)?.seq {
            restored()?;
        }
        let adopted = ledger.adopt(&self.partner, &theirs)?;
        let Adopted { from, to, theirs: agreed } = adopted;
        let name = report::shown(&self.name);
        let mut lines = vec![if to > from {
            let first = from.saturating_add(1);
            format!("adopted entries {first} to {to}; the ledger with {name} ends at {to}")
        } else {
            format!("nothing to adopt: the ledger with {name} ends at {from}, theirs at {agreed}")
        }];
        if theirs.entries.len() as u64 > agreed {
            lines.push(format!(
                "entries after {agreed} are signed by one side only, and were not taken"
            ));
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
        let refused = |what: &str| {
            Failure::evidence(
                &format!("{}: {what}", file.display()),
                "ask for the file again: `ledger export FILE` on the other node",
            )
        };
        let bytes = match read_at_most(file, EVIDENCE_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(refused("it is too large")),
            Err(error) => return Err(refused(&format!("cannot be read: {error}"))),
        };
        let evidence =
            ChainEvidence::parse(&bytes).map_err(|error| refused(&error.text().to_string()))?;
        if evidence.pair != self.pair() {
            return Err(refused("it is the ledger of two other parties"));
        }
        evidence.verify().map_err(|error| refused(&error.text().to_string()))
    }

    fn contradiction(&self, seq: u64) -> Failure {
        let partner = short(&self.partner);
        crate::ledger::LedgerError::Contradiction { partner, seq }.into()
    }
}

/// The bytes of a file, unless there are more than `most`: by what is read, since a pipe or device
/// tells no length.
fn read_at_most(file: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// One entry as `show` prints it.
fn line(entry: &LedgerEntry) -> String {
    let kind = if entry.kind == LedgerEntry::RESERVE { "reserve" } else { "settle" };
    format!(
        "{:>4}  {kind:<7}  {:<12}  {:>10} evaluations  {}  session {}",
        entry.seq,
        profile(entry.profile),
        entry.evaluations,
        time(entry.at),
        short(&entry.sid),
    )
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
