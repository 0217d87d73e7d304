//! The configuration file of a node: one TOML file, unknown fields refused.
//!
//! `init` writes it with every setting and its meaning. A value here never discloses more: what a
//! run tells whom is in signed terms alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::data::csv::{CsvOptions, Delimiter, Encoding};
use crate::data::input::SharedLimits;
use crate::data::source::SourceOptions;
use crate::guardrails::GuardrailSettings;
use crate::normalize::{EmailPrehash, Normalizer, Options, PhonePrehash, Ruleset};
use crate::transport::quic::{Congestion, QuicOptions};
use protocol::transcript::Role;

/// Settings of a node, valid by construction.
#[derive(Debug)]
pub struct Config {
    /// Normalization rules and their options.
    pub ruleset: Ruleset,
    /// Options of the rules.
    pub options: Options,
    /// Form of CSV files.
    pub csv: CsvOptions,
    /// What files call our columns: ours, theirs.
    pub columns: BTreeMap<String, String>,
    /// Columns of files that are not looked at.
    pub ignore: Vec<String>,
    /// Rules that made e-mail digests in input files.
    pub email_sha256: Option<EmailPrehash>,
    /// Rules that made telephone digests in input files.
    pub phone_sha256: Option<PhonePrehash>,
    /// Columns of identifiers that may not be used for the purpose.
    pub not_for_purpose: Vec<String>,
    /// How many rows may share an identifier.
    pub shared: SharedLimits,
    /// Purpose that rows need evidence for.
    pub purpose: String,
    /// Bytes that sorting may hold in memory.
    pub memory_bytes: usize,
    /// Threads for arithmetic, and for the preparation of files; 0 for one per core.
    pub threads: usize,
    /// Largest table accepted.
    pub table_tags_max: u64,
    /// QUIC.
    pub quic: QuicOptions,
    /// The advertiser's own guardrails.
    pub guardrails: GuardrailSettings,
}

