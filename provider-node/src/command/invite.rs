//! `invite`: opens a tenant and writes the invitation for it.

use std::path::{Path, PathBuf};

use channel::identity::{IdentityTextError, Introduction, NodeIdentity, comparison_code};
use node::console::Terminal;
use node::failure::{Failure, Inline as _};
use node::invite::{COOKIE_NAMESPACE_MIN, Invitation};
use node::normalize::manifest::RulesManifest;
use node::output::{Output, Outputs};
use protocol::identifier::IdentifierKind;
use protocol::limits::TERMS_LIST_MAX;
use protocol::suite::{Profile, SuiteId};
use protocol::transcript::Role;

use crate::Home;
use crate::budget::{self, Share};
use crate::cli::{Allowed, InviteOptions};
use crate::namespaces::Namespaces;
use crate::policy::{NewPartner, PartnerPolicy};
use crate::publish::Published;
use crate::tenant::Tenant;

pub(crate) fn run(options: &InviteOptions, terminal: &Terminal) -> Result<(), Failure> {
    let home = Home::open(&options.dir)?;
    let advertiser = identity(&options.identity)?.identity();
    let profiles = profiles(&options.profile)?;
    let own = home.identity.public();
    if advertiser.spki == own.spki || advertiser.attestation_key == own.attestation_key {
        return Err(Failure::usage(
            "that is the identity of this node itself",
            "name the identity.txt that `advertiser-node init` wrote",
        ));
    }
    budget::check_rows(options.rows)?;
    check_entity(&options.legal_entity)?;
    let mut policy = PartnerPolicy::of(&NewPartner {
        name: &options.name,
        identity: advertiser,
        legal_entity: &options.legal_entity,
        group: options.legal_group.as_deref(),
        rows: options.rows,
        profiles: &profiles,
        daily: options.daily,
    });
    // The namespaces of the graph, the first ones met first, as many as terms can list.
    policy.namespaces = Namespaces::read(&home)?.by_code().into_values().collect();
    policy.namespaces.truncate(TERMS_LIST_MAX);
    let output = options
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{}.invitation.toml", options.name)));
    let mut outputs = Outputs::new(options.overwrite);
    outputs.reads(Path::new(&options.identity));
    // Before a tenant is opened whose invitation has no place.
    let output = outputs.claim(&output)?;
    if outputs.take_standard_output() {
        terminal.put_text_aside();
    }
    let tenant = Tenant::open(&home, policy, options.daily)?;
    refuse_wide(&tenant.policy, &options.allow)?;
    tenant.save(&home)?;
    let namespaces = Namespaces::learn(&home, &tenant.policy.namespaces)?;
    let invitation = invitation(&home, options, &tenant, &namespaces)?;
    invitation.publish(&output)?;
    tell(&home, &tenant, &output, terminal)?;
    if let Some(warning) = no_cookie(&profiles, &tenant, &namespaces) {
        terminal.line(&warning);
        terminal.line("  then invite again under the same name and have that invitation accepted");
    }
    let code = comparison_code(&advertiser, &own);
    terminal.line(&format!("code {code}: compare it by telephone"));
    Ok(())
}

fn invitation(
    home: &Home,
    options: &InviteOptions,
    tenant: &Tenant,
    namespaces: &Namespaces,
) -> Result<Invitation, Failure> {
    let rules = RulesManifest::build(home.config.common.ruleset, &home.config.common.options)?;
    let provider = NodeIdentity::introduction(&options.dir, Role::Provider)
        .map_err(node::home::HomeError::from)?;
    let policy = &tenant.policy;
    Ok(Invitation {
        address: options.address.clone(),
        provider: provider.identity(),
        provider_proof: provider.proof_line(),
        advertiser: tenant.identity,
        name: tenant.name.clone(),
        profiles: policy.profiles.clone(),
        purposes: vec![policy.purpose()],
        kinds: policy.kinds.clone(),
        ruleset: home.config.common.ruleset.name().to_owned(),
        rules_manifest: rules.text().to_owned(),
        namespaces: policy
            .namespaces
            .iter()
            .filter_map(|name| Some((name.clone(), namespaces.code(name)?)))
            .collect(),
        n_min: policy.n_min,
        k_min: policy.k_min,
        group_min: policy.group_min,
        link_filter: policy.link_filter(),
        guardrails: policy.invited(),
        notice: None,
    })
}

