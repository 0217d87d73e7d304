//! `invite`: opens a tenant and writes the invitation for it.

use std::path::Path;

use node::failure::Failure;
use node::identity::PublicIdentity;
use node::invite::{COOKIE_NAMESPACE_MIN, Invitation};
use node::normalize::manifest::RulesManifest;
use node::telemetry::Terminal;
use protocol::limits::TERMS_LIST_MAX;
use protocol::suite::Profile;

use crate::Home;
use crate::cli::InviteOptions;
use crate::namespaces::Namespaces;
use crate::tenant::{PartnerPolicy, Tenant};

pub(crate) fn run(options: &InviteOptions, terminal: &Terminal) -> Result<(), Failure> {
    let home = Home::open(&options.dir)?;
    let identity = identity(&options.identity)?;
    let profiles = profiles(&options.profile)?;
    if identity.spki == home.identity.public().spki {
        return Err(Failure::usage(
            "that is the identity of this node itself",
            "use the line that `advertiser-node init` printed",
        ));
    }
    let mut policy = PartnerPolicy::defaults(&identity, &profiles);
    // The namespaces of the graph, the first ones met first, as many as terms can list.
    policy.namespaces = Namespaces::read(&home)?.by_code().into_values().collect();
    policy.namespaces.truncate(TERMS_LIST_MAX);
    let tenant = Tenant::create(&home, &options.name, policy)?;
    let namespaces = Namespaces::learn(&home, &tenant.policy.namespaces)?;
    let rules = RulesManifest::build(home.config.common.ruleset, &home.config.common.options)?;
    let invitation = Invitation {
        address: options.address.clone(),
        provider: home.identity.public(),
        advertiser: identity,
        name: tenant.name.clone(),
        profiles: tenant.policy.profiles.clone(),
        purposes: vec![PartnerPolicy::purpose()],
        kinds: tenant.policy.kinds.clone(),
        ruleset: home.config.common.ruleset.name().to_owned(),
        rules_manifest: rules.text().to_owned(),
        namespaces: tenant
            .policy
            .namespaces
            .iter()
            .filter_map(|name| Some((name.clone(), namespaces.code(name)?)))
            .collect(),
        n_min: tenant.policy.n_min,
        k_min: tenant.policy.k_min,
        group_min: tenant.policy.group_min,
        link_filter: tenant.policy.link_filter(),
        guardrails: tenant.policy.invited(),
        notice: None,
    };
    invitation.write(&options.out)?;
    terminal.line(&format!(
        "partner {} may run: {}",
        tenant.name,
        tenant.policy.profiles.join(", ")
    ));
    terminal.line(&format!("invitation: {}", options.out.display()));
    if let Some(warning) = no_cookie(&profiles, &tenant, &namespaces) {
        terminal.line(&warning);
        terminal.line("  then invite again with the same --name and have that invitation accepted");
    }
    terminal.line("Send it to the advertiser, and compare the identity over a second path:");
    terminal.line(&format!("identity: {}", home.identity.public()));
    Ok(())
}

/// Told where no cookie could be delivered: nothing adds namespaces to a policy afterwards.
fn no_cookie(profiles: &[Profile], tenant: &Tenant, known: &Namespaces) -> Option<String> {
    let cookies =
        |names: &[String]| names.iter().any(|name| known.code(name) >= Some(COOKIE_NAMESPACE_MIN));
    if !profiles.iter().any(|profile| profile.sends_handles()) || cookies(&tenant.policy.namespaces)
    {
        return None;
    }
    let graph: Vec<String> = known.by_code().into_values().collect();
    let first = if cookies(&graph) { "" } else { "`ingest` your graph, " };
    Some(format!(
        "warning: the invitation lists no cookie namespace, so digital-ids and activation deliver \
         no cookie; {first}name its cookie namespaces under `namespaces` in {},",
        tenant.path("partner.toml").display()
    ))
}

/// The argument is the line itself or a file that holds it.
fn identity(argument: &str) -> Result<PublicIdentity, Failure> {
    let text = match Path::new(argument).is_file() {
        true => std::fs::read_to_string(argument)
            .map_err(|error| Failure::storage(&format!("cannot read {argument}: {error}")))?,
        false => argument.to_owned(),
    };
    let line = text.lines().map(|line| line.trim().trim_start_matches("identity:").trim());
    let line = line.into_iter().find(|line| !line.is_empty()).unwrap_or("");
    PublicIdentity::parse(line).map_err(|error| {
        Failure::usage(
            &format!("--identity is not the line of an advertiser: {error}"),
            "use the line that `advertiser-node init` printed, or its identity.txt",
        )
    })
}

fn profiles(names: &[String]) -> Result<Vec<Profile>, Failure> {
    names
        .iter()
        .map(|name| {
            Profile::from_name(name).ok_or_else(|| {
                let known: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
                Failure::usage(
                    &format!("there is no profile {}", node::error::shown(name)),
                    &format!("use --profile with one of {}", known.join(", ")),
                )
            })
        })
        .collect()
}
