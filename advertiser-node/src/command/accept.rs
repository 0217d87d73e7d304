//! `accept`: keeps a provider's invitation, which pins its identity.

use std::path::Path;

use channel::identity::comparison_code;
use node::console::Terminal;
use node::failure::Failure;
use node::invite::Invitation;
use report::{Arg, Code, Text};

use crate::Home;
use crate::partner::rules_must_agree;

pub(crate) fn run(dir: &Path, file: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let invitation = Invitation::read(file)?;
    if invitation.advertiser != home.identity.public() {
        let text = Text::new("accept-other-identity").with("path", &home.path("identity.txt"));
        return Err(Failure::new(Code::ToDoFirst, text));
    }
    rules_must_agree(&home, &invitation)?;
    let directory = home.private_dir("providers")?;
    let name = file_name(&invitation.provider);
    invitation.write(&directory.join(&name))?;
    let identity = invitation.provider.to_string();
    terminal.say(&Text::new("accept-pinned").with("identity", identity));
    terminal.say(&Text::new("accept-address").with("address", &invitation.address));
    let profiles = Arg::Word(invitation.profiles.join(", "));
    terminal.say(&Text::new("accept-profiles").with("profiles", profiles));
    let code = comparison_code(&invitation.advertiser, &invitation.provider);
    terminal.say(&Text::new("compare-code").with("code", code.to_string()));
    Ok(())
}

/// Named by the provider's key: a second invitation of one provider replaces the first.
fn file_name(provider: &channel::identity::PublicIdentity) -> String {
    let text = provider.to_string();
    let short: String = text.chars().skip(5).take(12).collect();
    format!("{short}.toml")
}
