//! `accept`: keeps a provider's invitation, which pins its identity.

use std::path::Path;

use channel::identity::comparison_code;
use node::console::Terminal;
use node::failure::{Failure, Inline as _};
use node::invite::Invitation;

use crate::Home;
use crate::partner::rules_must_agree;

pub(crate) fn run(dir: &Path, file: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let invitation = Invitation::read(file)?;
    if invitation.advertiser != home.identity.public() {
        return Err(Failure::operator(
            "the invitation is for another identity than this node's",
            &format!(
                "give your provider the file {} and ask for a new invitation",
                home.path("identity.txt").display()
            ),
        ));
    }
    rules_must_agree(&home, &invitation)?;
    let directory = home.private_dir("providers")?;
    let name = file_name(&invitation.provider);
    invitation.write(&directory.join(&name))?;
    terminal.line(&format!("provider pinned: {}", invitation.provider));
    terminal.line(&format!("address: {}", report::shown(&invitation.address)));
    terminal.line(&format!("profiles: {}", invitation.profiles.join(", ")));
    let code = comparison_code(&invitation.advertiser, &invitation.provider);
    terminal.line(&format!("code {code}: compare it by telephone"));
    Ok(())
}

/// Named by the provider's key: a second invitation of one provider replaces the first.
fn file_name(provider: &channel::identity::PublicIdentity) -> String {
    let text = provider.to_string();
    let short: String = text.chars().skip(5).take(12).collect();
    format!("{short}.toml")
}