/// Tells the operator what the partner may do, and how much of what there is to guess.
fn tell(home: &Home, tenant: &Tenant, output: &Output, terminal: &Terminal) -> Result<(), Failure> {
    let policy = &tenant.policy;
    terminal.line(&format!(
        "partner {} may run: {} for {}",
        tenant.name,
        policy.profiles.join(", "),
        policy.purpose,
    ));
    terminal.line(&format!(
        "budget for {} rows: {} evaluations a day, {} in 30 days",
        policy.rows, policy.evaluations_per_day, policy.evaluations_per_epoch,
    ));
    let snapshot = Published::current(home)?;
    let identifiers = snapshot.map(|snapshot| snapshot.stored.counts().identifiers);
    terminal.line(&format!("  that is {}", shares(policy, identifiers)));
    if mixes(&policy.profiles()) {
        terminal.line(
            "advice: matched-rows shows which rows matched, exactly; what the other profiles \
             round or hide protects nobody from a partner that has it too",
        );
    }
    terminal.line(&format!("invitation: {}", output.shown()));
    Ok(())
}

/// The budget as shares of a numbering plan and of the graph, in words.
pub(crate) fn shares(policy: &PartnerPolicy, identifiers: Option<u64>) -> String {
    let (day, epoch) = (policy.evaluations_per_day, policy.evaluations_per_epoch);
    let mut parts = Vec::new();
    if tests_numbers(policy) {
        let share = Share::of_plan;
        parts.push(format!(
            "{} of the mobile numbers of France a day, {} in 30 days",
            share(day),
            share(epoch)
        ));
    }
    parts.push(match identifiers {
        Some(all) => format!(
            "at most {} of the graph's identifiers a day, {} in 30 days",
            Share::of(day, all),
            Share::of(epoch, all)
        ),
        None => "the share of the graph is told once there is one".to_owned(),
    });
    parts.join("; ")
}

/// Whether its tables hold identifiers that can be counted through.
pub(crate) fn tests_numbers(policy: &PartnerPolicy) -> bool {
    let phone = |name: &String| {
        let kind = IdentifierKind::from_name(name);
        [IdentifierKind::PHONE, IdentifierKind::PHONE_DIGITS].into_iter().any(|of| kind == Some(of))
    };
    policy.kinds.iter().any(phone)
}

fn mixes(profiles: &[Profile]) -> bool {
    let aligned = |profile: &Profile| profile.suite() == SuiteId::Aligned;
    profiles.iter().any(aligned) && !profiles.iter().all(aligned)
}

/// A budget that lets much of a numbering plan be tested is given on purpose or not at all.
fn refuse_wide(policy: &PartnerPolicy, allowed: &[Allowed]) -> Result<(), Failure> {
    let share = Share::of_plan(policy.evaluations_per_epoch);
    if !share.is_wide() || !tests_numbers(policy) || allowed.contains(&Allowed::WideBudget) {
        return Ok(());
    }
    Err(Failure::usage(
        &format!(
            "{} evaluations in 30 days are {share} of the mobile numbers of France, above 1 %",
            policy.evaluations_per_epoch,
        ),
        "declare fewer rows or profiles, or accept it with --allow wide-budget",
    ))
}

fn check_entity(name: &str) -> Result<(), Failure> {
    let plain = name.trim() == name && name == node::error::shown(name);
    if plain && (1..=128).contains(&name.len()) {
        return Ok(());
    }
    Err(Failure::usage(
        "--legal-entity is not 1 to 128 printable characters",
        "write the company as the contract names it",
    ))
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

/// The identity in a file, proved; the line alone would be anybody's to make.
fn identity(path: &Path) -> Result<Introduction, Failure> {
    if path.as_os_str().to_string_lossy().trim().to_ascii_lowercase().starts_with("vmid1") {
        return Err(Failure::usage(
            "--identity takes the file, not the line: the line does not prove whose keys it names",
            ASK,
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(&format!("cannot read {}: {error}", path.display()), ASK)
    })?;
    Introduction::parse(&text, Role::Advertiser).map_err(|error| {
        let fix = match error {
            IdentityTextError::Proof => {
                "do not invite it: ask whoever sent it, by telephone, for the identity.txt that \
                 `advertiser-node init` wrote"
            }
            _ => ASK,
        };
        Failure::usage(&format!("{}: {error}", path.display()), fix)
    })
}

fn profiles(names: &[String]) -> Result<Vec<Profile>, Failure> {
    let mut profiles = Vec::new();
    for name in names {
        let profile = Profile::from_name(name).ok_or_else(|| {
            let known: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
            Failure::usage(
                &format!("there is no profile {}", node::error::shown(name)),
                &format!("use --profile with one of {}", known.join(", ")),
            )
        })?;
        if !profiles.contains(&profile) {
            profiles.push(profile);
        }
    }
    Ok(profiles)
}

const ASK: &str =
    "ask the advertiser for the file identity.txt that `advertiser-node init` wrote, both lines";
