//! `invite`: opens a tenant and writes the invitation for it.

use std::path::{Path, PathBuf};

use channel::identity::{IdentityTextError, Introduction, NodeIdentity, comparison_code};
use node::console::{OutputOptions, Terminal};
use node::failure::Failure;
use node::invite::{COOKIE_NAMESPACE_MIN, Invitation};
use normalize::manifest::RulesManifest;
use protocol::identifier::IdentifierKind;
use protocol::limits::{Limits, TERMS_LIST_MAX};
use protocol::suite::{Profile, SuiteId};
use protocol::table::padded_tags;
use protocol::transcript::Role;
use report::{Arg, Code, Line, Text};
use store::output::Output;

use crate::Home;
use crate::budget::{self, Share};
use crate::cli::{Allowed, InviteOptions};
use crate::group;
use crate::namespaces::Namespaces;
use crate::partners::{self, Partners};
use crate::policy::{NewPartner, PartnerPolicy};
use crate::publish::Published;
use crate::tenant::Tenant;

pub(crate) fn run(
    dir: &Path,
    options: &InviteOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let advertiser = identity(&options.identity)?.identity();
    let profiles = profiles(&options.profile)?;
    let own = home.identity.public();
    if advertiser.spki == own.spki || advertiser.attestation_key == own.attestation_key {
        return Err(Failure::new(Code::Usage, Text::new("invite-own-identity")));
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
    let named = options
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{}.invitation.toml", options.name)));
    let mut outputs = output.outputs();
    outputs.reads(Path::new(&options.identity));
    // Before a tenant is opened whose invitation has no place.
    let written = outputs.claim(&named)?;
    output.claim_json(&mut outputs)?;
    if outputs.take_standard_output() {
        terminal.put_text_aside();
    }
    let tenant = Tenant::open(&home, policy, options.daily)?;
    let (tenant, like) = match tenant.in_its_group(&home)? {
        Some((tenant, like)) => (tenant, Some(like)),
        None => (tenant, None),
    };
    refuse_wide(&tenant.policy, &options.allow)?;
    tenant.save(&home)?;
    let namespaces = Namespaces::learn(&home, &tenant.policy.namespaces)?;
    let invitation = invitation(&home, (dir, options), &tenant, &namespaces)?;
    invitation.publish(&written)?;
    tell(&home, &tenant, &written, terminal)?;
    let (partners, ledger) = (Partners::read(&home)?, partners::ledger(&home));
    let known: Vec<&Tenant> = partners.known().collect();
    for warning in group::near(&home, ledger.as_ref(), &known, &tenant)? {
        terminal.say(&warning);
    }
    if let Some(like) = like {
        terminal.say(&Text::new("invite-like").with("partner", like));
    }
    if let Some(warning) = no_cookie(&profiles, &tenant, &namespaces) {
        terminal.list([Line::of(warning), Line::under(Text::new("invite-no-cookie-then"))]);
    }
    let code = comparison_code(&advertiser, &own);
    terminal.say(&Text::new("compare-code").with("code", code.to_string()));
    let next = Text::new("invite-next").with("output", written.told());
    let paste = Text::new("invite-next-command").with("dir", dir);
    terminal.list([Line::of(next), Line::under(paste)]);
    Ok(())
}

fn invitation(
    home: &Home,
    (dir, options): (&Path, &InviteOptions),
    tenant: &Tenant,
    namespaces: &Namespaces,
) -> Result<Invitation, Failure> {
    let rules = RulesManifest::build(home.config.common.ruleset, &home.config.common.options)?;
    let provider =
        NodeIdentity::introduction(dir, Role::Provider).map_err(node::home::HomeError::from)?;
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
        table_tags: table_tags(home)?,
    })
}

/// Tags of a table of the whole graph, if there is one: the advertiser takes little more.
fn table_tags(home: &Home) -> Result<Option<u64>, Failure> {
    let snapshot = Published::current(home)?;
    let identifiers = snapshot.map(|snapshot| snapshot.stored.counts().identifiers);
    Ok(identifiers.and_then(|identifiers| padded_tags(identifiers, &Limits::STANDARD)))
}

