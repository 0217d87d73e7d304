//! `check-config`: mistakes in settings, keys and the files of partners, all at once.

use std::path::Path;

use mapping::{Listed, MapOfCommand};
use node::check_config::{self, ConfigFault};
use node::console::{OutputOptions, Terminal};
use node::failure::Failure;

use crate::Home;
use crate::partners::Partners;
use crate::settings::ProviderSettings;
use crate::tenant::POLICY;

pub(crate) fn run(dir: &Path, output: &OutputOptions, terminal: &Terminal) -> Result<(), Failure> {
    check_config::run::<ProviderSettings>(dir, output, terminal, |home| {
        Ok([map(home), partners(home)?].concat())
    })
}

/// Faults of the map that the settings name.
fn map(home: &Home) -> Vec<ConfigFault> {
    let common = &home.config.common;
    let open = MapOfCommand::open(home.map(None).as_deref(), common.map_digest, &graph::SCHEMA);
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

fn partners(home: &Home) -> Result<Vec<ConfigFault>, Failure> {
    let fault = |one: &crate::partners::Quarantined| ConfigFault {
        file: Some(format!("partners/{}/{POLICY}", one.name)),
        line: one.fault.line,
        text: one.fault.what.clone(),
        advice: one.fault.advice(),
    };
    Ok(Partners::read(home)?.quarantined.iter().map(fault).collect())
}
