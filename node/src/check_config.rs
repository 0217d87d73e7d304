//! `check-config`: every mistake in settings, keys and partners at once, and where each value in
//! force comes from.

use std::path::Path;

use report::{Arg, Code, Diagnose, Failure, Text};
use serde_json::{Value, json};

use crate::console::{Object, OutputOptions, Terminal};
use crate::home::{Home, config_name};
use crate::settings::{Effective, Settings, effective};

/// A mistake that an operator mends in one place.
#[derive(Debug, Clone)]
pub struct ConfigFault {
    /// The file, from the node's directory on; none where the failure names it.
    pub file: Option<String>,
    /// The line, where one is known.
    pub line: Option<usize>,
    /// The mistake.
    pub text: Text,
    /// A remedy.
    pub advice: Text,
}

impl ConfigFault {
    fn of(error: &dyn Diagnose) -> Self {
        Self { file: None, line: None, text: error.text(), advice: report::advice(error) }
    }

    fn json(&self) -> Value {
        json!({
            "file": self.file,
            "line": self.line,
            "text": self.text.to_string(),
            "try": self.advice.to_string(),
        })
    }

    fn told(&self) -> Text {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => Text::new("config-fault-line")
                .with("file", file)
                .with("line", Arg::Number(line as u64))
                .with("text", self.text.clone()),
            (Some(file), None) => {
                Text::new("config-fault-file").with("file", file).with("text", self.text.clone())
            }
            (None, _) => Text::new("config-fault").with("text", self.text.clone()),
        }
    }
}

/// Shows the settings in force and every fault, in the file of `--json` too.
///
/// `of_partners` finds the faults of the map and of the files of partners, once the node itself can
/// be opened.
///
/// # Errors
///
/// [`ConfigFaults`] if there is one; [`Failure`] of the output.
pub fn run<S: Settings>(
    dir: &Path,
    options: &OutputOptions,
    terminal: &Terminal,
    of_partners: impl FnOnce(&Home<S>) -> Result<Vec<ConfigFault>, Failure>,
) -> Result<(), Failure> {
    let mut outputs = options.outputs();
    // Also where a node has lost the keys that would show that this is one.
    outputs.reads(&dir.join(config_name(S::ROLE)));
    let output = options.claim_json(&mut outputs)?;
    let (settings, faults) = look::<S>(dir, of_partners)?;
    for setting in &settings {
        terminal.say(&shown(setting, S::ROLE));
    }
    for fault in &faults {
        terminal.say(&fault.told());
        terminal.say(&Text::new("config-fault-try").with("advice", fault.advice.clone()));
    }
    if let Some(output) = output {
        let from = |setting: &Effective| if setting.line.is_some() { "file" } else { "default" };
        let settings: Vec<Value> = settings
            .iter()
            .map(|one| {
                json!({
                    "name": one.name, "value": one.value, "from": from(one), "line": one.line,
                })
            })
            .collect();
        let failure = (!faults.is_empty()).then(|| Failure::from(ConfigFaults::of(&faults)));
        let object = Object::done("check-config", options);
        let object = match failure {
            None => object,
            Some(failure) => {
                object.ended("failed", failure.exit()).failed(&failure, terminal.reader())
            }
        };
        let object = object.with(json!({
            "settings": settings,
            "faults": faults.iter().map(ConfigFault::json).collect::<Vec<_>>(),
        }));
        output.publish_text(&object.pretty())?;
    }
    match faults.len() {
        0 => {
            terminal.say(&Text::new("config-without-fault"));
            Ok(())
        }
        _ => Err(ConfigFaults::of(&faults).into()),
    }
}

/// The settings in force and the faults.
fn look<S: Settings>(
    dir: &Path,
    of_partners: impl FnOnce(&Home<S>) -> Result<Vec<ConfigFault>, Failure>,
) -> Result<(Vec<Effective>, Vec<ConfigFault>), Failure> {
    let path = Home::<S>::settings_path(dir)?;
    let mut faults = Vec::new();
    // A file that cannot be read sets nothing that could be told, not even defaults.
    let read = std::fs::read_to_string(&path);
    let settings = read.as_deref().map(effective::<S>).ok().and_then(Result::ok);
    let settings = settings.unwrap_or_default();
    let home = match S::parse(read.as_deref().unwrap_or_default()) {
        Ok(_) => Home::<S>::open(dir),
        Err(fault) => {
            faults.push(ConfigFault {
                file: path.file_name().map(|name| name.to_string_lossy().into_owned()),
                line: fault.line,
                text: fault.what.clone(),
                advice: fault.advice(),
            });
            // Keys and partners are looked at under the settings that a new node has.
            Home::<S>::open_with(dir, S::parse(&S::template()).map_err(|_| missing(dir))?)
        }
    };
    match home {
        Ok(home) => faults.extend(of_partners(&home)?),
        Err(error) => faults.push(ConfigFault::of(&error)),
    }
    Ok((settings, faults))
}

