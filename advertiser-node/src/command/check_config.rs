//! `check-config`: mistakes in settings, keys and invitations, all at once.

use std::path::Path;

use mapping::{Listed, MapOfCommand};
use node::check_config::{self, ConfigFault};
use node::console::{OutputOptions, Terminal};
use node::failure::Failure;
use node::invite::Invitation;

use crate::Home;
use crate::partner::providers;
use crate::settings::AdvertiserSettings;

pub(crate) fn run(dir: &Path, output: &OutputOptions, terminal: &Terminal) -> Result<(), Failure> {
    check_config::run::<AdvertiserSettings>(dir, output, terminal, |home| {
        Ok([map(home), invitations(home)?].concat())
    })
}

/// Faults of the map that the settings name.
fn map(home: &Home) -> Vec<ConfigFault> {
    let common = &home.config.common;
    let open = MapOfCommand::open(home.map(None).as_deref(), common.map_digest, &crm::SCHEMA);
    let Err(error) = open else { return Vec::new() };
    let name = common.map.as_ref().map(|map| map.display().to_string());
    let fault = |fault: Listed| ConfigFault {
        file: name.clone(),
        line: fault.line,
        text: fault.text,
        advice: fault.advice,
    };
    error.listed().into_iter().map(fault).collect()
}

fn invitations(home: &Home) -> Result<Vec<ConfigFault>, Failure> {
    let found = providers(home).into_iter().filter_map(|(name, path)| {
        let failure = Failure::from(Invitation::read(&path).err()?);
        let (text, advice) = (failure.text(), failure.advice());
        Some(ConfigFault { file: Some(format!("providers/{name}")), line: None, text, advice })
    });
    Ok(found.collect())
}