impl Config {
    /// Reads the configuration of a node.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the setting and what it may be.
    pub fn read(path: &Path, role: Role) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
        let invalid = |what| ConfigError::Invalid { path: path.to_path_buf(), what };
        let config = Self::parse(&text).map_err(invalid)?;
        // A provider's are those of each partner: here they would be read and not applied.
        if role == Role::Provider && config.guardrails != GuardrailSettings::default() {
            return Err(invalid("guardrails are set for each partner, not for the node".into()));
        }
        Ok(config)
    }

    /// The file that `init` writes.
    #[must_use]
    pub fn template(role: Role) -> String {
        let prehash = match role {
            Role::Advertiser => "# email_sha256 = \"plain\"",
            Role::Provider => "email_sha256 = \"plain\"",
        };
        let (phones, tables, guardrails) = match role {
            Role::Advertiser => (TEMPLATE_PHONES, TEMPLATE_TABLES, TEMPLATE_GUARDRAILS),
            Role::Provider => ("", TEMPLATE_COLUMNS, ""),
        };
        format!(
            "# Settings of this node. Unknown names are refused.\n\
             \n\
             # Normalization rules; both nodes of a run must have the same.\n\
             ruleset = \"crm-fr/1\"\n\
             \n\
             # Form of CSV files: delimiter ',', ';' or a tab; encoding utf-8, iso-8859-1,\n\
             # iso-8859-15, windows-1252, utf-16le or utf-16be.\n\
             delimiter = \",\"\n\
             encoding = \"utf-8\"\n\
             \n\
             # Which rules made columns of e-mail digests, such as \"plain\" (trim, lower case).\n\
             # Without it such columns are refused: there is no guessing.\n\
             {prehash}\n\
             {phones}\
             \n\
             # Columns of your files not to look at; others that are not known are refused.\n\
             # ignore = [\"COMMENT\"]\n\
             \n\
             # Purpose that a row needs evidence of consent for.\n\
             purpose = \"ads.match\"\n\
             \n\
             # Memory for sorting, in MiB; larger sets are spilled to disk, sealed.\n\
             memory_mib = 192\n\
             \n\
             # Threads for arithmetic and for preparing files; 0 means one per core.\n\
             threads = 0\n\
             \n\
             # Largest tag table this node accepts from a provider.\n\
             table_tags_max = 2147483648\n\
             \n\
             # Congestion control: \"cubic\", or \"bbr\" for long or lossy paths.\n\
             congestion = \"cubic\"\n\
             {tables}{guardrails}"
        )
    }

    /// How these settings read files.
    #[must_use]
    pub fn source(&self) -> SourceOptions {
        SourceOptions {
            csv: self.csv,
            format: None,
            columns: self.columns.clone(),
            ignore: self.ignore.clone(),
        }
    }

    /// The normalizer these settings describe.
    #[must_use]
    pub fn normalizer(&self) -> Normalizer {
        Normalizer::new(self.ruleset, self.options.clone())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let ruleset = Ruleset::parse(&file.ruleset)
            .map_err(|_| wrong("ruleset", "\"crm-fr/1\" or \"crm-intl/1\""))?;
        let delimiter = Delimiter::parse(&file.delimiter)
            .ok_or_else(|| wrong("delimiter", "\",\", \";\" or \"\\t\""))?;
        let encoding = Encoding::parse(&file.encoding)
            .ok_or_else(|| wrong("encoding", "\"utf-8\" or another listed in the file"))?;
        let email_sha256 = match &file.email_sha256 {
            None => None,
            Some(name) => Some(
                EmailPrehash::parse(name)
                    .ok_or_else(|| wrong("email_sha256", "a ruleset such as \"plain\""))?,
            ),
        };
        let phone_sha256 = match &file.phone_sha256 {
            None => None,
            Some(name) => Some(
                PhonePrehash::parse(name)
                    .ok_or_else(|| wrong("phone_sha256", "\"phone-e164\" or \"phone-digits\""))?,
            ),
        };
        let congestion = Congestion::from_name(&file.congestion)
            .ok_or_else(|| wrong("congestion", "\"cubic\" or \"bbr\""))?;
        if !(16..=1 << 20).contains(&file.memory_mib) {
            return Err(wrong("memory_mib", "between 16 and 1048576"));
        }
        if file.threads > THREADS_MAX {
            return Err(wrong("threads", "at most 1024"));
        }
        file.guardrails.check()?;
        Ok(Self {
            ruleset,
            options: Options::defaults(ruleset),
            csv: CsvOptions { encoding, delimiter },
            columns: file.columns,
            ignore: file.ignore,
            email_sha256,
            phone_sha256,
            not_for_purpose: file.not_for_purpose,
            shared: file.shared.limits(),
            purpose: file.purpose,
            memory_bytes: usize::try_from(file.memory_mib).unwrap_or(16) << 20,
            threads: usize::from(file.threads),
            table_tags_max: file.table_tags_max,
            quic: QuicOptions { congestion, ..QuicOptions::default() },
            guardrails: file.guardrails,
        })
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or not readable.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A setting is unknown, missing or out of range.
    #[error("{}: {what}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

fn wrong(setting: &str, allowed: &str) -> String {
    format!("{setting} must be {allowed}")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    ruleset: String,
    delimiter: String,
    encoding: String,
    email_sha256: Option<String>,
    phone_sha256: Option<String>,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    not_for_purpose: Vec<String>,
    purpose: String,
    memory_mib: u64,
    threads: u16,
    table_tags_max: u64,
    congestion: String,
    #[serde(default)]
    columns: BTreeMap<String, String>,
    #[serde(default)]
    shared: Shared,
    #[serde(default)]
    guardrails: GuardrailSettings,
}

/// The limits of [`SharedLimits`], each with its default.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    email: Option<u32>,
    phone: Option<u32>,
    phone_fixed: Option<u32>,
}

impl Shared {
    fn limits(&self) -> SharedLimits {
        let usual = SharedLimits::default();
        SharedLimits {
            email: self.email.unwrap_or(usual.email),
            phone: self.phone.unwrap_or(usual.phone),
            phone_fixed: self.phone_fixed.unwrap_or(usual.phone_fixed),
        }
    }
}

