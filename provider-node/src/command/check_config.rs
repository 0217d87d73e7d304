//! `check-config`: mistakes in settings, keys and the files of partners, all at once.

use std::path::Path;

use node::check_config::{self, ConfigFault};
use node::console::{OutputOptions, Terminal};
use node::failure::Failure;

use crate::Home;
use crate::partners::Partners;
use crate::settings::ProviderSettings;
use crate::tenant::POLICY;

pub(crate) fn run(dir: &Path, output: &OutputOptions, terminal: &Terminal) -> Result<(), Failure> {
    check_config::run::<ProviderSettings>(dir, output, terminal, partners)
}

fn partners(home: &Home) -> Result<Vec<ConfigFault>, Failure> {
    let fault = |one: &crate::partners::Quarantined| ConfigFault {
        file: Some(format!("partners/{}/{POLICY}", one.name)),
        line: one.fault.line,
        text: one.fault.what.clone(),
        advice: one.fault.advice(),
    };
    Ok(Partners::load(home)?.quarantined.iter().map(fault).collect())
}
