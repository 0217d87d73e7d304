//! `check-config`: mistakes in settings, keys and invitations, all at once.

use std::path::Path;

use node::check_config::{self, ConfigFault};
use node::console::{OutputOptions, Terminal};
use node::failure::Failure;
use node::invite::Invitation;

use crate::Home;
use crate::partner::providers;
use crate::settings::AdvertiserSettings;

pub(crate) fn run(dir: &Path, output: &OutputOptions, terminal: &Terminal) -> Result<(), Failure> {
    check_config::run::<AdvertiserSettings>(dir, output, terminal, invitations)
}

fn invitations(home: &Home) -> Result<Vec<ConfigFault>, Failure> {
    let found = providers(home).into_iter().filter_map(|(name, path)| {
        let failure = Failure::from(Invitation::read(&path).err()?);
        let (text, advice) = (failure.text(), failure.advice());
        Some(ConfigFault { file: Some(format!("providers/{name}")), line: None, text, advice })
    });
    Ok(found.collect())
}