/// Settings of an advertiser's file of customers.
const TEMPLATE_PHONES: &str = "\
    # The same for digests of telephone numbers: \"phone-e164\" or \"phone-digits\".\n\
    # phone_sha256 = \"phone-e164\"\n\
    \n\
    # Columns of identifiers that may not be used for the purpose.\n\
    # not_for_purpose = [\"phone\"]\n";

const TEMPLATE_COLUMNS: &str = "\n\
    # What your files call a column, where it differs: ours = \"yours\".\n\
    # [columns]\n\
    # value = \"IDENTIFIER\"\n";

const TEMPLATE_TABLES: &str = "\n\
    # What your files call a column, where it differs: ours = \"yours\".\n\
    # [columns]\n\
    # email = \"MAIL\"\n\
    \n\
    # An identifier that more rows hold than this is refused as shared.\n\
    # [shared]\n\
    # email = 5\n\
    # phone = 5\n\
    # phone_fixed = 10\n";

/// Guardrails of an advertiser.
const TEMPLATE_GUARDRAILS: &str = "\n\
    # Guardrails of your own; of yours and the provider's the stricter value holds, and one that\n\
    # is absent is the default shown. `plan` shows the values in force and whose they are.\n\
    [guardrails]\n\
    # n_min = 1000           # least eligible rows\n\
    # k_min = 100            # least matched rows\n\
    # group_min = 1000       # least rows changed since an earlier file, if any changed\n\
    # rate_precision = 1     # step of rates, in percent points\n\
    # rate_cap = 85          # rates above are shown as over\n\
    # count_rounding = 100   # step of counts\n\
    # cell_min = 50          # least rows in a cell of a breakdown\n\
    # ids_per_person = 10    # most digital IDs of one person\n\
    # ids_valid_days = 30    # most days a digital ID is used\n\
    # namespaces = []        # digital IDs to take, by name; all that are offered if absent\n\
    # attributes = false     # whether device class, age and expiry of each ID may be delivered\n";

const THREADS_MAX: u16 = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_valid() {
        for role in [Role::Advertiser, Role::Provider] {
            Config::parse(&Config::template(role)).unwrap();
        }
    }

    #[test]
    fn every_setting_that_the_template_shows_can_be_set() {
        let template = Config::template(Role::Advertiser);
        let shown = |line: &str| match line.strip_prefix("# ") {
            Some(set) if set.starts_with('[') => set.to_owned(),
            Some(set) if set.contains(" = ") && !set.starts_with("What") => set.to_owned(),
            _ => line.to_owned(),
        };
        let text: Vec<String> = template.lines().map(shown).collect();
        let config = Config::parse(&text.join("\n")).unwrap();
        assert_eq!(config.columns["email"], "MAIL");
        assert_eq!(
            (config.ignore, config.not_for_purpose),
            (vec!["COMMENT".to_owned()], vec!["phone".to_owned()])
        );
        assert_eq!(config.phone_sha256, Some(PhonePrehash::E164));
        assert_eq!(config.shared, SharedLimits::default());
    }

    #[test]
    fn misspelt_and_wrong_settings_are_refused() {
        let template = Config::template(Role::Provider);
        let misspelt = template.replace("memory_mib", "memory_mb");
        assert!(Config::parse(&misspelt).unwrap_err().contains("memory_mb"));
        let shared = format!("{template}[shared]\nmail = 5\n");
        assert!(Config::parse(&shared).unwrap_err().contains("mail"));
        let wrong = template.replace("\"cubic\"", "\"reno\"");
        assert!(Config::parse(&wrong).unwrap_err().starts_with("congestion must be"));
        let low = format!("{}\nk_min = 10\n", Config::template(Role::Advertiser));
        assert!(Config::parse(&low).unwrap_err().starts_with("guardrails.k_min must be"));
    }

    #[test]
    fn guardrails_of_a_provider_are_not_taken_for_its_node() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("provider.toml");
        let text = format!("{}\n[guardrails]\nk_min = 200\n", Config::template(Role::Provider));
        std::fs::write(&path, text).unwrap();
        assert_eq!(Config::read(&path, Role::Advertiser).unwrap().guardrails.k_min, Some(200));
        assert!(Config::read(&path, Role::Provider).is_err());
    }
}
