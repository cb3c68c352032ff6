//! The master keys, the data keys, and whether what is sealed still opens.

use audit::Journal;
use sea_orm::DatabaseConnection;
use secrets_vault::{
    DataKeyState, Keyring, MasterKeyInUse, MasterKeys, RotationLimits, RotationState, Store, Subject,
    SwapTest, Vault, VaultError,
};

use super::Place;
use super::findings::Findings;
use crate::StartError;
use crate::output::counted;

/// How many identifiers are named in one line.
const MOST_NAMED: usize = 3;

pub(super) async fn look_at(
    database: &DatabaseConnection,
    masters: Result<MasterKeys, StartError>,
    place: &Place,
    findings: &mut Findings,
) {
    let store = Store::new(Journal::new(database.clone()));
    let (used, states) = match (store.master_keys_in_use().await, store.data_key_states().await) {
        (Ok(used), Ok(states)) => (used, states),
        (Err(error), _) | (_, Err(error)) => return unreadable(findings, &error),
    };
    let masters = match masters {
        Ok(masters) => masters,
        Err(error) => {
            return findings.fail(
                "master key",
                error.needing(&used),
                "repair this entry; nothing is served until then",
            );
        }
    };
    let vault = Vault::new(store, Keyring::new(masters.clone()));
    if !master_keys(&vault, &masters, &used, place, findings).await {
        return;
    }
    data_keys(&vault, &states, findings).await;
    root_key(&vault, findings).await;
    swap(&vault, findings).await;
    bounds(&states, findings);
    rotations(&vault, findings).await;
}

/// Answers whether there is any use in trying to open something.
async fn master_keys(
    vault: &Vault,
    masters: &MasterKeys,
    used: &[MasterKeyInUse],
    place: &Place,
    findings: &mut Findings,
) -> bool {
    let names = used.iter().map(|key| format!("{} ({})", key.name, data_keys_counted(key.data_keys)));
    let needed = if used.is_empty() { "none yet".to_owned() } else { names.collect::<Vec<_>>().join(", ") };
    match masters.check().await {
        Ok(concerns) => {
            for concern in concerns {
                findings.warn("master key", concern, "change it there");
            }
        }
        Err(error) => {
            findings.fail("master key", error, "check secrets.transit");
            return false;
        }
    }
    if let Err(error) = vault.check_master_keys().await {
        findings.fail("master key", place.name(StartError::vault(&error)), "nothing is served until then");
        return matches!(error, VaultError::KeyTampered(_));
    }
    let known = masters.known().await;
    findings.ok("master key", format!("configured: {}; needed: {needed}", known.join(", ")));
    let (current, former) = known.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    if used.iter().any(|key| key.name != current) {
        findings.warn(
            "master key",
            "some data keys are still wrapped by a former one",
            "run `vybe keys rotate master`",
        );
    }
    for name in former.iter().filter(|name| used.iter().all(|key| !masters.same(name, &key.name))) {
        findings.warn(
            "master key",
            format!("nothing is wrapped by the former {name} any more"),
            "remove it from the configuration; keep it as long as the oldest backup",
        );
    }
    true
}

async fn data_keys(vault: &Vault, states: &[DataKeyState], findings: &mut Findings) {
    let mut broken = Vec::new();
    for state in states {
        match vault.unwraps(state.id).await {
            Ok(true) => {}
            Ok(false) => broken.push(format!("{} of {}", state.id, state.holder)),
            Err(error) => return unreadable(findings, &error),
        }
    }
    if broken.is_empty() {
        return findings.ok("data keys", format!("all {} unwrap", states.len()));
    }
    let named = broken.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    findings.fail(
        "data keys",
        format!("{} of {} do not unwrap: {named}", broken.len(), states.len()),
        "they were changed outside of the platform; restore them from a backup",
    );
}

async fn root_key(vault: &Vault, findings: &mut Findings) {
    match vault.known_root_key().await {
        Ok(Some(_)) => findings.ok("root key", "opens"),
        Ok(None) => findings.warn("root key", "is not there yet", "the first start makes it"),
        Err(error) => findings.fail("root key", error, "restore it from a backup"),
    }
}

async fn swap(vault: &Vault, findings: &mut Findings) {
    const SUBJECT: &str = "sealed values";
    match vault.try_swap().await {
        Ok(SwapTest::Refused) => findings.ok(SUBJECT, "open where they are, and not in each other's place"),
        Ok(SwapTest::OneValue) => findings.ok(SUBJECT, "there is one; it opens where it is and nowhere else"),
        Ok(SwapTest::NoValue) => findings.ok(SUBJECT, "there are none"),
        Ok(SwapTest::Opened) => findings.fail(
            SUBJECT,
            "one opens in the place of another",
            "stop the platform and ask its makers: values are not bound to their place",
        ),
        Err(error) => findings.fail(SUBJECT, error, "restore it from a backup"),
    }
}

fn bounds(states: &[DataKeyState], findings: &mut Findings) {
    const SUBJECT: &str = "data keys";
    let many = RotationLimits::default().seals;
    let worn = states.iter().filter(|state| state.retired_at.is_none() && state.seals >= many);
    let worn: Vec<_> = worn.map(|state| format!("{} ({} seals)", state.holder, state.seals)).collect();
    if worn.is_empty() {
        let most = states.iter().map(|state| state.seals).max().unwrap_or_default();
        findings.ok(SUBJECT, format!("none is near its bound; the most used one has sealed {most} times"));
    } else {
        let named = worn.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
        let said = format!("{} should have been rotated: {named}", counted(worn.len(), "key"));
        findings.warn(SUBJECT, said, "run `vybe keys rotate`, and see in the log why the platform does not");
    }
    let retired = states.iter().filter(|state| state.retired_at.is_some() && state.values > 0);
    let (keys, values) = retired.fold((0, 0), |(keys, values), state| (keys + 1, values + state.values));
    if keys > 0 {
        findings.warn(
            SUBJECT,
            format!("{} still seals {values} values", counted(keys, "former key")),
            "a rotation is under way, or waits for the platform to go on with it",
        );
    }
}

async fn rotations(vault: &Vault, findings: &mut Findings) {
    const SUBJECT: &str = "rotations";
    let unfinished = match vault.unfinished_rotations().await {
        Ok(unfinished) => unfinished,
        Err(error) => return unreadable(findings, &error),
    };
    if unfinished.is_empty() {
        findings.ok(SUBJECT, "all have ended well");
    }
    for rotation in unfinished {
        let said = format!("of {} has done {} of {}", rotation.subject, rotation.done, rotation.total);
        match rotation.state {
            RotationState::Failed(broken) => findings.fail(
                SUBJECT,
                format!("{said} and failed: {} do not open", broken.number),
                "restore what does not open (`vybe keys status` names it), then rotate again",
            ),
            _ if rotation.subject == Subject::MasterKey => {
                findings.warn(
                    SUBJECT,
                    said,
                    "`vybe keys rotate master` goes on with it, if it is not running",
                );
            }
            _ => findings.warn(SUBJECT, said, "the running platform goes on with it; see `vybe keys status`"),
        }
    }
}

fn unreadable(findings: &mut Findings, error: &VaultError) {
    findings.fail("vault", StartError::vault(error), "check that the database is running");
}

fn data_keys_counted(number: i64) -> String {
    counted(usize::try_from(number).unwrap_or_default(), "data key")
}