/// Tells the operator what the partner may do, and how much of what there is to guess.
fn tell(home: &Home, tenant: &Tenant, output: &Output, terminal: &Terminal) -> Result<(), Failure> {
    let policy = &tenant.policy;
    let may_run = Text::new("invite-may-run")
        .with("partner", &tenant.name)
        .with("profiles", Arg::Word(policy.profiles.join(", ")))
        .with("purpose", &policy.purpose);
    let budget = Text::new("invite-budget")
        .with("rows", policy.rows)
        .with("day", policy.evaluations_per_day)
        .with("month", policy.evaluations_per_epoch);
    let snapshot = Published::current(home)?;
    let identifiers = snapshot.map(|snapshot| snapshot.stored.counts().identifiers);
    let share = Text::new("invite-share").with("shares", shares(policy, identifiers));
    terminal.list([Line::of(may_run), Line::of(budget), Line::under(share)]);
    if tests_numbers(policy) {
        let phones = Text::new("invite-phones")
            .with("day", policy.phones_per_day)
            .with("month", policy.phones_per_epoch);
        terminal.list([Line::under(phones)]);
    }
    if adds_noise(policy) {
        let (id, run) = match policy.epsilon_milli {
            0 => ("invite-no-noise", milli(0)),
            run => ("invite-epsilon", milli(run.into())),
        };
        let most = milli(policy.epsilon_epoch_milli.into());
        terminal.list([Line::under(Text::new(id).with("run", run).with("month", most))]);
    }
    let (others, ledger) = (Partners::read(home)?.tenants, partners::ledger(home));
    let kin = group::kin(home, ledger.as_ref(), &others, tenant)?;
    if !kin.is_empty() {
        let names: Vec<&str> = kin.iter().map(|one| one.name.as_str()).collect();
        let group = Text::new("invite-group").with("partners", Arg::Word(names.join(", ")));
        terminal.list([Line::under(group)]);
    }
    let mut profiles = policy.profiles();
    profiles.extend(kin.iter().flat_map(|one| one.policy.profiles()));
    if mixes(&profiles) {
        terminal.say(&Text::new("invite-mixed"));
    }
    if policy.profiles().contains(&Profile::DigitalIds) {
        terminal.say(&Text::new("invite-exact-bag"));
    }
    terminal.say(&Text::new("invite-written").with("output", output.told()));
    Ok(())
}

/// The budget as shares of a numbering plan and of the graph.
pub(crate) fn shares(policy: &PartnerPolicy, identifiers: Option<u64>) -> Text {
    let (day, epoch) = (policy.evaluations_per_day, policy.evaluations_per_epoch);
    let told = |id, share: &dyn Fn(u64) -> Share| {
        Text::new(id).with("day", share(day).told()).with("month", share(epoch).told())
    };
    let graph = match identifiers {
        Some(all) => told("shares-graph", &|evaluations| Share::of(evaluations, all)),
        None => Text::new("shares-no-graph"),
    };
    match tests_numbers(policy) {
        true => Text::new("shares-both")
            .with("plan", told("shares-plan", &Share::of_plan))
            .with("graph", graph),
        false => graph,
    }
}

/// True if its tables hold identifiers that can be counted through.
pub(crate) fn tests_numbers(policy: &PartnerPolicy) -> bool {
    let phone = |name: &String| {
        let kind = IdentifierKind::from_name(name);
        [IdentifierKind::PHONE, IdentifierKind::PHONE_DIGITS].into_iter().any(|of| kind == Some(of))
    };
    policy.kinds.iter().any(phone)
}

/// True if a profile of the partner can have noise.
pub(crate) fn adds_noise(policy: &PartnerPolicy) -> bool {
    policy.profiles().iter().any(|profile| profile.suite() == SuiteId::Shuffled)
}

/// Privacy loss, for a person.
pub(crate) const fn milli(thousandths: u64) -> Arg {
    Arg::Decimal(thousandths, 3)
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
    let text = Text::new("invite-wide").with("evaluations", policy.evaluations_per_epoch);
    Err(Failure::new(Code::Usage, text.with("share", share.told())))
}

fn check_entity(name: &str) -> Result<(), Failure> {
    let plain = name.trim() == name && name == report::shown(name);
    if plain && (1..=128).contains(&name.len()) {
        return Ok(());
    }
    Err(Failure::new(Code::Usage, Text::new("invite-legal-entity")))
}

/// Told where no cookie could be delivered: nothing adds namespaces to a policy afterwards.
fn no_cookie(profiles: &[Profile], tenant: &Tenant, known: &Namespaces) -> Option<Text> {
    let cookies =
        |names: &[String]| names.iter().any(|name| known.code(name) >= Some(COOKIE_NAMESPACE_MIN));
    if !profiles.iter().any(|profile| profile.sends_handles()) || cookies(&tenant.policy.namespaces)
    {
        return None;
    }
    let graph: Vec<String> = known.by_code().into_values().collect();
    let ingest = if cookies(&graph) { "no" } else { "yes" };
    let text = Text::new("invite-no-cookie").with("ingest", ingest);
    Some(text.with("file", &tenant.path("partner.toml")))
}

/// The identity in a file, proved; the line alone would be anybody's to make.
fn identity(path: &Path) -> Result<Introduction, Failure> {
    if path.as_os_str().to_string_lossy().trim().to_ascii_lowercase().starts_with("vmid1") {
        return Err(Failure::new(Code::Usage, Text::new("invite-line")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        let text = Text::new("invite-unreadable").with("path", path);
        Failure::new(Code::Usage, text.with("why", &error))
    })?;
    Introduction::parse(&text, Role::Advertiser).map_err(|error| {
        let id = match error {
            IdentityTextError::Proof => "invite-unproved",
            _ => "invite-identity",
        };
        let text = Text::new(id).with("path", path).with("why", error.text());
        Failure::new(Code::Usage, text)
    })
}

fn profiles(names: &[String]) -> Result<Vec<Profile>, Failure> {
    let mut profiles = Vec::new();
    for name in names {
        let profile = Profile::from_name(name).ok_or_else(|| {
            let known: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
            let text = Text::new("invite-no-profile").with("profile", name);
            Failure::new(Code::Usage, text.with("known", Arg::Word(known.join(", "))))
        })?;
        if !profiles.contains(&profile) {
            profiles.push(profile);
        }
    }
    Ok(profiles)
}