/// A template that does not parse is a defect, which tests exclude.
fn missing(_dir: &Path) -> Failure {
    protocol::error::Bug::invariant().into()
}

fn shown(setting: &Effective, role: protocol::transcript::Role) -> Text {
    let text = match setting.line {
        Some(line) => Text::new("config-from-file")
            .with("file", format!("{}.toml", role.name()))
            .with("line", Arg::Number(line as u64)),
        None => Text::new("config-from-default"),
    };
    text.with("name", setting.name).with("value", &setting.value)
}

/// Mistakes that `check-config` found and listed.
#[derive(Debug, Clone)]
pub struct ConfigFaults {
    /// Number of the mistakes.
    pub found: u64,
}

impl ConfigFaults {
    fn of(faults: &[ConfigFault]) -> Self {
        Self { found: faults.len() as u64 }
    }
}

impl Diagnose for ConfigFaults {
    fn code(&self) -> Code {
        Code::ToDoFirst
    }

    fn text(&self) -> Text {
        Text::new("config-faults").with("found", self.found)
    }
}

impl std::error::Error for ConfigFaults {}
report::told_in_english!(ConfigFaults);

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::settings::testing::OfProvider;

    #[test]
    fn every_fault_is_found_at_once_and_values_are_told_with_their_lines() {
        let dir = store::os::testing::private_tempdir();
        let node = dir.path().join("p");
        Home::<OfProvider>::create(&node).unwrap();
        let check = |file: Option<&PathBuf>| {
            let partners = |_: &Home<OfProvider>| {
                Ok(vec![ConfigFault {
                    file: Some("partners/shop/partner.toml".into()),
                    line: Some(3),
                    text: Text::new("config-without-fault"),
                    advice: Text::new("config-without-fault"),
                }])
            };
            let json = file.cloned();
            run::<OfProvider>(
                &node,
                &OutputOptions { json, overwrite: true, ..OutputOptions::default() },
                &Terminal::to(std::io::sink(), std::io::sink()),
                partners,
            )
        };
        let settings = node.join("provider.toml");
        let text = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, text.replace("threads = 0", "threads = 9999")).unwrap();
        let file = dir.path().join("out.json");
        let failure = check(Some(&file)).unwrap_err();
        assert_eq!(failure.exit().code(), 78);
        let told: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(told["faults"].as_array().unwrap().len(), 2, "{told:#}");
        assert_eq!(told["faults"][0]["file"], "provider.toml");
        assert!(told["faults"][0]["line"].is_u64());
        let of = |name: &str| {
            let all = told["settings"].as_array().unwrap();
            all.iter().find(|one| one["name"] == name).unwrap().clone()
        };
        assert_eq!(of("threads")["from"], "file");
        assert_eq!(of("map")["from"], "default");
    }

    #[test]
    fn settings_that_cannot_be_read_are_no_defaults_and_are_never_replaced() {
        let dir = store::os::testing::private_tempdir();
        let node = dir.path().join("p");
        Home::<OfProvider>::create(&node).unwrap();
        let settings = node.join("provider.toml");
        std::fs::write(&settings, b"threads = 2 # \xE9\n").unwrap();
        let (told, faults) = look::<OfProvider>(&node, |_| Ok(Vec::new())).unwrap();
        assert_eq!((told.len(), faults.len()), (0, 1));
        std::fs::remove_dir_all(node.join("keys")).unwrap();
        let terminal = Terminal::to(std::io::sink(), std::io::sink());
        let json = Some(settings.clone());
        let options = OutputOptions { json, overwrite: true, ..OutputOptions::default() };
        let failure = run::<OfProvider>(&node, &options, &terminal, |_| Ok(vec![]));
        assert_eq!(failure.unwrap_err().exit().code(), 73);
        assert!(std::fs::read(&settings).unwrap().starts_with(b"threads = 2"));
    }
}
